// What a module owns. It lives apart from the Module object, which may move, and is shared by that object and by the
// registry of its parent.
#pragma once

#include <memory>
#include <string>
#include <typeinfo>
#include <unordered_set>
#include <utility>
#include <vector>

#include "mote/nn/module.h"

namespace mote::nn::detail {

struct ModuleState {
  // The state behind a module, for what is not a member of Module.
  static ModuleState& of(const Module& module) { return module.state(); }
  static const std::shared_ptr<ModuleState>& pointer_of(const Module& module) { return module.state_; }

  // The class of the living module object, or else the one it had when it was registered.
  std::string name_of_class() const;

  std::vector<std::pair<std::string, Ref<Slot>>> parameters;
  std::vector<std::pair<std::string, Ref<Slot>>> buffers;
  std::vector<std::pair<std::string, std::shared_ptr<ModuleState>>> children;
  std::string registered_class;
  bool training = true;
  Module* self = nullptr;  // the object, wherever it has moved to; null once it is gone
};

// Calls visit(state, prefix) for `root` and all below it: parents first, in the order of registration, each once unless
// `every_name`. The prefix is "" or ends with a dot.
template <class Visit>
void walk(ModuleState& root, bool every_name, const Visit& visit) {
  std::unordered_set<ModuleState*> seen;
  const auto step = [&](const auto& self, ModuleState& state, const std::string& prefix) -> void {
    if (!seen.insert(&state).second && !every_name) return;
    visit(state, prefix);
    for (const auto& [name, child] : state.children) self(self, *child, prefix + name + ".");
  };
  step(step, root, std::string());
}

// A slot together with its full name.
struct NamedSlot {
  std::string name;
  Slot* slot;
  bool is_parameter;
};

// All slots with a tensor, of a module and those below: for each module its parameters, then its buffers.
std::vector<NamedSlot> all_slots(ModuleState& root, bool every_name = false);

// Gives a parameter new data without making it another tensor, as PyTorch's `param.data = ...` does: handles, hooks and
// optimizers keep seeing it.
void replace_data(TensorImpl& target, const TensorImpl& source) noexcept;

// The class name without namespaces and template arguments.
std::string unqualified_name(const std::type_info& type);

// Tells a running Audit of a new module.
void note_module(const std::shared_ptr<ModuleState>& state);

}  // namespace mote::nn::detail
