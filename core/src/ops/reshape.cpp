// Operations that keep the elements in row-major order, and copies of elements in a new arrangement.
#include <fmt/format.h>

#include "mote/creation.h"
#include "mote/join.h"
#include "ops/view_rules.h"

namespace mote {

namespace {

// `shape` with its -1, if any, replaced by what is left.
Shape infer_shape(const char* op, const Tensor& x, const Shape& shape) {
  Shape result = shape;
  int unknown = -1;
  int64_t known = 1;
  bool valid = true;
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape[i] == -1 && unknown < 0) {
      unknown = i;
    } else {
      valid &= shape[i] >= 0;
      known *= shape[i];
    }
  }
  if (valid && unknown >= 0 && known > 0 && x.numel() % known == 0) {
    result[unknown] = x.numel() / known;
    return result;
  }
  if (!valid || unknown >= 0 || known != x.numel())
    throw ShapeError(fmt::format("{}: cannot bring shape {} ({} elements) into shape {}{}", op, x.shape().str(),
                                 x.numel(), shape.str(),
                                 valid && unknown >= 0 && known == 0 ? ": -1 could be any size" : ""));
  return result;
}

Tensor view_as_shape(const char* op, const Tensor& x, const Shape& shape, const Shape& strides) {
  Tensor y = make_view(x, shape, strides, x.storage_offset());
  if (needs_grad(x)) record(op, y, {&x}, [was = x.shape()](const Tensor& g) { return reshape(g, was); });
  return y;
}

}  // namespace

// Dimensions of x that follow one another densely form a run; each run must be the product of some of the new sizes.
std::optional<Shape> view_strides(const TensorImpl& x, const Shape& shape) {
  if (x.contiguous) return contiguous_strides(shape);
  Shape strides = Shape::filled(shape.rank(), 1);
  int next = shape.rank() - 1;  // the new dimension to be placed, the last first
  int64_t run = 1, unit = x.strides.back();
  for (int i = x.shape.rank() - 1; i >= 0; --i) {
    run *= x.shape[i];
    if (i > 0 && (x.shape[i - 1] == 1 || x.strides[i - 1] == run * unit)) continue;
    int64_t placed = 1;
    while (next >= 0 && (placed < run || shape[next] == 1)) {
      strides[next] = placed * unit;
      placed *= shape[next--];
    }
    if (placed != run) return std::nullopt;
    run = 1;
    if (i > 0) unit = x.strides[i - 1];
  }
  return strides;
}

Tensor reshape(const Tensor& x, const Shape& shape) {
  const Shape target = infer_shape("reshape", x, shape);
  if (const std::optional<Shape> strides = view_strides(x.get(), target))
    return view_as_shape("reshape", x, target, *strides);
  Tensor y = make_result("reshape", target, x.dtype(), x.device());
  backend_of(x).copy({data_of(y), y.dtype(), x.shape(), contiguous_strides(x.shape())}, view_of(x));
  if (needs_grad(x)) record("reshape", y, {&x}, [was = x.shape()](const Tensor& g) { return reshape(g, was); });
  return y;
}

Tensor view(const Tensor& x, const Shape& shape) {
  const Shape target = infer_shape("view", x, shape);
  const std::optional<Shape> strides = view_strides(x.get(), target);
  if (!strides)
    throw ShapeError(fmt::format("view: shape {} with strides {} cannot be seen as {} without a copy; use reshape()",
                                 x.shape().str(), x.strides().str(), target.str()));
  return view_as_shape("view", x, target, *strides);
}

Tensor flatten(const Tensor& x, int64_t start_dim, int64_t end_dim) {
  const int64_t start = wrap_dim("flatten", start_dim, x.dim()), end = wrap_dim("flatten", end_dim, x.dim());
  if (x.dim() == 0) return reshape(x, {1});
  if (start > end)
    throw ShapeError(
        fmt::format("flatten: start_dim {} comes after end_dim {} in shape {}", start_dim, end_dim, x.shape().str()));
  Shape shape;
  for (int64_t i = 0; i < x.dim(); ++i) {
    if (i <= start || i > end)
      shape.push_back(x.shape()[i]);
    else
      shape[start] *= x.shape()[i];
  }
  return reshape(x, shape);
}

