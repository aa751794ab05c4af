// Lookup tables and dropout.
#pragma once

#include "mote/random.h"
#include "mote/tensor.h"

namespace mote {

// Rows of weight [rows, width] at `indices` (int32 or int64, any shape) -> [..., width]. The gradient adds up equal
// rows in a fixed order; row `padding_idx`, if given, gets none. IndexError for an index outside [0, rows).
Tensor embedding(const Tensor& weight, const Tensor& indices, std::optional<int64_t> padding_idx = std::nullopt);

// int64 [...] -> [..., num_classes] with 1 at each index.
Tensor one_hot(const Tensor& indices, int64_t num_classes = -1);

// In training, zeroes each element with probability p and divides the others by 1 - p (Srivastava et al. 2014);
// otherwise gives x itself.
Tensor dropout(const Tensor& x, double p = 0.5, bool training = true, Generator* generator = nullptr);

}  // namespace mote
