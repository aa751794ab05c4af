// Maxima and minima: over everything, over dimensions, along one dimension with positions.
#include <fmt/format.h>

#include "mote/creation.h"
#include "mote/reduce.h"
#include "ops/reduce_dims.h"
#include "ops/support.h"

namespace mote {

namespace {

void check_not_empty(const char* op, const Shape& shape, const ReducedShape& reduced) {
  for (int64_t dim : reduced.dims)
    if (shape.rank() > 0 && shape[dim] == 0)
      throw ShapeError(fmt::format("{}: expected dimension {} to have at least one element, but got shape {}", op, dim,
                                   shape.str()));
}

// The gradient is shared evenly by all elements that are the extreme (for a NaN result: by all NaNs).
Tensor share_evenly(const Tensor& g, const Tensor& x, const Tensor& extreme, const ReducedShape& reduced) {
  const Tensor top = reshape(extreme, reduced.kept);
  const Tensor winners = logical_or(eq(x, top), logical_and(isnan(x), isnan(top)));
  const Tensor number = sum(winners, Dims(reduced.dims), true);
  return reshape(g, reduced.kept) / to(number, g.dtype()) * to(winners, g.dtype());
}

Tensor extreme_over(const char* op, ReduceOp kind, const Tensor& x, const Dims& dims, bool keepdim) {
  const ReducedShape reduced(op, x.shape(), dims, keepdim);
  check_not_empty(op, x.shape(), reduced);
  Tensor y = run_reduce(op, kind, x, reduced, x.dtype());
  if (needs_grad(x))
    record(op, y, {&x},
           [reduced, x = Saved(x), y = SavedOutput(y)](const Tensor& g) { return share_evenly(g, x(), y(), reduced); });
  return y;
}

Tensor run_arg_reduce(const char* op, bool largest, const Tensor& x, int64_t dim, const ReducedShape& reduced) {
  check_not_empty(op, x.shape(), reduced);
  Tensor positions = make_result(op, reduced.result, DType::Int64, x.device());
  if (x.dim() == 0) {
    backend_of(x).fill(view_of(positions), 0);
  } else {
    backend_of(x).arg_reduce(largest, keepdim_view(positions, reduced), view_of(x), dim);
  }
  return positions;
}

ValuesAndIndices extreme_along(const char* op, bool largest, const Tensor& x, int64_t dim, bool keepdim) {
  const ReducedShape reduced(op, x.shape(), dim, keepdim);
  const Tensor positions = run_arg_reduce(op, largest, x, reduced.dims.empty() ? 0 : reduced.dims[0], reduced);
  Tensor values = make_result(op, reduced.result, x.dtype(), x.device());
  if (x.dim() == 0) {
    backend_of(x).copy(view_of(values), view_of(x));
  } else {
    backend_of(x).gather(keepdim_view(values, reduced), view_of(x), reduced.dims[0], keepdim_view(positions, reduced));
  }
  if (needs_grad(x))
    record(op, values, {&x}, [reduced, shape = x.shape(), positions = Saved(positions)](const Tensor& g) {
      if (shape.rank() == 0) return g;
      const Tensor blank = zeros(shape, {.dtype = g.dtype(), .device = g.device()});
      return scatter_add(blank, reduced.dims[0], reshape(positions(), reduced.kept), reshape(g, reduced.kept));
    });
  return {values, positions};
}

Tensor position_of_extreme(const char* op, bool largest, const Tensor& x, std::optional<int64_t> dim, bool keepdim) {
  if (dim) {
    const ReducedShape reduced(op, x.shape(), *dim, keepdim);
    return run_arg_reduce(op, largest, x, reduced.dims.empty() ? 0 : reduced.dims[0], reduced);
  }
  const ReducedShape all(op, x.shape(), {}, keepdim);
  check_not_empty(op, x.shape(), all);
  const NoGradGuard no_grad;
  const Tensor flat = reshape(x, {x.numel()});
  const Tensor position = run_arg_reduce(op, largest, flat, 0, ReducedShape(op, flat.shape(), 0, false));
  return reshape(position, all.result);
}

}  // namespace

Tensor max(const Tensor& x) { return extreme_over("max", ReduceOp::Max, x, {}, false); }
Tensor min(const Tensor& x) { return extreme_over("min", ReduceOp::Min, x, {}, false); }
ValuesAndIndices max(const Tensor& x, int64_t dim, bool keepdim) { return extreme_along("max", true, x, dim, keepdim); }
ValuesAndIndices min(const Tensor& x, int64_t dim, bool keepdim) {
  return extreme_along("min", false, x, dim, keepdim);
}
Tensor max(const Tensor& a, const Tensor& b) { return maximum(a, b); }
Tensor min(const Tensor& a, const Tensor& b) { return minimum(a, b); }
Tensor amax(const Tensor& x, const Dims& dims, bool keepdim) {
  return extreme_over("amax", ReduceOp::Max, x, dims, keepdim);
}
Tensor amin(const Tensor& x, const Dims& dims, bool keepdim) {
  return extreme_over("amin", ReduceOp::Min, x, dims, keepdim);
}
Tensor argmax(const Tensor& x, std::optional<int64_t> dim, bool keepdim) {
  return position_of_extreme("argmax", true, x, dim, keepdim);
}
Tensor argmin(const Tensor& x, std::optional<int64_t> dim, bool keepdim) {
  return position_of_extreme("argmin", false, x, dim, keepdim);
}

}  // namespace mote
