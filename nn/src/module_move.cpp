// Module::to and to_empty: first every new tensor is made, then all slots are switched, which cannot fail.
#include <fmt/format.h>

#include <map>
#include <unordered_map>

#include "module_state.h"
#include "mote/autograd.h"
#include "mote/creation.h"
#include "mote/error.h"
#include "mote/watch.h"

namespace mote::nn {

namespace {

struct Target {
  std::optional<Device> device;
  std::optional<DType> dtype;  // for floating-point tensors
  bool empty = false;          // memory without the data
  bool non_blocking = false;

  DType dtype_for(const Tensor& x) const { return dtype && x.is_floating_point() ? *dtype : x.dtype(); }
  Device device_for(const Tensor& x) const { return device.value_or(x.device()); }
};

// Makes the new tensors. What is one tensor before is one after, and tensors that look at one storage do so after.
class Mover {
 public:
  explicit Mover(const Target& target) : target_(target) {}

  // Every tensor is announced first, so that it is known which of them share storage.
  void announce(const Tensor& x) {
    if (x.defined() && announced_.emplace(x.impl(), true).second) ++users_[key_of(x)];
  }

  Tensor moved(const Tensor& x) {
    if (!x.defined()) return x;
    if (const auto found = done_.find(x.impl()); found != done_.end()) return found->second;
    Tensor result = x;
    if (changes(x)) result = users_.at(key_of(x)) == 1 ? convert(x) : view_of_moved_storage(x);
    return done_.emplace(x.impl(), result).first->second;
  }

  // A buffer that is made again instead of being moved.
  void put(const Tensor& x, const Tensor& rebuilt) { done_.emplace(x.impl(), rebuilt); }

 private:
  using Key = std::pair<const Storage*, DType>;
  static Key key_of(const Tensor& x) { return {x.get().storage.get(), x.dtype()}; }

  bool changes(const Tensor& x) const {
    return target_.empty || target_.device_for(x) != x.device() || target_.dtype_for(x) != x.dtype();
  }

  Tensor convert(const Tensor& x) const {
    if (!target_.empty)
      return x.to(target_.device_for(x), target_.dtype_for(x), {.non_blocking = target_.non_blocking});
    return mote::empty_like(x, {.dtype = target_.dtype_for(x), .device = target_.device_for(x)});
  }

  Tensor view_of_moved_storage(const Tensor& x) {
    auto found = storages_.find(key_of(x));
    if (found == storages_.end()) {
      const int64_t elements = static_cast<int64_t>(x.get().storage->bytes() / x.element_size());
      found = storages_.emplace(key_of(x), convert(x.as_strided({elements}, {1}, 0))).first;
    }
    return found->second.as_strided(x.shape(), x.strides(), x.storage_offset());
  }

  Target target_;
  std::unordered_map<const TensorImpl*, bool> announced_;
  std::map<Key, int> users_;
  std::map<Key, Tensor> storages_;
  std::unordered_map<const TensorImpl*, Tensor> done_;
};

Tensor rebuild(const detail::NamedSlot& entry, const Target& target) {
  Tensor made = entry.slot->recipe();
  if (made.shape() != entry.slot->value.shape())
    throw ShapeError(fmt::format("to: the recipe of {} made shape {} now, but {} before", entry.slot->label,
                                 made.shape().str(), entry.slot->value.shape().str()));
  return made.to(target.device_for(entry.slot->value), target.dtype_for(entry.slot->value)).detach();
}

void move(detail::ModuleState& root, const Target& target) {
  const NoGradGuard no_grad;
  mote::detail::note_module_class(root.name_of_class());  // it may have registered nothing at all
  const std::vector<detail::NamedSlot> slots = detail::all_slots(root);
  Mover mover(target);
  for (const auto& [name, slot, is_parameter] : slots) {
    const Tensor& value = slot->value;
    const bool loses_data = target.empty || (value.device().is_meta() && !target.device_for(value).is_meta());
    if (loses_data && slot->recipe && !target.device_for(value).is_meta())
      mover.put(value, rebuild({name, slot, is_parameter}, target));
    else if (loses_data && !target.empty)
      throw StateError(
          fmt::format("to: '{}' ({}) is on meta and has no data to move; use to_empty(\"{}\") and then "
                      "load a state dict, or load with .assign",
                      name, slot->label, target.device_for(value).str()));
    mover.announce(value);
    if (is_parameter) mover.announce(value.grad());
  }
  struct Change {
    detail::Slot* slot;
    bool is_parameter;
    Tensor value, grad;
  };
  std::vector<Change> changes;
  std::unordered_set<const TensorImpl*> parameters;
  for (const auto& [name, slot, is_parameter] : slots) {
    if (is_parameter) parameters.insert(slot->value.impl());
    const Tensor grad = is_parameter ? slot->value.grad() : Tensor();
    changes.push_back({slot, is_parameter, mover.moved(slot->value), target.empty ? Tensor() : mover.moved(grad)});
  }
  for (const auto& [slot, is_parameter, value, grad] : changes) {
    TensorImpl& impl = slot->value.get();
    if (!parameters.contains(&impl)) {
      slot->set(value);
    } else if (is_parameter) {
      detail::replace_data(impl, value.get());
      if (impl.leaf) impl.leaf->grad = grad;
    }
  }
}

}  // namespace

Module& Module::to(const Device& device, const MoveOptions& options) {
  move(state(), {.device = device, .dtype = std::nullopt, .non_blocking = options.non_blocking});
  return *this;
}

Module& Module::to(DType dtype) {
  if (!is_floating_point(dtype))
    throw DTypeError(fmt::format("to: a module can be cast to a floating-point dtype, but got {}", name_of(dtype)));
  move(state(), {.device = std::nullopt, .dtype = dtype});
  return *this;
}

Module& Module::to(const Device& device, DType dtype, const MoveOptions& options) {
  if (!is_floating_point(dtype))
    throw DTypeError(fmt::format("to: a module can be cast to a floating-point dtype, but got {}", name_of(dtype)));
  move(state(), {.device = device, .dtype = dtype, .non_blocking = options.non_blocking});
  return *this;
}

Module& Module::to_empty(const Device& device) {
  move(state(), {.device = device, .dtype = std::nullopt, .empty = true});
  return *this;
}

}  // namespace mote::nn
