// Autograd seen from a tensor: leaves, gradients, hooks, and the history of in-place changes.
#include "mote/autograd.h"

#include <fmt/format.h>

#include <algorithm>

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
  if (node.as_leaf()) return;  // keeps its gradient anyway
  leaf_of(x.get());
  node.retain_grad(x.get().output_nr, x.get().leaf);
}

uint64_t register_hook(const Tensor& x, Hook hook) {
  return hook_target(x, "register_hook").add_hook(x.is_leaf() ? 0 : x.get().output_nr, std::move(hook));
}

void backward_from(const Tensor& x, const Tensor* gradient, const BackwardOptions* options) {
  std::vector<Tensor> gradients;
  if (gradient) gradients.push_back(*gradient);
  backward({x}, gradients, options ? *options : BackwardOptions());
}

}  // namespace detail

void remove_hook(const Tensor& x, uint64_t id) { hook_target(x, "remove_hook").remove_hook(id); }

namespace {

// Takes a retained gradient along when an in-place operation gives a tensor another history: its .grad is that of the
// new value.
class RetainedGrad {
 public:
  explicit RetainedGrad(TensorImpl& impl)
      : impl_(impl), retained_(impl.grad_fn && impl.leaf && impl.grad_fn->stop_retaining(impl.leaf)) {}
  ~RetainedGrad() {
    if (retained_) impl_.grad_fn->retain_grad(impl_.output_nr, impl_.leaf);
  }
  RetainedGrad(const RetainedGrad&) = delete;
  RetainedGrad& operator=(const RetainedGrad&) = delete;

 private:
  TensorImpl& impl_;
  bool retained_;
};

// What the view of a base shows is replaced by `result`:
//   base' = base outside the view, result inside;  d base = g outside, d result = g inside.
void rebase_view(const TensorImpl& view, const Tensor& result) {
  Tensor base(view.base);
  const RetainedGrad retained(base.get());
  // Both read the history before `record` replaces it.
  const TensorImpl& whole = *view.base;
  const int64_t first = std::min(whole.offset, view.offset);
  record("as_strided_scatter", base, {&base, &result},
         [shape = view.shape, strides = view.strides, offset = view.offset - first, base_shape = whole.shape,
          base_strides = whole.strides, base_offset = whole.offset - first](const Tensor& g, const Needs& needs) {
           // A copy of g in the base's own geometry, so that the view's strides fit it.
           const int64_t reach = offset + extent_of(shape, strides);
           const Tensor copy = restride(g, base_shape, base_strides, base_offset, reach);
           const Tensor inside = copy.as_strided(shape, strides, offset);
           std::array<Tensor, 2> gradients;
           if (needs[1]) gradients[1] = inside.clone();
           if (needs[0]) {
             inside.zero_();
             gradients[0] = copy.as_strided(base_shape, base_strides, base_offset);
           }
           return gradients;
         });
  ++view.base->history;
}

}  // namespace

void rebase_history(const Tensor& self, const Tensor& computed) {
  Tensor result = computed;
  // Nothing of the old value was used: it gets a gradient of zeros, and still counts as recorded.
  if (!result.requires_grad()) record("overwrite", result, {&self}, [](const Tensor& g) { return zeros_like(g); });
  TensorImpl& impl = self.get();
  if (impl.base) return rebase_view(impl, result);
  const RetainedGrad retained(impl);
  const Edge edge = gradient_edge(result);
  impl.grad_fn = edge.node;
  impl.output_nr = edge.output_nr;
  impl.requires_grad = true;
  ++impl.history;
}

}  // namespace mote
