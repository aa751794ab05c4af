#include "mote/nn/slot.h"

#include <fmt/format.h>

#include "module_state.h"
#include "mote/error.h"

namespace mote::nn {

namespace detail {

void Slot::set(const Tensor& tensor) {
  if (value.defined() && value.get().origin.owner == label) value.get().origin.owner = nullptr;
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

SlotHandle& SlotHandle::operator=(const SlotHandle& other) {
  if (is_member_ && slot_)
    slot_->value = other.tensor();
  else
    slot_ = other.slot_;
  return *this;
}

SlotHandle& SlotHandle::operator=(SlotHandle&& other) noexcept {
  if (is_member_ && slot_ && !other.is_member_) {
    slot_->value = other.tensor();
  } else {
    slot_ = std::move(other.slot_);
    is_member_ = other.is_member_;
  }
  return *this;
}

const Tensor& SlotHandle::tensor() const {
  static const Tensor* const undefined = new Tensor;  // outlives modules in static storage
  return slot_ ? slot_->value : *undefined;
}

const char* SlotHandle::label() const { return slot_ ? slot_->label : "an unregistered handle"; }

}  // namespace detail

Buffer& Buffer::operator=(const Tensor& tensor) {
  if (!handle_.get())
    throw StateError(
        "Buffer: a tensor was assigned to a buffer that no module has registered; write "
        "name(register_buffer(\"name\", ...)) in the constructor of its module");
  if (tensor.defined() && tensor.requires_grad())
    throw StateError(
        fmt::format("{}: expected a tensor that does not require grad, but got one of shape {} that does; assign its "
                    "detach()",
                    label(), tensor.shape().str()));
  handle_.get()->set(tensor);
  return *this;
}

}  // namespace mote::nn
