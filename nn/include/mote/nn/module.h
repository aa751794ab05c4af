// Module: the base of everything that owns parameters. It keeps two registries, parameters and buffers, and its
// children. to(Device) walks both registries; the optimizer only ever sees the first.
//
//   class CausalAttention : public nn::Module {
//    public:
//     CausalAttention(int64_t width, int64_t length)
//         : query(register_module("query", nn::Linear(width, width, {.bias = false}))),
//           mask(register_buffer("mask", mote::triu(mote::ones({length, length}), 1))) {}
//     Tensor forward(const Tensor& x);
//     nn::Linear query;
//     nn::Buffer mask;
//   };
#pragma once

#include <concepts>
#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "mote/nn/slot.h"
#include "mote/state_dict.h"

namespace mote {

// What load_state_dict found.
struct LoadReport {
  std::vector<std::string> missing;     // names of the module that the state dict lacks
  std::vector<std::string> unexpected;  // names of the state dict that the module lacks
  std::string hint;                     // where no name matched: the prefix that is too much or too little
};

}  // namespace mote

namespace mote::nn {

namespace detail {
struct ModuleState;
}

struct ParameterOptions {
  bool requires_grad = true;
};

struct BufferOptions {
  bool persistent = true;  // part of the state dict
};

struct LoadOptions {
  bool strict = true;   // missing or unexpected names are an error
  bool assign = false;  // take the state dict's tensors themselves, with their dtype and device, in place of copying
};

struct MoveOptions {
  bool non_blocking = false;  // as in mote::to: tensors in pinned memory are copied without waiting
};

template <class T>
using Named = std::vector<std::pair<std::string, T>>;

// Movable, not copyable: a copy would share its parameters by accident. After a move the registries belong to the new
// object; the old one throws StateError when it is used.
class Module {
 public:
  virtual ~Module();
  Module(Module&& other) noexcept;
  // Takes over the other's registries. A parent that this module is registered with sees the new ones.
  Module& operator=(Module&& other) noexcept;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  // --- registration. A name that is empty or has a dot is a ValueError, one that is taken by a parameter, buffer or
  // child a StateError ---

  // Registers a tensor to be trained: it becomes a leaf of its own that shares the data and requires grad. An undefined
  // tensor reserves the name. DTypeError unless floating-point; StateError for the result of recorded operations.
  Parameter register_parameter(std::string_view name, const Tensor& tensor, const ParameterOptions& options = {});
  // Registers a tensor that moves with the module and is not trained. StateError if it requires grad.
  Buffer register_buffer(std::string_view name, const Tensor& tensor, const BufferOptions& options = {});
  // The same from a recipe, which is run now and again whenever the buffer has lost its data on the way through meta or
  // to_empty. What it captures it captures by value: the module may move.
  template <class Recipe>
  requires std::is_invocable_r_v<Tensor, const Recipe&> Buffer register_buffer(std::string_view name, Recipe recipe,
                                                                               const BufferOptions& options = {}) {
    return register_rebuilt_buffer(name, std::move(recipe), options);
  }
  // Registers a child and gives it back, to be kept as a member: `head(register_module("head", Linear(4, 2)))`.
  template <std::derived_from<Module> M>
  [[nodiscard]] M register_module(std::string_view name, M child) {
    add_child(name, child);
    return child;
  }

  // --- traversal: in the order of registration, parents first, each shared tensor once ---

  std::vector<Parameter> parameters(bool recurse = true) const;
  Named<Parameter> named_parameters(bool recurse = true, bool remove_duplicate = true) const;
  std::vector<Buffer> buffers(bool recurse = true) const;
  Named<Buffer> named_buffers(bool recurse = true, bool remove_duplicate = true) const;
  // The direct children, and all modules from this one (whose name is empty) down.
  std::vector<Module*> children() const;
  Named<Module*> named_children() const;
  std::vector<Module*> modules();
  Named<Module*> named_modules();
  // Calls `function` on each module, children first.
  Module& apply(const std::function<void(Module&)>& function);
  // Elements of all parameters, shared ones counted once.
  int64_t num_parameters(bool only_trainable = false) const;

  // --- moving. All or nothing: where one tensor cannot move, none has. Shared tensors and views stay shared, and an
  // optimizer made earlier stays valid ---

  // Parameters, their gradients, and all buffers, persistent or not.
  Module& to(const Device& device, const MoveOptions& options = {});
  // Only floating-point tensors are cast.
  Module& to(DType dtype);
  Module& to(const Device& device, DType dtype, const MoveOptions& options = {});
  Module& cpu() { return to(Device(DeviceType::CPU)); }
  Module& cuda(int index = 0) { return to(Device(DeviceType::CUDA, index)); }
  // Memory on `device` without copying, for a module on meta. Buffers with a recipe are made again; everything else
  // holds garbage until a state dict is loaded.
  Module& to_empty(const Device& device);

  // --- state ---

  // Parameters and persistent buffers under their names, detached, sharing the module's memory.
  StateDict state_dict() const;
  // Copies the tensors of `state` into the module, with a cast to its dtypes and devices. Everything is checked first:
  // where anything is wrong a StateError lists all of it and the module is as it was.
  LoadReport load_state_dict(const StateDict& state, const LoadOptions& options = {});

  Module& train(bool mode = true);
  Module& eval() { return train(false); }
  bool is_training() const;
  Module& requires_grad_(bool value = true);
  void zero_grad(bool set_to_none = true);

  // --- printing ---

  // The tree of modules, with shape, dtype and device of every parameter (P) and buffer (B).
  std::string str() const;
  // The unqualified name of the class.
  std::string class_name() const;
  // What stands in the brackets behind the class name: the options that a layer was made with.
  virtual std::string extra_repr() const { return {}; }

 protected:
  Module();

 private:
  friend struct detail::ModuleState;

  Buffer register_rebuilt_buffer(std::string_view name, std::function<Tensor()> recipe, const BufferOptions& options);
  void add_child(std::string_view name, Module& child);
  detail::ModuleState& state() const;

  std::shared_ptr<detail::ModuleState> state_;
};

std::ostream& operator<<(std::ostream& stream, const Module& module);

}  // namespace mote::nn
