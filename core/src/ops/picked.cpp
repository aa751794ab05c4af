#include "ops/picked.h"

#include <algorithm>

#include "mote/creation.h"
#include "mote/views.h"

namespace mote {

namespace {

Shape common_shape(const char* op, const std::vector<Tensor>& tensors) {
  Shape shape;
  for (const Tensor& tensor : tensors)
    if (tensor.defined()) shape = broadcast_shapes(op, shape, tensor.shape());
  return shape;
}

// One int64 position for several index tensors: their sum, each weighted with its dimension's stride.
Tensor merge_positions(const char* op, const Tensor& x, const std::vector<Tensor>& tensors, const Shape& shape) {
  Tensor merged = make_result(op, shape, DType::Int64, x.device());
  std::vector<View> views;
  Shape dims, sizes, strides;
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (!tensors[i].defined()) continue;
    const auto dim = static_cast<int64_t>(i);
    views.push_back(view_of(tensors[i], shape));
    dims.push_back(dim);
    sizes.push_back(x.shape()[dim]);
    strides.push_back(x.strides()[dim]);
  }
  name_index_errors(op, [&] { backend_of(x).index_positions(view_of(merged), views, dims, sizes, strides); });
  return merged.reshape({shape.numel()});
}

}  // namespace

Picked pick(const char* op, const Tensor& x, const std::vector<Tensor>& tensors) {
  const NoGradGuard no_grad;
  int64_t first = -1, last = -1, count = 0, extent = 1;
  for (int64_t i = 0; i < x.dim(); ++i) {
    if (!tensors[i].defined()) continue;
    if (first < 0) first = i;
    last = i;
    ++count;
    extent += (x.shape()[i] - 1) * x.strides()[i];
  }
  const bool adjacent = last - first + 1 == count;
  Picked picked;
  picked.memory = {data_of(x), x.dtype(), {}, {}};
  for (int64_t i = 0; i < x.dim(); ++i) {
    if (tensors[i].defined()) continue;
    picked.memory.shape.push_back(x.shape()[i]);
    picked.memory.strides.push_back(x.strides()[i]);
  }
  picked.dim = adjacent ? first : 0;
  picked.shape = picked.flat = picked.memory.shape;
  const Shape shape = picked.common = common_shape(op, tensors);
  for (int i = 0; i < shape.rank(); ++i) picked.shape.insert(picked.dim + i, shape[i]);
  picked.flat.insert(picked.dim, shape.numel());
  // A single index tensor keeps its dimension; several are merged into one that steps over memory element by element.
  picked.memory.shape.insert(picked.dim, count == 1 ? x.shape()[first] : std::max<int64_t>(extent, 0));
  picked.memory.strides.insert(picked.dim, count == 1 ? x.strides()[first] : 1);
  picked.positions = count == 1 ? tensors[first].reshape({shape.numel()}) : merge_positions(op, x, tensors, shape);
  return picked;
}

View as_flat(const Tensor& x, const Picked& picked) {
  return {data_of(x), x.dtype(), picked.flat, contiguous_strides(picked.flat)};
}

Tensor replaced_positions(const Picked& picked) {
  const NoGradGuard no_grad;
  Backend& backend = backend_of(picked.positions);
  const TensorOptions options{.dtype = int64, .device = picked.positions.device()};
  const Tensor order = arange(picked.positions.numel(), options);
  const Tensor last = zeros({picked.memory.shape[picked.dim]}, options), seen = empty(order.shape(), options);
  backend.index_add(view_of(last), 0, view_of(picked.positions), view_of(order), false);
  backend.index_select(view_of(seen), view_of(last), 0, view_of(picked.positions));
  Shape broadcast = picked.common;
  while (broadcast.rank() + picked.dim < picked.shape.rank()) broadcast.push_back(1);
  return (seen != order).reshape(broadcast);
}

SavedTensors::SavedTensors(const std::vector<Tensor>& tensors) {
  for (const Tensor& tensor : tensors) saved_.emplace_back(tensor, tensor.defined());
}

std::vector<Tensor> SavedTensors::operator()() const {
  std::vector<Tensor> tensors;
  for (const Saved& saved : saved_) tensors.push_back(saved ? saved() : Tensor());
  return tensors;
}

Tensor pick_elements(const Tensor& x, const std::vector<Tensor>& tensors) {
  const Picked picked = pick("index", x, tensors);
  Tensor y = make_result("index", picked.shape, x.dtype(), x.device());
  name_index_errors("index", [&] {
    backend_of(x).index_select(as_flat(y, picked), picked.memory, picked.dim, view_of(picked.positions));
  });
  if (needs_grad(x))
    record("index", y, {&x}, [saved = SavedTensors(tensors), was = x.shape()](const Tensor& g) {
      return put_elements_back(g, was, saved());
    });
  return y;
}

Tensor put_elements_back(const Tensor& g, const Shape& shape, const std::vector<Tensor>& tensors) {
  Tensor whole = make_result("index_backward", shape, g.dtype(), g.device());
  backend_of(g).fill(view_of(whole), 0);
  const Picked picked = pick("index_backward", whole, tensors);
  const Tensor dense = contiguous(g);
  backend_of(g).index_add(picked.memory, picked.dim, view_of(picked.positions), as_flat(dense, picked), true);
  if (needs_grad(g))
    record("index_backward", whole, {&g},
           [saved = SavedTensors(tensors)](const Tensor& gg) { return pick_elements(gg, saved()); });
  return whole;
}

}  // namespace mote
