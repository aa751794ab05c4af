// Order along a dimension. Sorting is stable and NaN counts as the greatest value. Differentiable in the values.
#pragma once

#include "mote/fwd.h"

namespace mote {

ValuesAndIndices sort(const Tensor& x, int64_t dim = -1, bool descending = false);
Tensor argsort(const Tensor& x, int64_t dim = -1, bool descending = false);
ValuesAndIndices topk(const Tensor& x, int64_t k, int64_t dim = -1, bool largest = true, bool sorted = true);

}  // namespace mote
