#include "ops/reduce_dims.h"

#include <fmt/format.h>

#include <array>

#include "mote/views.h"

namespace mote {

ReducedShape::ReducedShape(const char* op, const Shape& shape, const Dims& wanted, bool keepdim) : kept(shape) {
  std::array<bool, kMaxRank> gone{};
  for (int64_t dim : wanted) {
    const int64_t wrapped = wrap_dim(op, dim, shape.rank());
    if (gone[wrapped])
      throw ValueError(fmt::format("{}: dimension {} appears more than once in the list of dimensions {}", op, wrapped,
                                   wanted.str()));
    gone[wrapped] = true;
  }
  for (int dim = 0; dim < shape.rank(); ++dim) {
    if (wanted.empty() || gone[dim]) {
      dims.push_back(dim);
      count *= shape[dim];
      kept[dim] = 1;
      if (keepdim) result.push_back(1);
    } else {
      result.push_back(shape[dim]);
    }
  }
}

View keepdim_view(const Tensor& out, const ReducedShape& reduced) {
  View view = view_of(out);
  view.shape = reduced.kept;
  view.strides = contiguous_strides(reduced.kept);
  return view;
}

Tensor run_reduce(const char* op, ReduceOp kind, const Tensor& x, const ReducedShape& reduced, DType dtype) {
  Tensor y = make_result(op, reduced.result, dtype, x.device());
  backend_of(x).reduce(kind, keepdim_view(y, reduced), view_of(x));
  return y;
}

Tensor spread(const Tensor& g, const Shape& kept, const Shape& shape) {
  return expand(g.shape() == kept ? g : reshape(g, kept), shape);
}

}  // namespace mote
