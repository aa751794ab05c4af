// Results against a reference in float64.
#pragma once

#include <mote/tensor.h>

#include <string>
#include <vector>

namespace bench {

struct Verdict {
  double error = 0;   // greatest difference, relative to the greatest value of the reference
  std::string wrong;  // what is wrong, or empty
};

// The reference has the values in float64; a NaN or infinity must stand where the reference has one.
Verdict verify(const std::vector<mote::Tensor>& got, const std::vector<mote::Tensor>& want, double tolerance);

}  // namespace bench
