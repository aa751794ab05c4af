// Reverse-mode automatic differentiation on a dynamic graph.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "mote/grad_mode.h"
#include "mote/node.h"
#include "mote/tensor.h"

namespace mote {

struct BackwardOptions {
  bool retain_graph = false;  // keep what forward saved, so that backward can run again
  bool create_graph = false;  // record backward itself, for second derivatives
};

// Adds d(sum of tensors)/d(leaf) to the grad of every leaf. `gradients` weighs the tensors, one for each or empty;
// a tensor of one element needs none. Nodes run in a fixed order: the latest first.
void backward(const std::vector<Tensor>& tensors, const std::vector<Tensor>& gradients = {},
              const BackwardOptions& options = {});

struct GradOptions {
  std::vector<Tensor> grad_outputs = {};
  bool retain_graph = false;
  bool create_graph = false;
  bool allow_unused = false;  // an input that was not used gives an undefined Tensor instead of a StateError
};

// The gradients of `outputs` with respect to `inputs`, without touching any .grad.
std::vector<Tensor> grad(const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs,
                         const GradOptions& options = {});

// Removes a hook that register_hook added to x.
void remove_hook(const Tensor& x, uint64_t id);

// What a custom function keeps between forward and backward.
class AutogradContext {
 public:
  void save_for_backward(std::vector<Tensor> tensors) { to_save_ = std::move(tensors); }
  // The saved tensors; a StateError where one was changed in place meanwhile.
  std::vector<Tensor> saved_tensors() const;
  bool needs_input_grad(size_t input) const { return needs_[input]; }

  // For FunctionNode.
  void freeze(const std::vector<Tensor>& outputs);
  void set_needs(std::vector<bool> needs) { needs_ = std::move(needs); }
  void release() { saved_.clear(); }

 private:
  std::vector<Tensor> to_save_;
  std::vector<std::function<Tensor()>> saved_;
  std::vector<bool> needs_;
};

// A user's own operation with its own gradient, as torch::autograd::Function:
//
//   struct Cube : mote::Function<Cube> {
//     static Tensor forward(AutogradContext& ctx, const Tensor& x) { ctx.save_for_backward({x}); return x * x * x; }
//     static Tensor backward(AutogradContext& ctx, const Tensor& g) { return g * 3.0 * square(ctx.saved_tensors()[0]);
//     }
//   };
//   Tensor y = Cube::apply(x);
//
// forward may take further arguments of any type and may return a Tensor or a std::vector<Tensor>; backward takes the
// like and returns a Tensor, or a std::vector<Tensor> with one entry for each Tensor argument of forward.
template <class Derived>
struct Function {
  template <class... Args>
  static auto apply(const Args&... args);
};

// Runs `function` without keeping what it saves for backward, and runs it again when backward comes by (Chen et al.
// 2016). The random stream is restored for the second run, so that dropout drops the same elements.
Tensor checkpoint(std::function<Tensor(const std::vector<Tensor>&)> function, const std::vector<Tensor>& inputs);

// --- details ---------------------------------------------------------------------------------------------------------

namespace detail {

std::vector<Tensor> as_list(Tensor tensor);
inline std::vector<Tensor> as_list(std::vector<Tensor> tensors) { return tensors; }

template <class F>
class FunctionNode final : public Node {
 public:
  explicit FunctionNode(AutogradContext context) : Node("custom function"), context_(std::move(context)) {}

  std::vector<Tensor> backward(std::vector<Tensor>& gradients) override {
    if (released_) throw_graph_released(name());
    std::vector<bool> needs;
    for (const Edge& edge : edges()) needs.push_back(static_cast<bool>(edge.node));
    context_.set_needs(std::move(needs));
    if constexpr (std::is_invocable_v<decltype(F::backward), AutogradContext&, const std::vector<Tensor>&>)
      return as_list(F::backward(context_, gradients));
    else
      return as_list(F::backward(context_, gradients[0]));
  }
  void release_saved() override {
    context_.release();
    released_ = true;
  }

 private:
  AutogradContext context_;
  bool released_ = false;
};

template <class T>
void collect_inputs(std::vector<Tensor>& inputs, const T& argument) {
  if constexpr (std::is_convertible_v<const T&, const Tensor&>) inputs.push_back(argument);
}

}  // namespace detail

template <class Derived>
template <class... Args>
auto Function<Derived>::apply(const Args&... args) {
  std::vector<Tensor> inputs;
  (detail::collect_inputs(inputs, args), ...);
  AutogradContext context;
  auto result = [&] {
    NoGradGuard no_grad;
    return Derived::forward(context, args...);
  }();
  if (needs_grad(inputs)) {
    std::vector<Tensor> outputs = detail::as_list(result);
    // An output that is an input, or shares its node, gets a handle of its own.
    for (Tensor& output : outputs) output = output.detach();
    context.freeze(outputs);
    std::vector<Edge> edges;
    for (const Tensor& input : inputs) edges.push_back(gradient_edge(input));
    std::vector<Tensor*> pointers;
    for (Tensor& output : outputs) pointers.push_back(&output);
    attach(Ref<Node>(new detail::FunctionNode<Derived>(std::move(context))), std::move(edges), pointers);
    if constexpr (std::is_same_v<decltype(result), Tensor>)
      result = outputs[0];
    else
      result = outputs;
  }
  return result;
}

}  // namespace mote
