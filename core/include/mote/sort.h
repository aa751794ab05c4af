// Order along a dimension. Sorting is stable and NaN counts as the greatest value. Positions are int64; the gradient of
// a value goes back to where it came from.
#pragma once

#include "mote/fwd.h"

namespace mote {

ValuesAndIndices sort(const Tensor& x, int64_t dim = -1, bool descending = false);
Tensor argsort(const Tensor& x, int64_t dim = -1, bool descending = false);
// The k largest or smallest values, in descending or ascending order, of equal ones those with the lower position. They
// come sorted also where `sorted` does not ask for it. ValueError unless 0 <= k <= size.
ValuesAndIndices topk(const Tensor& x, int64_t k, int64_t dim = -1, bool largest = true, bool sorted = true);

}  // namespace mote
