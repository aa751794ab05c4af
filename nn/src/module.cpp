// Registration, traversal and the switches of a Module. Moving is in module_move.cpp, state dicts in
// module_load.cpp, printing in module_print.cpp.
#include "mote/nn/module.h"

#include <fmt/format.h>

#include <algorithm>

#include "module_state.h"
#include "mote/autograd.h"
#include "mote/error.h"
#include "mote/watch.h"

namespace mote::nn {

namespace detail {

std::string ModuleState::name_of_class() const { return self ? unqualified_name(typeid(*self)) : registered_class; }

std::vector<NamedSlot> all_slots(ModuleState& root, bool every_name) {
  std::vector<NamedSlot> slots;
  walk(root, every_name, [&](ModuleState& state, const std::string& prefix) {
    for (const auto& [name, slot] : state.parameters)
      if (slot->value.defined()) slots.push_back({prefix + name, slot.get(), true});
    for (const auto& [name, slot] : state.buffers)
      if (slot->value.defined()) slots.push_back({prefix + name, slot.get(), false});
  });
  return slots;
}

}  // namespace detail

namespace {

template <class T>
bool contains(const std::vector<std::pair<std::string, T>>& entries, std::string_view name) {
  return std::any_of(entries.begin(), entries.end(), [&](const auto& entry) { return entry.first == name; });
}

void check_name(const char* op, const detail::ModuleState& state, std::string_view name) {
  const std::string owner = state.name_of_class();
  if (name.empty()) throw ValueError(fmt::format("{}: the name '' given in {} is empty", op, owner));
  if (name.find('.') != std::string_view::npos)
    throw ValueError(
        fmt::format("{}: the name '{}' given in {} has a dot, which separates the levels of a name", op, name, owner));
  const char* taken = contains(state.parameters, name) ? "parameter"
                      : contains(state.buffers, name)  ? "buffer"
                      : contains(state.children, name) ? "child module"
                                                       : nullptr;
  if (taken)
    throw StateError(
        fmt::format("{}: the name '{}' is taken in {} by a {}: one name, one registry", op, name, owner, taken));
}

// A new slot with its label; the class it is made in becomes known to device errors.
Ref<detail::Slot> make_slot(const char* kind, const detail::ModuleState& state, std::string_view name) {
  const std::string owner = state.name_of_class();
  mote::detail::note_module_class(owner);
  Ref<detail::Slot> slot = make_ref<detail::Slot>();
  slot->label = mote::detail::intern(fmt::format("{} '{}' of {}", kind, name, owner));
  return slot;
}

}  // namespace

Module::Module() : state_(std::make_shared<detail::ModuleState>()) {
  state_->self = this;
  detail::note_module(state_);
}

Module::~Module() {
  if (state_ && state_->self == this) state_->self = nullptr;
}

Module::Module(Module&& other) noexcept : state_(std::move(other.state_)) {
  if (state_) state_->self = this;
}

// Where a parent's registry holds the state of this module, it is filled in place, so that the parent sees the new
// contents. Otherwise the state of the other is taken over, which a parent may hold: `body = register_module("body",
// ...)`. While a module with children is moved its base comes first, so that its children's old states are held by
// nobody here and their new ones by the registry that it has now.
Module& Module::operator=(Module&& other) noexcept {
  if (this == &other) return *this;
  if (state_.use_count() > 1 && other.state_) {
    other.state_->registered_class = std::move(state_->registered_class);
    *state_ = std::move(*other.state_);
    other.state_->self = nullptr;  // a parent of the other may still hold its empty state
    other.state_.reset();
  } else {
    if (state_) state_->self = nullptr;
    state_ = std::move(other.state_);
  }
  if (state_) state_->self = this;
  return *this;
}

detail::ModuleState& Module::state() const {
  if (!state_) throw StateError("Module: used after it was moved from; its registries belong to the new object");
  return *state_;
}

// --- registration ----------------------------------------------------------------------------------------------------

Parameter Module::register_parameter(std::string_view name, const Tensor& tensor, const ParameterOptions& options) {
  detail::ModuleState& state = this->state();
  check_name("register_parameter", state, name);
  Ref<detail::Slot> slot = make_slot("parameter", state, name);
  if (tensor.defined()) {
    if (options.requires_grad && !tensor.is_floating_point())
      throw DTypeError(
          fmt::format("register_parameter: expected '{}' to be floating-point, but got {} of shape {}; "
                      "what is not trained is a buffer: register_buffer(\"{}\", ...)",
                      name, name_of(tensor.dtype()), tensor.shape().str(), name));
    if (const Node* node = tensor.grad_fn())
      throw StateError(
          fmt::format("register_parameter: expected '{}' to be a leaf, but got the result of {}, which "
                      "has a history; register its detach()",
                      name, node->name()));
    const Tensor leaf = tensor.detach();
    if (options.requires_grad) leaf.requires_grad_();
    slot->set(leaf);
  }
  state.parameters.emplace_back(name, slot);
  return Parameter(std::move(slot), true);
}

Buffer Module::register_buffer(std::string_view name, const Tensor& tensor, const BufferOptions& options) {
  detail::ModuleState& state = this->state();
  check_name("register_buffer", state, name);
  if (tensor.defined() && tensor.requires_grad())
    throw StateError(
        fmt::format("register_buffer: '{}' of shape {} requires grad; register its detach(), or, where it "
                    "is to be trained, register_parameter(\"{}\", ...)",
                    name, tensor.shape().str(), name));
  Ref<detail::Slot> slot = make_slot("buffer", state, name);
  slot->persistent = options.persistent;
  slot->set(tensor);
  state.buffers.emplace_back(name, slot);
  return Buffer(std::move(slot), true);
}

Buffer Module::register_rebuilt_buffer(std::string_view name, std::function<Tensor()> recipe,
                                       const BufferOptions& options) {
  Buffer buffer = register_buffer(name, recipe(), options);
  buffer.handle_.get()->recipe = std::move(recipe);
  return buffer;
}

void Module::add_child(std::string_view name, Module& child) {
  detail::ModuleState& state = this->state();
  check_name("register_module", state, name);
  if (!child.state_ || child.state_ == state_)
    throw StateError(
        fmt::format("register_module: the module given for '{}' was moved from, or is its own parent", name));
  child.state_->registered_class = child.class_name();
  mote::detail::note_module_class(child.state_->registered_class);
  mote::detail::note_module_class(class_name());
  state.children.emplace_back(name, child.state_);
}

// --- traversal -------------------------------------------------------------------------------------------------------

namespace {

// Calls take(name, slot) for the slots of one registry that hold a tensor, each tensor once unless asked otherwise.
template <class Take>
void each_slot(detail::ModuleState& root,
               std::vector<std::pair<std::string, Ref<detail::Slot>>> detail::ModuleState::*registry, bool recurse,
               bool remove_duplicate, const Take& take) {
  std::unordered_set<const TensorImpl*> seen;
  const auto visit = [&](detail::ModuleState& state, const std::string& prefix) {
    for (const auto& [name, slot] : state.*registry)
      if (slot->value.defined() && (seen.insert(slot->value.impl()).second || !remove_duplicate))
        take(prefix + name, slot);
  };
  if (recurse)
    detail::walk(root, !remove_duplicate, visit);
  else
    visit(root, std::string());
}

}  // namespace

Named<Parameter> Module::named_parameters(bool recurse, bool remove_duplicate) const {
  Named<Parameter> result;
  each_slot(state(), &detail::ModuleState::parameters, recurse, remove_duplicate,
            [&](std::string name, const Ref<detail::Slot>& slot) {
              result.emplace_back(std::move(name), Parameter(slot, false));
            });
  return result;
}

Named<Buffer> Module::named_buffers(bool recurse, bool remove_duplicate) const {
  Named<Buffer> result;
  each_slot(state(), &detail::ModuleState::buffers, recurse, remove_duplicate,
            [&](std::string name, const Ref<detail::Slot>& slot) {
              result.emplace_back(std::move(name), Buffer(slot, false));
            });
  return result;
}

std::vector<Parameter> Module::parameters(bool recurse) const {
  std::vector<Parameter> result;
  for (auto& [name, parameter] : named_parameters(recurse)) result.push_back(std::move(parameter));
  return result;
}

std::vector<Buffer> Module::buffers(bool recurse) const {
  std::vector<Buffer> result;
  for (auto& [name, buffer] : named_buffers(recurse)) result.push_back(std::move(buffer));
  return result;
}

Named<Module*> Module::named_children() const {
  Named<Module*> result;
  std::unordered_set<Module*> seen;
  for (const auto& [name, child] : state().children)
    if (child->self && seen.insert(child->self).second) result.emplace_back(name, child->self);
  return result;
}

Named<Module*> Module::named_modules() {
  Named<Module*> result;
  detail::walk(state(), false, [&](detail::ModuleState& state, const std::string& prefix) {
    if (state.self) result.emplace_back(prefix.substr(0, prefix.empty() ? 0 : prefix.size() - 1), state.self);
  });
  return result;
}

std::vector<Module*> Module::children() const {
  std::vector<Module*> result;
  for (const auto& [name, child] : named_children()) result.push_back(child);
  return result;
}

std::vector<Module*> Module::modules() {
  std::vector<Module*> result;
  for (const auto& [name, module] : named_modules()) result.push_back(module);
  return result;
}

Module& Module::apply(const std::function<void(Module&)>& function) {
  for (Module* child : children()) child->apply(function);
  function(*this);
  return *this;
}

int64_t Module::num_parameters(bool only_trainable) const {
  int64_t count = 0;
  for (const Parameter& parameter : parameters())
    if (!only_trainable || parameter.requires_grad()) count += parameter.numel();
  return count;
}

// --- switches --------------------------------------------------------------------------------------------------------

Module& Module::train(bool mode) {
  detail::walk(state(), false, [&](detail::ModuleState& state, const std::string&) { state.training = mode; });
  return *this;
}

bool Module::is_training() const { return state().training; }

Module& Module::requires_grad_(bool value) {
  for (const Parameter& parameter : parameters()) parameter.requires_grad_(value);
  return *this;
}

void Module::zero_grad(bool set_to_none) {
  const NoGradGuard no_grad;
  for (const Parameter& parameter : parameters()) {
    if (!parameter.grad().defined()) continue;
    if (set_to_none)
      parameter.set_grad(Tensor());
    else
      parameter.grad().zero_();
  }
}

std::string Module::class_name() const { return detail::unqualified_name(typeid(*this)); }

}  // namespace mote::nn
