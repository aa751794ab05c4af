// Which dtype operands of different dtypes are computed in: PyTorch's torch.result_type.
#pragma once

#include "mote/tensor.h"

namespace mote {

// Tensors with dimensions decide; a 0-dimensional one counts only where it is of a higher kind (bool < integer <
// floating-point).
DType result_type(const Tensor& a, const Tensor& b);

// Whether a result of dtype `from` may be written into a tensor of dtype `to`: not floating point into integers, and
// nothing but bool into bool.
constexpr bool can_cast(DType from, DType to) {
  if (is_floating_point(from)) return is_floating_point(to);
  return to != DType::Bool || from == DType::Bool;
}

}  // namespace mote
