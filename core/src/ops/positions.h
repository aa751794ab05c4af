// What operations that take positions share.
#pragma once

#include "ops/support.h"

namespace mote {

// A list of positions as int64 [n], from an integer tensor of one dimension or none. Checks its dtype and device.
Tensor list_of_positions(const char* op, const Tensor& x, const Tensor& index);

// x, or a view of shape [1] of a tensor without dimensions.
Tensor as_at_least_1d(const Tensor& x);

// A dense copy outside the graph, for an operation that changes a part of it.
Tensor copy_of(const char* op, const Tensor& x);

// `source`, or a copy of it where it lives in the memory of `written`.
Tensor separate_from(const Tensor& written, const Tensor& source);

}  // namespace mote
