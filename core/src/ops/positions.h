// What operations that take positions share.
#pragma once

#include "ops/support.h"

namespace mote {

// A list of positions as int64 [n], from an integer tensor of one dimension or none. Checks its dtype and device.
Tensor list_of_positions(const char* op, const Tensor& x, const Tensor& index);

// IndexError for the first of these positions that is negative; the others are the backend's to check.
void refuse_negative(const char* op, const Tensor& positions, int64_t dim, int64_t size);

// self, or *out where out is not null, with the slices of `source` added along dim at positions known not to be
// negative. Records its gradient where out is null.
Tensor add_slices(const char* op, const Tensor& self, int64_t dim, const Tensor& positions, const Tensor& source,
                  const Tensor* out = nullptr);

// The same for zeros of this shape, without a copy of them: the gradient of taking slices. Records its own.
Tensor sum_slices(const char* op, const Shape& shape, int64_t dim, const Tensor& positions, const Tensor& source);

// x, or a view of shape [1] of a tensor without dimensions.
Tensor as_at_least_1d(const Tensor& x);

// A dense copy outside the graph, for an operation that changes a part of it.
Tensor copy_of(const char* op, const Tensor& x);

// `source`, or a copy of it where it lives in the memory of `written`.
Tensor separate_from(const Tensor& written, const Tensor& source);

}  // namespace mote