Tensor unflatten(const Tensor& x, int64_t dim, const Shape& sizes) {
  const int64_t at = wrap_dim("unflatten", dim, x.dim());
  if (x.dim() == 0 || sizes.empty())
    throw ShapeError(fmt::format("unflatten: expected a dimension and at least one size, but got shape {} and sizes {}",
                                 x.shape().str(), sizes.str()));
  int64_t known = 1;
  for (int64_t size : sizes) known *= size == -1 ? 1 : size;
  Shape shape = x.shape();
  shape.erase(at);
  for (int i = 0; i < sizes.rank(); ++i)
    shape.insert(at + i, sizes[i] == -1 && known > 0 ? x.shape()[at] / known : sizes[i]);
  if (shape.numel() != x.numel())
    throw ShapeError(fmt::format("unflatten: sizes {} do not multiply to size {} of dimension {} in shape {}",
                                 sizes.str(), x.shape()[at], at, x.shape().str()));
  return reshape(x, shape);
}

Tensor clone(const Tensor& x) {
  Tensor y = make_result("clone", x.shape(), x.dtype(), x.device());
  backend_of(x).copy(view_of(y), view_of(x));
  if (needs_grad(x)) record("clone", y, {&x}, [](const Tensor& g) { return g; });
  return y;
}

Tensor contiguous(const Tensor& x) { return x.is_contiguous() ? x : clone(x); }

namespace {

// A copy of x in which each [inner] of x, seen as [outer, inner], follows itself `repeats` times.
Tensor repeat_blocks(const char* op, const Tensor& x, const Shape& result, int64_t outer, int64_t repeats) {
  const int64_t inner = outer > 0 ? x.numel() / outer : 0;
  Tensor y = make_result(op, result, x.dtype(), x.device());
  {
    const NoGradGuard no_grad;
    const Shape blocks{outer, repeats, inner};
    const Tensor source = x.reshape({outer, 1, inner});
    backend_of(x).copy({data_of(y), y.dtype(), blocks, contiguous_strides(blocks)}, view_of(source, blocks));
  }
  if (needs_grad(x))
    record(op, y, {&x}, [was = x.shape(), outer, repeats, inner](const Tensor& g) {
      return g.reshape({outer, repeats, inner}).sum(1).reshape(was);
    });
  return y;
}

// The product of the first `count` sizes.
int64_t leading(const Shape& shape, int64_t count) { return Shape(shape.data(), count).numel(); }

}  // namespace

Tensor repeat(const Tensor& x, const Shape& repeats) {
  if (repeats.rank() < x.dim())
    throw ShapeError(fmt::format("repeat: expected at least one count for each dimension of shape {}, but got {}",
                                 x.shape().str(), repeats.str()));
  Shape shape = x.shape();
  while (shape.rank() < repeats.rank()) shape.insert(0, 1);
  Tensor y = x.reshape(shape);
  bool copied = false;
  for (int dim = repeats.rank() - 1; dim >= 0; --dim) {
    if (repeats[dim] < 0)
      throw ValueError(fmt::format("repeat: a count may not be negative, but got {}", repeats.str()));
    if (repeats[dim] == 1) continue;
    shape[dim] *= repeats[dim];
    y = repeat_blocks("repeat", y, shape, leading(shape, dim), repeats[dim]);
    copied = true;
  }
  return copied ? y : clone(y);
}

Tensor repeat_interleave(const Tensor& x, int64_t repeats, std::optional<int64_t> dim) {
  if (repeats < 0) throw ValueError(fmt::format("repeat_interleave: expected no negative count, but got {}", repeats));
  if (!dim || x.dim() == 0) return repeat_blocks("repeat_interleave", x, {x.numel() * repeats}, x.numel(), repeats);
  const int64_t at = wrap_dim("repeat_interleave", *dim, x.dim());
  Shape shape = x.shape();
  shape[at] *= repeats;
  return repeat_blocks("repeat_interleave", x, shape, leading(x.shape(), at + 1), repeats);
}

Tensor flip(const Tensor& x, const Dims& dims) {
  Tensor y = x;
  Shape seen;
  for (int64_t dim : dims) {
    const int64_t at = wrap_dim("flip", dim, x.dim());
    if (std::find(seen.begin(), seen.end(), at) != seen.end())
      throw ShapeError(fmt::format("flip: dimension {} appears twice in {}", at, dims.str()));
    seen.push_back(at);
    if (x.dim() == 0) continue;
    const int64_t size = x.shape()[at];
    y = index_select(y, at, arange(size - 1, -1, -1, {.device = x.device()}));
  }
  return is_same(x, y) ? clone(x) : y;
}

Tensor roll(const Tensor& x, int64_t shift, int64_t dim) {
  if (x.dim() == 0) return clone(x);
  const int64_t at = wrap_dim("roll", dim, x.dim());
  const int64_t size = std::max<int64_t>(x.shape()[at], 1), cut = (size - shift % size) % size;
  return cat({slice(x, at, cut), slice(x, at, 0, cut)}, at);
}

}  // namespace mote
