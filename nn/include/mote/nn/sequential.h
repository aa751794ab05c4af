// Modules that run one after the other.
#pragma once

#include <concepts>
#include <memory>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <vector>

#include "mote/nn/module.h"

namespace mote::nn {

// Anything with `Tensor forward(const Tensor&)`.
template <class M>
concept UnaryModule = std::derived_from<M, Module> && requires(M& module, const Tensor& x) {
  { module.forward(x) } -> std::convertible_to<Tensor>;
};

// Feeds its input through its modules in turn. They may be of any classes and are named "0", "1", ….
// Write Sequential{...} with braces where the initial numbers matter: C++ makes the elements of a list from left to
// right, so that they draw in PyTorch's order, but arguments in parentheses in an order of the compiler's choice.
class Sequential : public Module {
 public:
  Sequential() = default;
  template <UnaryModule First, UnaryModule... Rest>
  requires(sizeof...(Rest) > 0 || !std::is_same_v<First, Sequential>) explicit Sequential(First first, Rest... rest) {
    push_back(std::move(first));
    (push_back(std::move(rest)), ...);
  }

  template <UnaryModule M>
  void push_back(M module) {
    M registered = register_module(std::to_string(layers_.size()), std::move(module));
    layers_.push_back(std::make_unique<LayerOf<M>>(std::move(registered)));
  }

  Tensor forward(const Tensor& x) const;
  Tensor operator()(const Tensor& x) const { return forward(x); }

  size_t size() const { return layers_.size(); }
  bool empty() const { return layers_.empty(); }
  // IndexError outside [0, size).
  Module& operator[](size_t index) const { return layer(index).module(); }
  // The module at `index` as what it is; StateError where it is no M.
  template <class M>
  M& get(size_t index) const {
    if (M* module = dynamic_cast<M*>(&layer(index).module())) return *module;
    throw_wrong_class(index, typeid(M));
  }

 private:
  struct Layer {
    virtual ~Layer() = default;
    virtual Tensor forward(const Tensor& x) = 0;
    virtual Module& module() = 0;
  };

  template <class M>
  struct LayerOf final : Layer {
    explicit LayerOf(M module) : held(std::move(module)) {}
    Tensor forward(const Tensor& x) override { return held.forward(x); }
    Module& module() override { return held; }
    M held;
  };

  Layer& layer(size_t index) const;
  [[noreturn]] void throw_wrong_class(size_t index, const std::type_info& wanted) const;

  std::vector<std::unique_ptr<Layer>> layers_;
};

}  // namespace mote::nn
