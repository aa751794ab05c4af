// Autograd seen from a tensor: leaves, gradients, hooks, and the history of in-place changes.
#include "mote/autograd.h"

#include <fmt/format.h>

#include "mote/creation.h"
#include "mote/error.h"
#include "ops/support.h"

namespace mote {

namespace {

LeafNode& leaf_of(TensorImpl& impl) {
  if (!impl.leaf) impl.leaf = make_ref<LeafNode>();
  return *impl.leaf;
}

Node& hook_target(const Tensor& x, const char* op) {
  if (!x.requires_grad())
    throw StateError(fmt::format("{}: the tensor of shape {} does not require grad", op, x.shape().str()));
  return *gradient_edge(x).node;
}

// A view whose base was changed in place has that change in its history: it is cut out of the base anew.
void refresh_view(TensorImpl& view) {
  const EnableGradGuard enable;
  const Tensor base(view.base);
  const Tensor fresh = as_strided(base, view.shape, view.strides, view.offset);
  view.grad_fn = fresh.get().grad_fn;
  view.output_nr = 0;
  view.requires_grad = true;
  view.base_history = view.base->history;
}

}  // namespace

namespace detail {

Node* grad_fn(const Tensor& x) {
  TensorImpl& impl = x.get();
  if (impl.base && impl.base->history != impl.base_history && impl.base->requires_grad) refresh_view(impl);
  return impl.grad_fn.get();
}

Tensor set_requires_grad(const Tensor& x, bool value) {
  TensorImpl& impl = x.get();
  if (value) check_floating_point("requires_grad_", x);
  if (grad_fn(x)) {
    if (!value)
      throw StateError(
          "requires_grad_: only a leaf can stop requiring grad; use detach() to cut a result off its graph");
    return x;
  }
  impl.requires_grad = value;
  if (value) leaf_of(impl);
  return x;
}

Tensor grad_of(const Tensor& x) {
  const TensorImpl& impl = x.get();
  return impl.leaf ? impl.leaf->grad : Tensor();
}

void set_grad(const Tensor& x, const Tensor& gradient) {
  if (gradient.defined()) {
    if (gradient.shape() != x.shape() || gradient.dtype() != x.dtype())
      throw ShapeError(fmt::format("set_grad: expected a gradient of shape {} and dtype {}, but got {} and {}",
                                   x.shape().str(), name_of(x.dtype()), gradient.shape().str(),
                                   name_of(gradient.dtype())));
    check_same_device("set_grad", "self", x, "gradient", gradient);
  }
  leaf_of(x.get()).grad = gradient;
}

void retain_grad(const Tensor& x) {
  Node& node = hook_target(x, "retain_grad");
  TensorImpl& impl = x.get();
  if (x.is_leaf() || impl.leaf) return;
  impl.leaf = make_ref<LeafNode>();
  node.add_hook(impl.output_nr, [slot = impl.leaf](const Tensor& g) {
    slot->grad = slot->grad.defined() ? slot->grad + g : g;
    return Tensor();
  });
}

uint64_t register_hook(const Tensor& x, Hook hook) {
  return hook_target(x, "register_hook").add_hook(x.is_leaf() ? 0 : x.get().output_nr, std::move(hook));
}

void backward_from(const Tensor& x, const Tensor* gradient, const BackwardOptions* options) {
  std::vector<Tensor> gradients;
  if (gradient) gradients.push_back(*gradient);
  backward({x}, gradients, options ? *options : BackwardOptions());
}

std::vector<Tensor> as_list(Tensor tensor) { return {std::move(tensor)}; }

}  // namespace detail

void remove_hook(const Tensor& x, uint64_t id) { hook_target(x, "remove_hook").remove_hook(id); }

// For a view, the base's new value is its old one with `result` laid into the view's place:
//   base' = base outside the view, result inside;  d base = g outside, d result = g inside.
void rebase_history(const Tensor& self, const Tensor& result) {
  TensorImpl& impl = self.get();
  if (!impl.base) {
    impl.grad_fn = Ref<Node>(result.grad_fn());
    impl.output_nr = result.get().output_nr;
    impl.requires_grad = true;
    ++impl.history;
    return;
  }
  Tensor base(impl.base);
  // Both read the history before `record` replaces it.
  record("as_strided_scatter", base, {&base, &result},
         [shape = impl.shape, strides = impl.strides, offset = impl.offset, base_shape = impl.base->shape,
          base_strides = impl.base->strides, base_offset = impl.base->offset](const Tensor& g, const Needs& needs) {
           // A copy of g in the base's own geometry, so that the view's strides fit it.
           const Tensor inside = restride(g, base_shape, base_strides, base_offset).as_strided(shape, strides, offset);
           std::array<Tensor, 2> gradients;
           if (needs[0]) {
             const Tensor outside = restride(g, base_shape, base_strides, base_offset);
             outside.as_strided(shape, strides, offset).zero_();
             gradients[0] = outside.as_strided(base_shape, base_strides, base_offset);
           }
           if (needs[1]) gradients[1] = inside.clone();
           return gradients;
         });
  ++impl.base->history;
}

std::vector<Tensor> AutogradContext::saved_tensors() const {
  std::vector<Tensor> tensors;
  for (const auto& read : saved_) tensors.push_back(read());
  return tensors;
}

void AutogradContext::freeze(const std::vector<Tensor>& outputs) {
  for (const Tensor& tensor : to_save_) {
    uint32_t output_nr = 0;
    while (output_nr < outputs.size() && outputs[output_nr].get().storage != tensor.get().storage) ++output_nr;
    if (output_nr < outputs.size())
      saved_.push_back(SavedOutput(tensor, output_nr));
    else
      saved_.push_back(Saved(tensor));
  }
  to_save_.clear();
}

}  // namespace mote
