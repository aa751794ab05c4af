// Reading elements by position along one dimension, by index expression, or by mask.
#include "mote/indexing.h"

#include <fmt/format.h>

#include "mote/creation.h"
#include "mote/recording.h"
#include "mote/views.h"
#include "ops/index_plan.h"
#include "ops/picked.h"
#include "ops/positions.h"
#include "ops/view_rules.h"

namespace mote {

namespace {

// x with its first `count` dimensions merged into one, where that takes no copy.
std::optional<Tensor> merge_leading(const Tensor& x, int64_t count) {
  Shape shape(x.shape().data() + count, x.dim() - count);
  shape.insert(0, Shape(x.shape().data(), count).numel());
  if (!view_strides(x.get(), shape)) return std::nullopt;
  return view(x, shape);
}

}  // namespace

Tensor index(const Tensor& x, const std::vector<TensorIndex>& indices) {
  // A mask over dimensions that lie together is one list of positions instead of one for each dimension.
  if (const Tensor* mask = single_mask(x, indices); mask && mask->dim() > 1)
    if (const auto merged = merge_leading(x, mask->dim())) return index(*merged, {mask->reshape({-1})});
  const IndexPlan plan = plan_index("index", x, indices);
  // A view even where everything is taken: the result is never x itself.
  const bool alias = plan.basic.whole && plan.tensors.empty();
  const Tensor y = alias ? view(x, x.shape()) : apply_basic(x, plan.basic);
  return plan.tensors.empty() ? y : pick_elements(y, plan.tensors);
}

Tensor masked_select(const Tensor& x, const Tensor& mask) {
  check_same_device("masked_select", "self", x, "mask", mask);
  check_dtype("masked_select", "mask", mask, DType::Bool);
  const Shape shape = broadcast_shapes("masked_select", x.shape(), mask.shape());
  return index(expand(x, shape), {expand(mask, shape)}).reshape({-1});
}

Tensor nonzero(const Tensor& x) {
  Backend& backend = backend_of(x);
  refuse_host_read("nonzero", x.device());
  Tensor y = make_result("nonzero", {backend.count_nonzero(view_of(x)), x.dim()}, DType::Int64, x.device());
  backend.nonzero(view_of(y), view_of(x));
  return y;
}

// --- along one dimension ---------------------------------------------------------------------------------------------

Tensor index_select(const Tensor& x, int64_t dim, const Tensor& index) {
  const int64_t at = wrap_dim("index_select", dim, x.dim());
  const Tensor positions = list_of_positions("index_select", x, index);
  if (x.dim() == 0 && positions.numel() != 1)
    throw ShapeError(
        fmt::format("index_select: a tensor of 0 dimensions takes one position, but got {}", positions.numel()));
  Shape shape = x.shape();
  if (x.dim() > 0) shape[at] = positions.numel();
  Tensor y = make_result("index_select", shape, x.dtype(), x.device());
  {
    const NoGradGuard no_grad;
    const Tensor target = as_at_least_1d(y), source = as_at_least_1d(x);
    Shape along = Shape::filled(target.shape().rank(), 1);
    along[at] = positions.numel();
    // A gather, because the backend's index_select counts a negative position from the end; but that checks positions
    // even where there is nothing to take.
    name_index_errors("index_select", [&] {
      if (y.numel() == 0)
        backend_of(x).index_select(view_of(target), view_of(source), at, view_of(positions));
      else
        backend_of(x).gather(view_of(target), view_of(source), at, view_of(positions.view(along), target.shape()));
    });
  }
  if (needs_grad(x))
    record("index_select", y, {&x}, [at, positions = Saved(positions), was = x.shape()](const Tensor& g) {
      return sum_slices("index_select_backward", was, at, positions(), g);
    });
  return y;
}

namespace {

void add_into(const char* op, const Tensor& y, int64_t dim, const Tensor& positions, const Tensor& source) {
  const NoGradGuard no_grad;
  const Tensor target = as_at_least_1d(y), values = as_at_least_1d(separate_from(y, source));
  name_index_errors(op,
                    [&] { backend_of(y).index_add(view_of(target), dim, view_of(positions), view_of(values), true); });
}

}  // namespace

Tensor add_slices(const char* op, const Tensor& self, int64_t dim, const Tensor& positions, const Tensor& source,
                  const Tensor* out) {
  Tensor y = out ? *out : copy_of(op, self);
  add_into(op, y, dim, positions, source);
  if (!out && needs_grad(self, source))
    record(op, y, {&self, &source},
           [dim, positions = Saved(positions, tracks_grad(source)), was = source.shape()](const Tensor& g,
                                                                                          const Needs& needs) {
             std::array<Tensor, 2> gradients;
             if (needs[0]) gradients[0] = g;
             if (needs[1]) gradients[1] = index_select(g, dim, positions()).reshape(was);
             return gradients;
           });
  return y;
}

Tensor sum_slices(const char* op, const Shape& shape, int64_t dim, const Tensor& positions, const Tensor& source) {
  Tensor y = zeros(shape, {.dtype = source.dtype(), .device = source.device()});
  add_into(op, y, dim, positions, source);
  if (needs_grad(source))
    record(op, y, {&source}, [dim, positions = Saved(positions), was = source.shape()](const Tensor& g) {
      return index_select(g, dim, positions()).reshape(was);
    });
  return y;
}

namespace {

// Checks the operands of index_add and gives the positions.
Tensor check_index_add(const char* op, const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source) {
  const Tensor positions = list_of_positions(op, self, index);
  check_same_device(op, "self", self, "source", source);
  check_dtype(op, "source", source, self.dtype());
  Shape expected = self.dim() == 0 ? Shape{1} : self.shape();
  expected[dim] = positions.numel();
  const Shape got = source.dim() == 0 ? Shape{1} : source.shape();
  if (got != expected)
    throw ShapeError(
        fmt::format("{}: expected source of shape {} for {} positions in dimension {} of shape {}, but "
                    "got {}",
                    op, expected.str(), positions.numel(), dim, self.shape().str(), source.shape().str()));
  refuse_negative(op, positions, dim, self.dim() == 0 ? 1 : self.shape()[dim]);
  return positions;
}

}  // namespace

Tensor index_add(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source) {
  const int64_t at = wrap_dim("index_add", dim, self.dim());
  return add_slices("index_add", self, at, check_index_add("index_add", self, at, index, source), source);
}

Tensor index_add_(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source) {
  const int64_t at = wrap_dim("index_add_", dim, self.dim());
  const Tensor positions = check_index_add("index_add_", self, at, index, source);
  return in_place("index_add_", self, needs_grad(self, source), [&](const Tensor& old, const Tensor* out) {
    return add_slices("index_add_", old, at, positions, source, out);
  });
}

}  // namespace mote
