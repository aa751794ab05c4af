// A few numbers that tell whether two programs computed the same tensors.
#pragma once

#include <mote/tensor.h>

#include <string>
#include <vector>

namespace bench {

// Two for each tensor: a weighted sum over at most 65536 elements that are evenly spread, and the same sum of their
// absolute values, which is its scale. bench/peers/torch_peer.py computes the same.
std::vector<double> checksum_of(const std::vector<mote::Tensor>& results);

// Empty where each sum agrees to `tolerance` of its scale; otherwise what differs.
std::string difference(const std::vector<double>& got, const std::vector<double>& want, double tolerance);

}  // namespace bench
