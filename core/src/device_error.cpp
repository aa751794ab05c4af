// The three cases of "operands on different devices": a module's tensor that was never registered, a module that was
// not moved, an input that was not moved. Each is told apart by what is known of the tensor, and gets its own advice.
#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "mote/watch.h"
#include "ops/support.h"

namespace mote {

namespace {

std::string made_by(const Origin& origin) {
  std::string text = origin.op ? fmt::format("made by {}", origin.op) : "made from existing data";
  if (origin.where.file) text += fmt::format(" at {}:{}", origin.where.file, origin.where.line);
  return text;
}

// `target` is where the other operands are.
std::string advice(const NamedTensor& operand, Device target) {
  const TensorImpl& impl = operand.tensor->get();
  const char* owner = impl.origin.owner;
  if (owner && operand.tensor->device().is_meta())
    return fmt::format(
        "{} is {}, whose module is still on meta: give it memory with .to_empty(\"{}\") and load its state",
        operand.name, owner, target.str());
  if (owner)
    return fmt::format("{} is {}, whose module is still on {}: move the module with .to(\"{}\")", operand.name, owner,
                       operand.tensor->device().str(), target.str());
  const Origin& origin = impl.origin;
  if (operand.tensor->device().is_meta())
    return fmt::format("{0} was {1} on meta and has no data: make {0} on {2}", operand.name, made_by(origin),
                       target.str());
  if (origin.where.function && detail::is_module_class(origin.where.function))
    return fmt::format(
        "{0} was {1} in the constructor of {2}, but is in neither of its registries, so to(Device) does not move it. "
        "Keep it in a member `nn::Buffer {0}` and write {0}(register_buffer(\"{0}\", ...)) in the constructor",
        operand.name, made_by(origin), origin.where.function);
  return fmt::format(
      "{} was {} and belongs to no module: move it with .to(\"{}\"). If a module owns it, let the constructor "
      "register it with register_buffer(\"{}\", ...), so that it moves with the module",
      operand.name, made_by(origin), target.str(), operand.name);
}

// The operand to blame: a module's tensor that is still without data; else an input without data where the module has
// some; else what was left behind on the CPU; else the one that is on another device than most.
size_t find_culprit(const std::vector<NamedTensor>& operands) {
  const auto find = [&](const auto& is_culprit) {
    return static_cast<size_t>(std::find_if(operands.begin(), operands.end(), is_culprit) - operands.begin());
  };
  const auto is_modules = [](const NamedTensor& x) { return x.tensor->get().origin.owner != nullptr; };
  size_t found = find([&](const NamedTensor& x) { return x.tensor->device().is_meta() && is_modules(x); });
  if (found == operands.size() && std::any_of(operands.begin(), operands.end(), is_modules))
    found = find([](const NamedTensor& x) { return x.tensor->device().is_meta(); });
  if (found == operands.size()) found = find([](const NamedTensor& x) { return x.tensor->device().is_cpu(); });
  if (found == operands.size())
    found = find([&](const NamedTensor& operand) {
      const auto agrees = [&](const NamedTensor& x) { return x.tensor->device() == operand.tensor->device(); };
      return 2 * static_cast<size_t>(std::count_if(operands.begin(), operands.end(), agrees)) < operands.size();
    });
  return found == operands.size() ? operands.size() - 1 : found;
}

}  // namespace

void throw_device_mismatch(const char* op, std::initializer_list<NamedTensor> list) {
  const std::vector<NamedTensor> operands(list);
  const size_t culprit = find_culprit(operands);
  size_t other = 0;
  while (operands[other].tensor->device() == operands[culprit].tensor->device()) ++other;
  const NamedTensor &a = operands[std::min(other, culprit)], &b = operands[std::max(other, culprit)];
  const NamedTensor &bad = operands[culprit], &good = operands[other];
  throw DeviceError(fmt::format("{}: expected {} and {} to be on the same device, but got {} on {} and {} on {}. {}.",
                                op, a.name, b.name, bad.name, bad.tensor->device().str(), good.name,
                                good.tensor->device().str(), advice(bad, good.tensor->device())));
}

}  // namespace mote
