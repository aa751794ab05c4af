// gather, scatter and scatter_add: one position for each element. gather and scatter_add are each other's gradients.
#include <fmt/format.h>

#include "mote/creation.h"
#include "mote/indexing.h"
#include "mote/views.h"
#include "ops/autocast_operand.h"
#include "ops/positions.h"

namespace mote {

namespace {

// Checks `index` for an operation on x; wraps dim.
int64_t check_gather(const char* op, const Tensor& x, int64_t dim, const Tensor& index) {
  const int64_t at = wrap_dim(op, dim, x.dim());
  check_same_device(op, "self", x, "index", index);
  check_dtype(op, "index", index, DType::Int64);
  const Shape shape = x.dim() == 0 ? Shape{1} : x.shape(), positions = index.dim() == 0 ? Shape{1} : index.shape();
  bool fits = shape.rank() == positions.rank();
  for (int i = 0; fits && i < shape.rank(); ++i) fits = i == at || positions[i] <= shape[i];
  if (!fits && index.numel() > 0)
    throw ShapeError(
        fmt::format("{}: expected index to have the rank of self and to be no larger outside dimension {}, but got "
                    "index of shape {} and self of shape {}",
                    op, at, index.shape().str(), x.shape().str()));
  return at;
}

// The part of `source` that `index` has positions for.
Tensor trim_to(const char* op, const Tensor& self, const Tensor& source, const Tensor& index) {
  check_same_device(op, "self", self, "source", source);
  check_dtype(op, "source", source, self.dtype());
  bool fits = source.dim() == index.dim();
  for (int64_t i = 0; fits && i < index.dim(); ++i) fits = index.shape()[i] <= source.shape()[i];
  if (!fits)
    throw ShapeError(
        fmt::format("{}: expected source to be at least as large as index, but got source of shape {} and "
                    "index of shape {}",
                    op, source.shape().str(), index.shape().str()));
  Tensor part = source;
  for (int64_t i = 0; i < index.dim(); ++i)
    if (index.shape()[i] < source.shape()[i]) part = part.narrow(i, 0, index.shape()[i]);
  return part;
}

// True where a later element with the same position took the place of an element of scatter's source.
Tensor replaced_elements(const Shape& self_shape, int64_t dim, const Tensor& index) {
  const NoGradGuard no_grad;
  Shape along = Shape::filled(static_cast<int>(index.dim()), 1);
  if (index.dim() > 0) along[dim] = index.shape()[dim];
  const Tensor order = arange(along.numel(), {.device = index.device()}).reshape(along).expand(index.shape());
  const Tensor last = scatter(zeros(self_shape, {.dtype = int64, .device = index.device()}), dim, index, order);
  return gather(last, dim, index) != order;
}

Tensor scatter_to(const char* op, const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source, bool add,
                  const Tensor* out) {
  Tensor y = out ? *out : copy_of(op, self);
  {
    const NoGradGuard no_grad;
    const Tensor target = as_at_least_1d(y), positions = as_at_least_1d(separate_from(y, index)),
                 values = as_at_least_1d(separate_from(y, source));
    name_index_errors(op, [&] {
      if (index.numel() > 0) backend_of(self).scatter(view_of(target), dim, view_of(positions), view_of(values), add);
    });
  }
  if (!out && needs_grad(self, source))
    record(op, y, {&self, &source},
           [dim, add, index = Saved(index, !add || tracks_grad(source))](const Tensor& g, const Needs& needs) {
             std::array<Tensor, 2> gradients;
             if (needs[0]) gradients[0] = add ? g : scatter(g, dim, index(), 0.0);
             if (needs[1]) gradients[1] = gather(g, dim, index());
             if (needs[1] && !add)
               gradients[1] = gradients[1].masked_fill(replaced_elements(g.shape(), dim, index()), 0.0);
             return gradients;
           });
  return y;
}

Tensor scatter_out(const char* op, const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source,
                   bool add) {
  const int64_t at = check_gather(op, self, dim, index);
  return scatter_to(op, self, at, index, trim_to(op, self, source, index), add, nullptr);
}

Tensor scatter_in_place(const char* op, const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source,
                        bool add) {
  const int64_t at = check_gather(op, self, dim, index);
  const Tensor part = trim_to(op, self, source, index);
  return in_place(op, self, needs_grad(self, part),
                  [&](const Tensor& old, const Tensor* out) { return scatter_to(op, old, at, index, part, add, out); });
}

// A number as a source of the shape of `index`.
Tensor filled_like(const Tensor& self, const Tensor& index, const Scalar& value) {
  return full({}, value, {.dtype = self.dtype(), .device = self.device()}).expand(index.shape());
}

}  // namespace

Tensor gather(const Tensor& x, int64_t dim, const Tensor& index) {
  const int64_t at = check_gather("gather", x, dim, index);
  Tensor y = make_result("gather", index.shape(), x.dtype(), x.device());
  if (index.numel() > 0) {
    const NoGradGuard no_grad;
    const Tensor target = as_at_least_1d(y), source = as_at_least_1d(x), positions = as_at_least_1d(index);
    name_index_errors("gather",
                      [&] { backend_of(x).gather(view_of(target), view_of(source), at, view_of(positions)); });
  }
  if (needs_grad(x))
    record("gather", y, {&x}, [at, index = Saved(index), was = x.shape()](const Tensor& g) {
      return scatter_add(zeros(was, {.dtype = g.dtype(), .device = g.device()}), at, index(), g);
    });
  return y;
}

Tensor scatter_add(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source) {
  return scatter_out("scatter_add", Autocast(kMixedOperands, self, source), dim, index,
                     Autocast(kMixedOperands, source, self), true);
}

Tensor scatter_add_(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source) {
  return scatter_in_place("scatter_add_", self, dim, index, source, true);
}

Tensor scatter(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source) {
  return scatter_out("scatter", self, dim, index, source, false);
}

Tensor scatter(const Tensor& self, int64_t dim, const Tensor& index, const Scalar& value) {
  return scatter_out("scatter", self, dim, index, filled_like(self, index, value), false);
}

Tensor scatter_(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source) {
  return scatter_in_place("scatter_", self, dim, index, source, false);
}

Tensor scatter_(const Tensor& self, int64_t dim, const Tensor& index, const Scalar& value) {
  return scatter_in_place("scatter_", self, dim, index, filled_like(self, index, value), false);
}

Tensor take_along_dim(const Tensor& x, const Tensor& index, int64_t dim) {
  const int64_t at = wrap_dim("take_along_dim", dim, x.dim());
  if (x.dim() != index.dim())
    throw ShapeError(
        fmt::format("take_along_dim: expected self and index to have the same rank, but got shapes {} and "
                    "{}",
                    x.shape().str(), index.shape().str()));
  if (x.dim() == 0) return gather(x, at, index);
  // Both broadcast against each other, except along dim.
  Shape left = x.shape(), right = index.shape();
  left[at] = right[at] = 1;
  Shape common = broadcast_shapes("take_along_dim", left, right), positions = common;
  common[at] = x.shape()[at];
  positions[at] = index.shape()[at];
  return gather(x.expand(common), at, index.expand(positions));
}

}  // namespace mote
