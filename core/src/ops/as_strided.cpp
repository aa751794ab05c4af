// as_strided and its adjoint, restride, on which the history of in-place changes of views rests.
#include <fmt/format.h>

#include "mote/creation.h"
#include "ops/support.h"

namespace mote {

namespace {

// Where a tensor's elements lie in its storage.
struct Geometry {
  Shape shape;
  Shape strides;
  int64_t offset;

  int64_t end() const { return offset + extent_of(shape, strides); }
};

void check_bounds(const Tensor& x, const Geometry& geometry) {
  const auto [shape, strides, offset] = geometry;
  bool valid = shape.rank() == strides.rank() && offset >= 0;
  for (int i = 0; valid && i < shape.rank(); ++i) valid = shape[i] >= 0 && strides[i] >= 0;
  if (!valid)
    throw ShapeError(
        fmt::format("as_strided: expected a stride for each size and no negative number, but got shape {}, strides {} "
                    "and offset {}",
                    shape.str(), strides.str(), offset));
  const auto available = static_cast<int64_t>(x.get().storage->bytes() / x.element_size());
  const int64_t extent = extent_of(shape, strides);
  if (extent > 0 && (offset > available || extent > available - offset))
    throw IndexError(
        fmt::format("as_strided: shape {} with strides {} and offset {} reaches beyond the storage, which has {} "
                    "elements",
                    shape.str(), strides.str(), offset, available));
}

// The gradient of a tensor of geometry `in` from the gradient g of its view of geometry `out`. Where several indices of
// the source share an element, each gets an equal part of the element's gradient.
Tensor as_strided_backward(const Tensor& g, const Geometry& in, const Geometry& out) {
  const int64_t first = std::min(in.offset, out.offset);
  Tensor flat = restride(g, out.shape, out.strides, out.offset - first, in.end() - first);
  if (overlaps_itself(in.shape, in.strides)) {
    const Tensor one = ones({}, {.dtype = g.dtype(), .device = g.device()}).expand(in.shape);
    flat = flat / restride(one, in.shape, in.strides, in.offset - first, flat.numel()).clamp(1.0);
  }
  return flat.as_strided(in.shape, in.strides, in.offset - first);
}

}  // namespace

Tensor as_strided(const Tensor& x, const Shape& shape, const Shape& strides, std::optional<int64_t> offset) {
  const TensorImpl& impl = x.get();
  const Geometry in{impl.shape, impl.strides, impl.offset}, out{shape, strides, offset.value_or(impl.offset)};
  check_bounds(x, out);
  Tensor y = make_view(x, shape, strides, out.offset);
  if (needs_grad(x))
    record("as_strided", y, {&x}, [in, out](const Tensor& g) { return as_strided_backward(g, in, out); });
  return y;
}

Tensor restride(const Tensor& x, const Shape& shape, const Shape& strides, int64_t offset, int64_t min_size) {
  const int64_t size = std::max(offset + extent_of(shape, strides), min_size);
  Tensor flat = make_result("restride", {size}, x.dtype(), x.device());
  if (x.numel() < size || overlaps_itself(shape, strides)) backend_of(x).fill(view_of(flat), 0);
  {
    const NoGradGuard no_grad;
    const Tensor place = flat.as_strided(shape, strides, offset);
    if (overlaps_itself(shape, strides)) {
      const Tensor positions = arange(size, {.device = x.device()}).as_strided(shape, strides, offset).reshape({-1});
      backend_of(x).index_add(view_of(flat), 0, view_of(positions), view_of(x.reshape({-1})), true);
    } else {
      backend_of(x).copy(view_of(place), view_of(x));
    }
  }
  if (needs_grad(x))
    record("restride", flat, {&x}, [shape, strides, offset](const Tensor& g) {
      const Tensor dense = g.contiguous();
      return dense.as_strided(shape, strides, dense.storage_offset() + offset);
    });
  return flat;
}

}  // namespace mote
