// What the front ends of all reductions share: which dimensions go, the shapes with and without them, and the way back.
#pragma once

#include "mote/fwd.h"
#include "ops/support.h"

namespace mote {

struct ReducedShape {
  // Wraps `dims` (none means all). Throws IndexError outside the rank and ValueError for a dimension named twice.
  ReducedShape(const char* op, const Shape& shape, const Dims& dims, bool keepdim);

  Shape dims;         // the reduced ones, wrapped, ascending
  Shape kept;         // the rank of the source, with size 1 where it is reduced
  Shape result;       // the same, or without the reduced dimensions
  int64_t count = 1;  // how many elements make one result
};

// Runs one reduction of the backend; nothing is recorded.
Tensor run_reduce(const char* op, ReduceOp kind, const Tensor& x, const ReducedShape& reduced, DType dtype);

// `out` as the backend wants it: with the rank of the source.
View keepdim_view(const Tensor& out, const ReducedShape& reduced);

// A gradient of the result, broadcast back over the reduced dimensions.
Tensor spread(const Tensor& g, const Shape& kept, const Shape& shape);

}  // namespace mote
