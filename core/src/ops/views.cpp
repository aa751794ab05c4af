// Views: other shapes and strides over the same memory. Nothing is computed forward; the gradient of a view that shows
// only a part of its source is laid back into zeros.
#include "mote/views.h"

#include <fmt/format.h>

#include "mote/reduce.h"
#include "ops/support.h"
#include "ops/view_rules.h"

namespace mote {

Tensor transpose(const Tensor& x, int64_t dim0, int64_t dim1) {
  const TensorImpl& impl = x.get();
  const int64_t a = wrap_dim("transpose", dim0, x.dim()), b = wrap_dim("transpose", dim1, x.dim());
  Shape shape = impl.shape, strides = impl.strides;
  if (a != b) {
    std::swap(shape[a], shape[b]);
    std::swap(strides[a], strides[b]);
  }
  Tensor y = make_view(x, shape, strides, impl.offset);
  if (needs_grad(x)) record("transpose", y, {&x}, [a, b](const Tensor& g) { return transpose(g, a, b); });
  return y;
}

Tensor t(const Tensor& x) {
  if (x.dim() > 2)
    throw ShapeError(
        fmt::format("t: expected at most 2 dimensions, but got shape {}; use transpose(dim0, dim1)", x.shape().str()));
  return x.dim() < 2 ? transpose(x, 0, 0) : transpose(x, 0, 1);
}

Tensor permute(const Tensor& x, const Shape& dims) {
  const TensorImpl& impl = x.get();
  if (dims.rank() != x.dim())
    throw ShapeError(fmt::format("permute: expected one entry for each dimension of shape {}, but got {}",
                                 impl.shape.str(), dims.str()));
  Shape shape = impl.shape, strides = impl.strides, inverse = Shape::filled(dims.rank(), -1);
  for (int i = 0; i < dims.rank(); ++i) {
    const int64_t from = wrap_dim("permute", dims[i], x.dim());
    if (inverse[from] != -1)
      throw ShapeError(fmt::format("permute: dimension {} appears twice in {}", from, dims.str()));
    inverse[from] = i;
    shape[i] = impl.shape[from];
    strides[i] = impl.strides[from];
  }
  Tensor y = make_view(x, shape, strides, impl.offset);
  if (needs_grad(x)) record("permute", y, {&x}, [inverse](const Tensor& g) { return permute(g, inverse); });
  return y;
}

Tensor movedim(const Tensor& x, int64_t source, int64_t destination) {
  const int64_t from = wrap_dim("movedim", source, x.dim()), to = wrap_dim("movedim", destination, x.dim());
  Shape order;
  for (int64_t i = 0; i < x.dim(); ++i)
    if (i != from) order.push_back(i);
  if (x.dim() > 0) order.insert(to, from);
  return permute(x, order);
}

Tensor unsqueeze(const Tensor& x, int64_t dim) {
  const TensorImpl& impl = x.get();
  const int64_t at = wrap_dim("unsqueeze", dim, x.dim() + 1);
  Shape shape = impl.shape, strides = impl.strides;
  strides.insert(at, at < x.dim() ? shape[at] * strides[at] : 1);
  shape.insert(at, 1);
  Tensor y = make_view(x, shape, strides, impl.offset);
  if (needs_grad(x)) record("unsqueeze", y, {&x}, [at](const Tensor& g) { return squeeze(g, at); });
  return y;
}

namespace {

// x without those dimensions of size 1 for which `drops` says so.
template <class Drops>
Tensor squeeze_where(const Tensor& x, Drops drops) {
  const TensorImpl& impl = x.get();
  Shape shape, strides;
  for (int64_t i = 0; i < x.dim(); ++i) {
    if (impl.shape[i] == 1 && drops(i)) continue;
    shape.push_back(impl.shape[i]);
    strides.push_back(impl.strides[i]);
  }
  Tensor y = make_view(x, shape, strides, impl.offset);
  if (needs_grad(x)) record("squeeze", y, {&x}, [was = impl.shape](const Tensor& g) { return reshape(g, was); });
  return y;
}

}  // namespace

Tensor squeeze(const Tensor& x) {
  return squeeze_where(x, [](int64_t) { return true; });
}

Tensor squeeze(const Tensor& x, int64_t dim) {
  return squeeze_where(x, [at = wrap_dim("squeeze", dim, x.dim())](int64_t i) { return i == at; });
}

Tensor expand(const Tensor& x, const Shape& shape) {
  const TensorImpl& impl = x.get();
  const int lead = shape.rank() - impl.shape.rank();
  Shape target = shape;
  bool fits = lead >= 0;
  for (int i = 0; fits && i < shape.rank(); ++i) {
    if (i >= lead && shape[i] == -1) target[i] = impl.shape[i - lead];
    fits = target[i] >= 0 && (i < lead || impl.shape[i - lead] == 1 || impl.shape[i - lead] == target[i]);
  }
  if (!fits)
    throw ShapeError(
        fmt::format("expand: cannot expand shape {} to {}: only new leading dimensions and dimensions of size 1 can "
                    "grow, and -1 keeps a size",
                    impl.shape.str(), shape.str()));
  Tensor y = make_view(x, target, broadcast_strides(impl.shape, impl.strides, target), impl.offset);
  if (needs_grad(x)) record("expand", y, {&x}, [was = impl.shape](const Tensor& g) { return sum_to(g, was); });
  return y;
}

Tensor expand_as(const Tensor& x, const Tensor& other) { return expand(x, other.shape()); }
Tensor broadcast_to(const Tensor& x, const Shape& shape) { return expand(x, shape); }

Tensor select(const Tensor& x, int64_t dim, int64_t index) {
  const TensorImpl& impl = x.get();
  if (x.dim() == 0) throw IndexError("select: a tensor of 0 dimensions has nothing to select; use item()");
  const int64_t at = wrap_dim("select", dim, x.dim());
  const int64_t size = impl.shape[at], position = index < 0 ? index + size : index;
  if (position < 0 || position >= size) name_index_errors("select", [&] { throw_out_of_range(index, at, size); });
  Shape shape = impl.shape, strides = impl.strides;
  shape.erase(at);
  strides.erase(at);
  Tensor y = make_view(x, shape, strides, impl.offset + position * impl.strides[at]);
  if (needs_grad(x))
    record("select", y, {&x}, [at, position, was = impl.shape](const Tensor& g) {
      return put_back("select_backward", g, was,
                      [at, position](const Tensor& whole) { return select(whole, at, position); });
    });
  return y;
}

Tensor slice(const Tensor& x, int64_t dim, std::optional<int64_t> start, std::optional<int64_t> end, int64_t step) {
  const TensorImpl& impl = x.get();
  if (x.dim() == 0) throw IndexError("slice: a tensor of 0 dimensions has nothing to slice");
  const int64_t at = wrap_dim("slice", dim, x.dim());
  const Range range = clamp_range("slice", start, end, step, impl.shape[at]);
  Shape shape = impl.shape, strides = impl.strides;
  shape[at] = range.count;
  if (range.count > 1) strides[at] *= step;
  Tensor y = make_view(x, shape, strides, impl.offset + range.start * impl.strides[at]);
  if (needs_grad(x))
    record("slice", y, {&x}, [at, range, was = impl.shape](const Tensor& g) {
      return put_back("slice_backward", g, was, [at, range](const Tensor& whole) {
        return slice(whole, at, range.start, range.end, range.step);
      });
    });
  return y;
}

Tensor narrow(const Tensor& x, int64_t dim, int64_t start, int64_t length) {
  if (x.dim() == 0) throw IndexError("narrow: a tensor of 0 dimensions has nothing to narrow");
  const int64_t at = wrap_dim("narrow", dim, x.dim());
  const int64_t size = x.shape()[at], first = start < 0 ? start + size : start;
  if (first < 0 || first > size || length < 0 || length > size - first)
    throw IndexError(fmt::format("narrow: start {} and length {} do not lie within dimension {} of size {}", start,
                                 length, at, size));
  return slice(x, at, first, first + length);
}

Tensor diagonal(const Tensor& x, int64_t offset, int64_t dim1, int64_t dim2) {
  const TensorImpl& impl = x.get();
  const int64_t row = wrap_dim("diagonal", dim1, x.dim()), column = wrap_dim("diagonal", dim2, x.dim());
  if (row == column || x.dim() < 2)
    throw ShapeError(fmt::format("diagonal: expected two different dimensions of shape {}, but got {} and {}",
                                 impl.shape.str(), dim1, dim2));
  offset = std::clamp(offset, -impl.shape[row], impl.shape[column]);  // further out there is nothing either
  const int64_t skipped_rows = std::max<int64_t>(-offset, 0), skipped_columns = std::max<int64_t>(offset, 0);
  const int64_t length =
      std::max<int64_t>(std::min(impl.shape[row] - skipped_rows, impl.shape[column] - skipped_columns), 0);
  Shape shape, strides;
  for (int64_t i = 0; i < x.dim(); ++i) {
    if (i == row || i == column) continue;
    shape.push_back(impl.shape[i]);
    strides.push_back(impl.strides[i]);
  }
  shape.push_back(length);
  strides.push_back(impl.strides[row] + impl.strides[column]);
  const int64_t first = length > 0 ? skipped_rows * impl.strides[row] + skipped_columns * impl.strides[column] : 0;
  Tensor y = make_view(x, shape, strides, impl.offset + first);
  if (needs_grad(x))
    record("diagonal", y, {&x}, [offset, row, column, was = impl.shape](const Tensor& g) {
      return put_back("diagonal_backward", g, was,
                      [offset, row, column](const Tensor& whole) { return diagonal(whole, offset, row, column); });
    });
  return y;
}

Tensor detach(const Tensor& x) {
  const NoGradGuard no_grad;  // a view without a base: what is done to it is no part of x's history
  const TensorImpl& impl = x.get();
  Tensor y = make_view(x, impl.shape, impl.strides, impl.offset);
  y.get().loose = false;
  return y;
}

}  // namespace mote
