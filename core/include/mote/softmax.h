// Softmax along one dimension, computed with the maximum subtracted. Integers give float32. Differentiable.
#pragma once

#include "mote/fwd.h"

namespace mote {

Tensor softmax(const Tensor& x, int64_t dim, std::optional<DType> dtype = std::nullopt);
Tensor log_softmax(const Tensor& x, int64_t dim, std::optional<DType> dtype = std::nullopt);

}  // namespace mote
