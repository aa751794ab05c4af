// Parameter and Buffer: what a module's two registries hold. Each is a handle to a slot of a registry; the member of a
// module and the registry's entry are the same slot, so that they cannot disagree. Keep as member what registration
// returned, not a copy of it. Both read as `const Tensor&` and
// have a tensor's methods. Nothing converts into them: only Module::register_parameter and Module::register_buffer
// make registered ones.
#pragma once

#include <functional>

#include "mote/ref.h"
#include "mote/tensor.h"

namespace mote::nn {

class Module;

namespace detail {

// One entry of a registry. Its tensor is undefined where a module has the name but no tensor (a Linear without bias).
struct Slot : RefCounted {
  Tensor value;
  const char* label = nullptr;       // "buffer 'mask' of CausalAttention"
  bool persistent = true;            // of a buffer: part of the state dict
  std::function<Tensor()> recipe{};  // of a buffer: makes its value again

  // Replaces the tensor and notes in its origin whose it is, for error messages; the one before is nobody's.
  void set(const Tensor& tensor);
};

// The slot of a Parameter or Buffer, and whether the object is what registration returned, as a module's member is, or
// another handle to the slot, as a copy is and what parameters() gives.
class SlotHandle {
 public:
  SlotHandle() = default;
  SlotHandle(Ref<Slot> slot, bool is_member) : slot_(std::move(slot)), is_member_(is_member) {}
  SlotHandle(const SlotHandle& other) : slot_(other.slot_) {}
  SlotHandle(SlotHandle&&) noexcept = default;
  // A member's slot takes the tensor of `other`; another handle looks at the slot of `other` from now on.
  SlotHandle& operator=(const SlotHandle& other);
  // The same, but a member given up by another module is bound to its slot: the whole module is being moved.
  SlotHandle& operator=(SlotHandle&& other) noexcept;

  Slot* get() const { return slot_.get(); }
  const Tensor& tensor() const;
  const char* label() const;

 private:
  Ref<Slot> slot_;
  bool is_member_ = false;
};

}  // namespace detail

// A tensor that is trained: a leaf that requires grad. Optimizers accept these and nothing else.
class Parameter : public TensorMethods<Parameter> {
 public:
  Parameter() = default;  // bound to no slot; reads as an undefined Tensor
  Parameter(const Parameter&) = default;
  Parameter(Parameter&&) noexcept = default;
  // Ties, where this is a module's member: its slot holds the other's tensor from now on, as after
  // `head.weight = embedding.weight`. A handle that is no member is turned to the other's slot.
  Parameter& operator=(const Parameter&) = default;
  Parameter& operator=(Parameter&&) noexcept = default;

  operator const Tensor&() const { return tensor(); }
  const Tensor& tensor() const { return handle_.tensor(); }
  // "parameter 'weight' of Linear", for messages.
  const char* label() const { return handle_.label(); }

 private:
  friend class Module;
  Parameter(Ref<detail::Slot> slot, bool is_member) : handle_(std::move(slot), is_member) {}

  detail::SlotHandle handle_;
};

// A tensor that belongs to a module and is not trained: a mask, a table, running statistics.
class Buffer : public TensorMethods<Buffer> {
 public:
  Buffer() = default;  // bound to no slot; reads as an undefined Tensor
  Buffer(const Buffer&) = default;
  Buffer(Buffer&&) noexcept = default;
  // Writes the slot: member and registry hold `tensor` from now on. StateError for a tensor that requires grad.
  Buffer& operator=(const Tensor& tensor);
  // As for Parameter.
  Buffer& operator=(const Buffer&) = default;
  Buffer& operator=(Buffer&&) noexcept = default;

  operator const Tensor&() const { return tensor(); }
  const Tensor& tensor() const { return handle_.tensor(); }
  // "buffer 'mask' of CausalAttention", for messages.
  const char* label() const { return handle_.label(); }

 private:
  friend class Module;
  Buffer(Ref<detail::Slot> slot, bool is_member) : handle_(std::move(slot), is_member) {}

  detail::SlotHandle handle_;
};

}  // namespace mote::nn
