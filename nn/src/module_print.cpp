// A module as a tree of text.
#include <fmt/format.h>

#include <ostream>
#include <unordered_map>

#include "module_state.h"

namespace mote::nn {

namespace {

class Printer {
 public:
  std::string print(const detail::ModuleState& state) {
    lines(state, "", "");
    return std::move(text_);
  }

 private:
  // The class of `state` with its options, then its slots and children, two columns further in.
  void lines(const detail::ModuleState& state, const std::string& prefix, const std::string& indent) {
    const std::string extra = state.self ? state.self->extra_repr() : std::string();
    text_ += fmt::format("{}{}", state.name_of_class(), extra.empty() ? "" : "(" + extra + ")");
    const std::string inner = indent + "  ";
    for (const auto& [name, slot] : state.parameters)
      if (slot->value.defined()) slot_line('P', prefix + name, name, *slot, inner);
    for (const auto& [name, slot] : state.buffers)
      if (slot->value.defined()) slot_line('B', prefix + name, name, *slot, inner);
    for (const auto& [name, child] : state.children) {
      text_ += fmt::format("\n{}({}): ", inner, name);
      lines(*child, prefix + name + ".", inner);
    }
  }

  void slot_line(char kind, const std::string& full_name, const std::string& name, const detail::Slot& slot,
                 const std::string& indent) {
    const Tensor& x = slot.value;
    text_ +=
        fmt::format("\n{}{} {} {} {} {}", indent, kind, name, x.shape().str(), name_of(x.dtype()), x.device().str());
    if (kind == 'P' && !x.requires_grad()) text_ += ", frozen";
    if (kind == 'B' && !slot.persistent) text_ += ", not saved";
    const auto [first, is_new] = seen_.emplace(x.impl(), full_name);
    if (!is_new) text_ += fmt::format(", shared with {}", first->second);
  }

  std::string text_;
  std::unordered_map<const TensorImpl*, std::string> seen_;
};

}  // namespace

std::string Module::str() const { return Printer().print(state()); }

std::ostream& operator<<(std::ostream& stream, const Module& module) { return stream << module.str(); }

}  // namespace mote::nn
