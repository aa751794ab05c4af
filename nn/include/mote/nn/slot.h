// Parameter and Buffer: what a module's two registries hold. Each is a handle to a slot of a registry; the member of a
// module and the registry's entry are the same slot, so that they cannot disagree. Both read as `const Tensor&` and
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

  // Replaces the tensor and notes in its origin whose it is, for error messages.
  void set(const Tensor& tensor);
};

const Tensor& value_of(const Ref<Slot>& slot);
const char* label_of(const Ref<Slot>& slot);

}  // namespace detail

// A tensor that is trained: a leaf that requires grad. Optimizers accept these and nothing else.
class Parameter : public TensorMethods<Parameter> {
 public:
  Parameter() = default;  // bound to no slot; reads as an undefined Tensor
  Parameter(const Parameter&) = default;
  Parameter(Parameter&&) noexcept = default;
  // Ties: this slot holds the other's tensor from now on, `head.weight = embedding.weight`.
  Parameter& operator=(const Parameter& other);
  // Binds to the other's slot, as the move of a whole module does.
  Parameter& operator=(Parameter&&) noexcept = default;

  operator const Tensor&() const { return tensor(); }
  const Tensor& tensor() const { return detail::value_of(slot_); }
  // "parameter 'weight' of Linear", for messages.
  const char* label() const { return detail::label_of(slot_); }

 private:
  friend class Module;
  explicit Parameter(Ref<detail::Slot> slot) : slot_(std::move(slot)) {}

  Ref<detail::Slot> slot_;
};

// A tensor that belongs to a module and is not trained: a mask, a table, running statistics.
class Buffer : public TensorMethods<Buffer> {
 public:
  Buffer() = default;  // bound to no slot; reads as an undefined Tensor
  Buffer(const Buffer&) = default;
  Buffer(Buffer&&) noexcept = default;
  // Writes the slot: member and registry hold `tensor` from now on. StateError for a tensor that requires grad.
  Buffer& operator=(const Tensor& tensor);
  Buffer& operator=(const Buffer& other);
  // Binds to the other's slot, as the move of a whole module does.
  Buffer& operator=(Buffer&&) noexcept = default;

  operator const Tensor&() const { return tensor(); }
  const Tensor& tensor() const { return detail::value_of(slot_); }
  // "buffer 'mask' of CausalAttention", for messages.
  const char* label() const { return detail::label_of(slot_); }

 private:
  friend class Module;
  explicit Buffer(Ref<detail::Slot> slot) : slot_(std::move(slot)) {}

  Ref<detail::Slot> slot_;
};

}  // namespace mote::nn
