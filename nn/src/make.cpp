#include "mote/nn/make.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "module_state.h"
#include "mote/error.h"
#include "mote/watch.h"

namespace mote::nn::detail {

namespace {

// Modules made on this thread while an audit runs; nested audits share the list.
thread_local std::vector<std::weak_ptr<ModuleState>> made_modules;
thread_local int audits = 0;

using Storages = std::unordered_set<const Storage*>;

void collect_storages(ModuleState& root, Storages& storages) {
  for (const NamedSlot& entry : all_slots(root)) {
    storages.insert(entry.slot->value.get().storage.get());
    if (const Tensor grad = entry.slot->value.grad(); grad.defined()) storages.insert(grad.get().storage.get());
  }
}

std::string line_of(const TensorImpl& impl) {
  std::string line = fmt::format("\n  a tensor of shape {} and dtype {}", impl.shape.str(), name_of(impl.dtype));
  if (impl.origin.op) line += fmt::format(", made by {}", impl.origin.op);
  if (impl.origin.where.file) line += fmt::format(" at {}:{}", impl.origin.where.file, impl.origin.where.line);
  return line + (impl.requires_grad
                     ? ": keep it in a member `nn::Parameter name` and write name(register_parameter(\"name\", ...))"
                     : ": keep it in a member `nn::Buffer name` and write name(register_buffer(\"name\", ...))");
}

// A line for each storage that only unregistered tensors look at, described by the latest of them.
std::string unregistered_tensors(const std::vector<Ref<TensorImpl>>& made, Storages known) {
  std::vector<std::string> lines;
  for (auto impl = made.rbegin(); impl != made.rend(); ++impl)
    if (known.insert((*impl)->storage.get()).second) lines.push_back(line_of(**impl));
  std::string text;
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) text += *line;
  return text;
}

}  // namespace

void note_module(const std::shared_ptr<ModuleState>& state) {
  if (audits > 0) made_modules.push_back(state);
}

Audit::Audit() : first_module_(made_modules.size()) {
  mote::detail::begin_watch();
  ++audits;
}

Audit::~Audit() {
  if (watching_) mote::detail::end_watch();
  if (--audits == 0) made_modules.clear();
}

void Audit::check(const Module& module) {
  const std::vector<Ref<TensorImpl>> made = mote::detail::end_watch();
  watching_ = false;
  std::vector<std::shared_ptr<ModuleState>> orphans;
  std::unordered_set<const ModuleState*> reachable;
  walk(ModuleState::of(module), false, [&](ModuleState& state, const std::string&) { reachable.insert(&state); });
  Storages known;
  collect_storages(ModuleState::of(module), known);
  for (size_t i = first_module_; i < made_modules.size(); ++i)
    if (std::shared_ptr<ModuleState> state = made_modules[i].lock(); state && !reachable.contains(state.get()))
      orphans.push_back(std::move(state));
  for (const auto& orphan : orphans) collect_storages(*orphan, known);
  // Only the top of an unregistered tree is named.
  std::unordered_set<const ModuleState*> below;
  for (const auto& orphan : orphans)
    walk(*orphan, false, [&](ModuleState& state, const std::string&) {
      if (&state != orphan.get()) below.insert(&state);
    });
  std::string text = unregistered_tensors(made, std::move(known));
  for (const auto& orphan : orphans)
    if (!below.contains(orphan.get()))
      text += fmt::format("\n  a child module {0}: write name(register_module(\"name\", {0}(...)))",
                          orphan->name_of_class());
  if (!text.empty())
    throw StateError(
        fmt::format("make: {} holds what is in neither of its registries, so that to(Device), state_dict() and the "
                    "optimizer pass it over:{}",
                    module.class_name(), text));
}

}  // namespace mote::nn::detail
