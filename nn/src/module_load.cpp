// state_dict and load_state_dict.
#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "module_state.h"
#include "mote/autograd.h"
#include "mote/error.h"

namespace mote::nn {

namespace {

std::vector<detail::NamedSlot> saved_slots(detail::ModuleState& root) {
  std::vector<detail::NamedSlot> slots = detail::all_slots(root, true);
  std::erase_if(slots, [](const detail::NamedSlot& entry) { return !entry.slot->persistent; });
  return slots;
}

using SlotsByName = std::unordered_map<std::string, detail::Slot*>;

// Of the names of `longer` that end with a name of `shorter`, the prefix that explains most; with how many it explains.
template <class Longer, class Contains>
std::pair<std::string, size_t> common_prefix(const Longer& longer, const Contains& contains) {
  std::unordered_map<std::string, size_t> votes;
  std::pair<std::string, size_t> best;
  for (const auto& [name, value] : longer)
    for (size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1))
      if (contains(name.substr(dot + 1))) {
        const std::string prefix = name.substr(0, dot + 1);
        const size_t count = ++votes[prefix];
        if (count > best.second) best = {prefix, count};
      }
  return best;
}

// Why no name at all matched, where one prefix explains it.
std::string prefix_hint(const SlotsByName& slots, const StateDict& state) {
  const auto [extra, stripped] = common_prefix(state, [&](const std::string& name) { return slots.contains(name); });
  const auto [lacking, added] = common_prefix(slots, [&](const std::string& name) { return state.contains(name); });
  if (stripped >= added && stripped > 0)
    return fmt::format("No name matched, but {} of {} do when the prefix '{}' is stripped from those of the state dict",
                       stripped, state.size(), extra);
  if (added > 0)
    return fmt::format("No name matched, but {} of {} do when the prefix '{}' is added to those of the state dict",
                       added, state.size(), lacking);
  return {};
}

std::string quoted(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += fmt::format("{}\"{}\"", text.empty() ? "" : ", ", name);
  return text;
}

struct Copy {
  detail::Slot* slot;
  bool is_parameter;
  Tensor source;
};

// An expanded tensor, whose elements cannot be written one by one.
bool is_expanded(const Tensor& x) {
  for (int64_t i = 0; i < x.dim(); ++i)
    if (x.size(i) > 1 && x.strides()[static_cast<int>(i)] == 0) return true;
  return false;
}

// Everything that forbids copying `source` into the slot of that name, a line each.
void check_entry(const std::string& name, const detail::Slot& slot, const Tensor& source, const LoadOptions& options,
                 std::string& problems) {
  const Tensor& target = slot.value;
  if (!source.defined())
    problems += fmt::format("\n  {}: the tensor in the state dict is undefined.", name);
  else if (source.shape() != target.shape())
    problems += fmt::format(
        "\n  size mismatch for {}: copying a param with shape {} from checkpoint, the shape in current model is {}.",
        name, source.shape().str(), target.shape().str());
  else if (source.device().is_meta())
    problems += fmt::format("\n  {}: the tensor in the state dict is on meta and has no data.", name);
  else if (target.device().is_meta() && !options.assign)
    problems += fmt::format(
        "\n  {}: the module's tensor is on meta and cannot take data; call to_empty(device) first, or load with "
        ".assign = true.",
        name);
  else if (!options.assign && is_expanded(target))
    problems += fmt::format(
        "\n  {}: the module's tensor is expanded, so that its elements share memory; register its clone(), or load "
        "with "
        ".assign = true.",
        name);
  else if (options.assign && target.requires_grad() && !source.is_floating_point())
    problems += fmt::format("\n  {}: a parameter that requires grad cannot be {}.", name, name_of(source.dtype()));
}

// What will be copied, already with the slot's dtype and on its device. A source that looks at memory of this module is
// cloned, since copying may overwrite it before its turn.
std::vector<Copy> prepare(const std::vector<detail::NamedSlot>& slots, const StateDict& state,
                          const LoadOptions& options) {
  std::unordered_map<const Storage*, const detail::Slot*> own;
  for (const auto& entry : slots) own.emplace(entry.slot->value.get().storage.get(), entry.slot);
  std::vector<Copy> copies;
  for (const auto& [name, slot, is_parameter] : slots) {
    const Tensor* source = state.find(name);
    if (!source) continue;
    Tensor value = source->detach();
    if (!options.assign) {
      value = value.to(slot->value.device(), slot->value.dtype());
      if (own.contains(value.get().storage.get())) value = value.clone();
    }
    copies.push_back({slot, is_parameter, value});
  }
  return copies;
}

void commit(const std::vector<Copy>& copies, const LoadOptions& options) {
  for (const auto& [slot, is_parameter, source] : copies) {
    if (!options.assign) {
      slot->value.copy_(source);
      continue;
    }
    if (!is_parameter) {
      slot->set(source);
      continue;
    }
    detail::replace_data(slot->value.get(), source.get());
    slot->value.set_grad(Tensor());
  }
}

}  // namespace

StateDict Module::state_dict() const {
  StateDict result;
  for (const auto& [name, slot, is_parameter] : saved_slots(state())) result.insert(name, slot->value.detach());
  return result;
}

LoadReport Module::load_state_dict(const StateDict& dict, const LoadOptions& options) {
  const NoGradGuard no_grad;
  const std::vector<detail::NamedSlot> slots = saved_slots(state());
  SlotsByName by_name;
  LoadReport report;
  std::string problems;
  for (const auto& [name, slot, is_parameter] : slots) {
    by_name.emplace(name, slot);
    if (const Tensor* source = dict.find(name))
      check_entry(name, *slot, *source, options, problems);
    else
      report.missing.push_back(name);
  }
  for (const auto& [name, tensor] : dict)
    if (!by_name.contains(name)) report.unexpected.push_back(name);
  if (!dict.empty() && report.unexpected.size() == dict.size()) report.hint = prefix_hint(by_name, dict);
  if (options.strict) {
    if (!report.missing.empty())
      problems += fmt::format("\n  Missing key(s) in state_dict: {}.", quoted(report.missing));
    if (!report.unexpected.empty())
      problems += fmt::format("\n  Unexpected key(s) in state_dict: {}.", quoted(report.unexpected));
    if (!report.hint.empty()) problems += fmt::format("\n  {}.", report.hint);
  }
  if (!problems.empty())
    throw StateError(fmt::format("load_state_dict: the state dict does not fit {}, which is left as it was:{}",
                                 class_name(), problems));
  commit(prepare(slots, dict, options), options);
  return report;
}

}  // namespace mote::nn
