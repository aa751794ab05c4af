// The state of autocast's guards, the choice of a dtype, and the casts of parameters that are kept.
#include "mote/autocast.h"

#include <fmt/format.h>

#include <unordered_map>

#include "mote/elementwise.h"
#include "mote/error.h"
#include "mote/node.h"
#include "ops/autocast_operand.h"

namespace mote {

namespace {

// A leaf in the guards' 16-bit type. Valid as long as the leaf has the memory and the values that were cast.
struct KeptCast {
  Tensor leaf;  // also keeps its address from being another tensor's
  Ref<Storage> storage;
  uint32_t version = 0;
  Tensor cast;

  bool is_valid(DType dtype) const {
    const TensorImpl& impl = leaf.get();
    return cast.dtype() == dtype && impl.storage == storage && storage->version() == version &&
           (cast.requires_grad() || !is_grad_enabled());  // one made without recording would stop the gradient
  }
};

thread_local constinit detail::AutocastState current_state;
thread_local constinit int depth = 0;
thread_local std::unordered_map<const TensorImpl*, KeptCast> kept_casts;

size_t index_of(const Device& device) { return static_cast<size_t>(device.type()); }

bool is_leaf_that_learns(const Tensor& x) { return x.requires_grad() && !x.get().grad_fn && !x.get().base; }

// x in a 16-bit type.
Tensor narrowed(const Tensor& x, DType dtype) {
  if (!is_leaf_that_learns(x)) return to(x, dtype);
  KeptCast& kept = kept_casts[x.impl()];
  if (!kept.leaf.defined() || !kept.is_valid(dtype)) {
    const Ref<Storage>& storage = x.get().storage;
    kept = {x, storage, storage->version(), to(x, dtype)};
  }
  return kept.cast;
}

// Whether guards may change the dtype of x at all.
bool is_eligible(const Tensor& x) {
  return x.defined() && x.is_floating_point() && x.dtype() != DType::Float64 &&
         current_state.modes[index_of(x.device())].enabled;
}

DType widest(std::initializer_list<const Tensor*> operands, DType lower) {
  for (const Tensor* operand : operands)
    if (is_eligible(*operand) && operand->dtype() == DType::Float32) return DType::Float32;
  return lower;
}

detail::AutocastState changed(const Device& device, DType dtype, bool enabled) {
  if (device.is_meta()) throw ValueError("AutocastGuard: expected cpu or cuda, but got meta, which has no data");
  if (!is_reduced_floating_point(dtype))
    throw DTypeError(
        fmt::format("AutocastGuard: expected float16 or bfloat16 to compute in, but got {}", name_of(dtype)));
  detail::AutocastState state = current_state;
  state.modes[index_of(device)] = {dtype, enabled};
  return state;
}

void set_state(const detail::AutocastState& state) {
  current_state = state;
  detail::autocast_active = false;
  for (const auto& mode : state.modes) detail::autocast_active |= mode.enabled;
}

}  // namespace

void Autocast::cast(const AutocastRule& rule, std::initializer_list<const Tensor*> operands) {
  const Tensor& x = **operands.begin();
  if (!is_eligible(x)) return;
  const DType lower = current_state.modes[index_of(x.device())].dtype;
  const Precision precision = x.device().is_cpu() ? rule.cpu : rule.cuda;
  DType wanted = x.dtype();
  if (precision == Precision::Lower) wanted = lower;
  if (precision == Precision::Float32) wanted = DType::Float32;
  if (precision == Precision::Widest) wanted = widest(operands, lower);
  if (wanted == x.dtype()) return;
  holder_ = wanted == DType::Float32 ? to(x, wanted) : narrowed(x, wanted);
  x_ = &holder_;
}

namespace detail {

const AutocastState& autocast_state() { return current_state; }

AutocastStateGuard::AutocastStateGuard(const AutocastState& state) : previous_(current_state) {
  ++depth;
  set_state(state);
}

AutocastStateGuard::~AutocastStateGuard() {
  set_state(previous_);
  if (--depth == 0 && !kept_casts.empty()) kept_casts.clear();
}

}  // namespace detail

AutocastGuard::AutocastGuard(const Device& device, bool enabled)
    : AutocastGuard(device, get_autocast_dtype(device), enabled) {}

AutocastGuard::AutocastGuard(const Device& device, DType dtype, bool enabled)
    : scope_(changed(device, dtype, enabled)) {}

bool is_autocast_enabled(const Device& device) { return current_state.modes[index_of(device)].enabled; }

DType get_autocast_dtype(const Device& device) { return current_state.modes[index_of(device)].dtype; }

}  // namespace mote
