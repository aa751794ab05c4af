#include "mote/nn/slot.h"

#include <fmt/format.h>

#include "module_state.h"
#include "mote/error.h"

namespace mote::nn {

namespace detail {

void Slot::set(const Tensor& tensor) {
  value = tensor;
  if (value.defined()) value.get().origin.owner = label;
}

void replace_data(TensorImpl& target, const TensorImpl& source) noexcept {
  target.storage = source.storage;
  target.strides = source.strides;
  target.offset = source.offset;
  target.dtype = source.dtype;
  target.contiguous = source.contiguous;
}

const Tensor& value_of(const Ref<Slot>& slot) {
  static const Tensor* const undefined = new Tensor;  // outlives modules in static storage
  return slot ? slot->value : *undefined;
}

const char* label_of(const Ref<Slot>& slot) { return slot ? slot->label : "an unregistered handle"; }

}  // namespace detail

Parameter& Parameter::operator=(const Parameter& other) {
  if (slot_ && other.slot_)
    slot_->value = other.slot_->value;
  else
    slot_ = other.slot_;
  return *this;
}

Buffer& Buffer::operator=(const Tensor& tensor) {
  if (!slot_)
    throw StateError(
        "Buffer: a tensor was assigned to a buffer that no module has registered; write "
        "name(register_buffer(\"name\", ...)) in the constructor of its module");
  if (tensor.defined() && tensor.requires_grad())
    throw StateError(
        fmt::format("{}: expected a tensor that does not require grad, but got one of shape {} that does; assign its "
                    "detach()",
                    slot_->label, tensor.shape().str()));
  slot_->set(tensor);
  return *this;
}

Buffer& Buffer::operator=(const Buffer& other) {
  if (slot_ && other.slot_)
    slot_->value = other.slot_->value;
  else
    slot_ = other.slot_;
  return *this;
}

}  // namespace mote::nn
