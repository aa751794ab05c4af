// Element-wise kernels in their smallest form: functions over dense rows of one element type. Strides, broadcasting,
// 16-bit types and threads are dealt with once, in cpu_elementwise.cpp, for all of them.
#pragma once

#include <cstdint>

#include "mote/dtype.h"
#include "mote/functors.h"

namespace mote::cpu {

// out[i] = op(in[i]); out may be in. Where `streamed`, a row that can writes its whole lines past the caches: the
// caller calls finish_streaming().
using UnaryRow = void (*)(const void* in, void* out, int64_t n, bool streamed);
// out[i] = op(a[i], b[i]); out may be a or b. `streamed` as above.
using BinaryRow = void (*)(const void* a, const void* b, void* out, int64_t n, bool streamed);

// The dtype in which elements are computed, as compute_t.
constexpr DType compute_dtype(DType dtype) { return is_reduced_floating_point(dtype) ? DType::Float32 : dtype; }

// The row function for operands of a compute dtype, or null where the operation's kind does not allow it.
UnaryRow find_row(UnaryOp op, DType dtype);
BinaryRow find_row(BinaryOp op, DType dtype);

// The same from the vector unit of this machine's CPU; null where there is none for the operation and dtype.
UnaryRow find_vector_row(UnaryOp op, DType dtype);
BinaryRow find_vector_row(BinaryOp op, DType dtype);

}  // namespace mote::cpu
