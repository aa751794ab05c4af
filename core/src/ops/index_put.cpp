// Writing to the elements that an index expression names.
#include <fmt/format.h>

#include "mote/creation.h"
#include "mote/indexing.h"
#include "mote/reduce.h"
#include "mote/views.h"
#include "ops/index_plan.h"
#include "ops/picked.h"
#include "ops/positions.h"

namespace mote {

namespace {

// `value` without the leading dimensions of size 1 that `shape` has no place for.
Tensor drop_leading_ones(const Tensor& value, const Shape& shape) {
  Shape trimmed = value.shape();
  while (trimmed.rank() > shape.rank() && trimmed[0] == 1) trimmed.erase(0);
  return trimmed == value.shape() ? value : value.reshape(trimmed);
}

void check_broadcast(const Tensor& value, const Shape& shape) {
  bool fits = value.dim() <= shape.rank();
  for (int64_t i = 1; fits && i <= value.dim(); ++i) {
    const int64_t size = value.shape()[value.dim() - i];
    fits = size == 1 || size == shape[shape.rank() - i];
  }
  if (!fits)
    throw ShapeError(fmt::format("index_put_: a value of shape {} does not broadcast to the indexed shape {}",
                                 value.shape().str(), shape.str()));
}

// x with `value` written to, or added at, the positions of `tensors`; into *out where out is not null.
Tensor put_elements(const Tensor& x, const std::vector<Tensor>& tensors, const Tensor& value, bool accumulate,
                    const Tensor* out) {
  Tensor y = out ? *out : copy_of("index_put", x);
  const Picked picked = pick("index_put_", y, tensors);
  check_broadcast(value, picked.shape);
  {
    const NoGradGuard no_grad;
    const Tensor source = separate_from(y, value).expand(picked.shape).reshape(picked.flat);
    name_index_errors("index_put_", [&] {
      backend_of(x).index_add(picked.memory, picked.dim, view_of(picked.positions), view_of(source), accumulate);
    });
  }
  if (!out && needs_grad(x, value))
    record("index_put", y, {&x, &value},
           [saved = SavedTensors(tensors), accumulate, was = value.shape()](const Tensor& g, const Needs& needs) {
             const std::vector<Tensor> positions = saved();
             std::array<Tensor, 2> gradients;
             if (needs[0]) {
               const Tensor zero = zeros({}, {.dtype = g.dtype(), .device = g.device()});
               gradients[0] = accumulate ? g : put_elements(g, positions, zero, false, nullptr);
             }
             if (needs[1]) {
               Tensor picked = pick_elements(g, positions);
               if (!accumulate)
                 picked = picked.masked_fill(replaced_positions(pick("index_put", contiguous(g), positions)), 0.0);
               gradients[1] = sum_to(picked, was);
             }
             return gradients;
           });
  return y;
}

// A mask that is all of the index, as masked_fill_ wants it.
std::optional<Tensor> broadcast_mask(const Tensor& self, const std::vector<TensorIndex>& indices) {
  const Tensor* mask = single_mask(self, indices);
  if (!mask) return std::nullopt;
  Shape shape = mask->shape();
  while (shape.rank() < self.dim()) shape.push_back(1);
  return mask->to(DType::Bool).reshape(shape);
}

}  // namespace

Tensor index_put_(const Tensor& self, const std::vector<TensorIndex>& indices, const Tensor& value, bool accumulate) {
  check_same_device("index_put_", "self", self, "value", value);
  if (const auto mask = broadcast_mask(self, indices); mask && value.numel() == 1 && !accumulate)
    return masked_fill_(self, *mask, value.to(self.dtype()).reshape({}));
  const IndexPlan plan = plan_index("index_put_", self, indices);
  const Tensor target = apply_basic(self, plan.basic);
  if (plan.tensors.empty()) {
    const Tensor source = drop_leading_ones(value, target.shape());
    check_broadcast(source, target.shape());
    if (accumulate)
      target.add_(source.to(self.dtype()));
    else
      target.copy_(source);
    return self;
  }
  const Tensor source = value.to(self.dtype());
  in_place("index_put_", target, needs_grad(target, source), [&](const Tensor& old, const Tensor* out) {
    return put_elements(old, plan.tensors, source, accumulate, out);
  });
  return self;
}

Tensor index_put_(const Tensor& self, const std::vector<TensorIndex>& indices, const Scalar& value) {
  if (const auto mask = broadcast_mask(self, indices)) return masked_fill_(self, *mask, value);
  return index_put_(self, indices, full({}, value, {.dtype = self.dtype(), .device = self.device()}));
}

}  // namespace mote
