// A user's own operation with its own gradient, as torch.autograd.Function:
//
//   struct Cube : mote::Function<Cube> {
//     static constexpr const char* name = "cube";  // optional: for messages and printing
//     static Tensor forward(AutogradContext& context, const Tensor& x) {
//       context.save_for_backward({x});
//       return x * x * x;
//     }
//     static Tensor backward(AutogradContext& context, const Tensor& g) {
//       return g * 3.0 * square(context.saved_tensors()[0]);
//     }
//   };
//   Tensor y = Cube::apply(x);
//
// forward may take further arguments of any type, Tensors and vectors of them among these, and returns a Tensor or a
// std::vector<Tensor>; nothing that it does is recorded. backward takes a gradient for each output, a Tensor or a
// vector as forward returned, with zeros for an output that got none. It returns one for each Tensor that went into
// forward, in that order, as a Tensor or a vector; an undefined Tensor means zero. What backward does with public
// operations can be differentiated again.
#pragma once

#include <any>
#include <functional>
#include <map>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "mote/node.h"
#include "mote/tensor.h"

namespace mote {

namespace detail {
class CustomNode;
}

// What a custom function keeps between forward and backward.
class AutogradContext {
 public:
  explicit AutogradContext(const std::vector<Tensor>& inputs);

  // Inputs and outputs of forward. Others are kept as constants.
  void save_for_backward(std::vector<Tensor> tensors) { to_save_ = std::move(tensors); }
  // The saved tensors; a StateError where one was changed in place meanwhile.
  std::vector<Tensor> saved_tensors() const;
  // Anything that is no tensor: context.saved_data["scale"] = 2.0, std::any_cast<double>(context.saved_data["scale"]).
  std::map<std::string, std::any> saved_data;
  // Whether the Tensor argument of this number asks for a gradient.
  bool needs_input_grad(size_t input) const { return needs_.at(input); }
  // Outputs that have no gradient. Outputs that are not floating-point are such anyway.
  void mark_non_differentiable(std::vector<Tensor> outputs) { constants_ = std::move(outputs); }

 private:
  friend class detail::CustomNode;

  std::vector<bool> needs_;
  std::vector<Tensor> to_save_;
  std::vector<Tensor> constants_;
  std::vector<std::function<Tensor()>> saved_;
};

template <class Derived>
struct Function {
  // Runs Derived::forward and records Derived::backward.
  template <class... Args>
  static auto apply(const Args&... args);
};

// --- details ---------------------------------------------------------------------------------------------------------

namespace detail {

inline std::vector<Tensor> as_list(Tensor tensor) { return {std::move(tensor)}; }
inline std::vector<Tensor> as_list(std::vector<Tensor> tensors) { return tensors; }

template <class T>
void collect_inputs(std::vector<Tensor>& inputs, const T& argument) {
  if constexpr (std::is_convertible_v<const T&, const Tensor&>)
    inputs.push_back(argument);
  else if constexpr (std::is_convertible_v<const T&, const std::vector<Tensor>&>)
    for (const Tensor& tensor : argument) inputs.push_back(tensor);
}

// What the nodes of all custom functions have in common.
class CustomNode : public Node {
 public:
  CustomNode(const char* name, AutogradContext context) : Node(name), context_(std::move(context)) {}

  // Makes `node` the history of the outputs, each of which becomes a handle of its own.
  static void attach(Ref<CustomNode> node, const std::vector<Tensor>& inputs, std::vector<Tensor>& outputs);

  std::vector<Tensor> backward(std::vector<Tensor>& gradients) final;
  void release_saved() final;

 protected:
  virtual std::vector<Tensor> call(AutogradContext& context, const std::vector<Tensor>& gradients) = 0;

 private:
  struct Geometry {
    Shape shape;
    DType dtype;
    Device device;
  };
  static Geometry geometry_of(const Tensor& x);
  void freeze(const std::vector<Tensor>& inputs, const std::vector<Tensor>& raw, const std::vector<Tensor>& outputs);
  void check(std::vector<Tensor>& results) const;

  AutogradContext context_;
  std::vector<Geometry> inputs_, outputs_;
  bool released_ = false;
};

template <class F>
class FunctionNode final : public CustomNode {
 public:
  explicit FunctionNode(AutogradContext context) : CustomNode(name_of_function(), std::move(context)) {}

 protected:
  std::vector<Tensor> call(AutogradContext& context, const std::vector<Tensor>& gradients) override {
    if constexpr (std::is_invocable_v<decltype(F::backward), AutogradContext&, const std::vector<Tensor>&>)
      return as_list(F::backward(context, gradients));
    else
      return as_list(F::backward(context, gradients.at(0)));
  }

 private:
  static const char* name_of_function() {
    if constexpr (requires { F::name; })
      return F::name;
    else
      return "custom function";
  }
};

}  // namespace detail

template <class Derived>
template <class... Args>
auto Function<Derived>::apply(const Args&... args) {
  std::vector<Tensor> inputs;
  (detail::collect_inputs(inputs, args), ...);
  AutogradContext context(inputs);
  auto result = [&] {
    const NoGradGuard no_grad;
    return Derived::forward(context, args...);
  }();
  if (needs_grad(inputs)) {
    std::vector<Tensor> outputs = detail::as_list(result);
    detail::CustomNode::attach(Ref<detail::CustomNode>::first(new detail::FunctionNode<Derived>(std::move(context))),
                               inputs, outputs);
    if constexpr (std::is_same_v<decltype(result), Tensor>)
      result = outputs[0];
    else
      result = std::move(outputs);
  }
  return result;
}

}  // namespace mote
