// Automatic mixed precision: while a guard lives, matrix products run in a 16-bit type and what needs range or
// precision in float32, whatever dtype their operands have (Micikevicius et al. 2018). The parameters stay in float32.
//
//   mote::AutocastGuard guard("cuda", mote::bfloat16);
//   Tensor loss = model.loss(x, y);
//
// The lists are PyTorch's, one for the CPU and one for CUDA; docs/mixed_precision.md has them. In-place operations,
// operations with an explicit dtype, and tensors of float64 or integers are left alone. Backward runs in the dtypes of
// forward, inside and outside of a guard.
#pragma once

#include <array>

#include "mote/device.h"
#include "mote/dtype.h"

namespace mote {

namespace detail {

// What the guards of a thread have set, for each type of device.
struct AutocastState {
  struct Mode {
    DType dtype;
    bool enabled = false;
  };
  std::array<Mode, kDeviceTypeCount> modes = {{{DType::BFloat16}, {DType::Float16}, {DType::Float32}}};
};

// Whether anything is enabled on this thread: all that an operation reads while no guard lives.
inline thread_local constinit bool autocast_active = false;

// This thread's state.
const AutocastState& autocast_state();

// Sets the whole state for the guard's lifetime. When the outermost one ends, the casts that were kept are dropped.
class AutocastStateGuard {
 public:
  explicit AutocastStateGuard(const AutocastState& state);
  ~AutocastStateGuard();
  AutocastStateGuard(const AutocastStateGuard&) = delete;
  AutocastStateGuard& operator=(const AutocastStateGuard&) = delete;

 private:
  AutocastState previous_;
};

}  // namespace detail

// Mixed precision on this thread, for tensors on devices of one type ("cpu", "cuda", DeviceType::CUDA), until the guard
// ends; or, with enabled = false, none inside another guard. Guards nest, also those of different types of device.
//
// A leaf that requires grad, as a parameter, is cast to 16 bits once and the cast kept until the outermost guard ends,
// or the leaf is written; its gradient arrives in the leaf's own dtype.
class AutocastGuard {
 public:
  // In bfloat16 on the CPU and float16 on CUDA. ValueError for meta, which has no data.
  explicit AutocastGuard(const Device& device, bool enabled = true);
  // DTypeError unless dtype is float16 or bfloat16.
  AutocastGuard(const Device& device, DType dtype, bool enabled = true);

 private:
  detail::AutocastStateGuard scope_;
};

// Whether a guard of this thread has switched mixed precision on for devices of this type.
bool is_autocast_enabled(const Device& device);
// The 16-bit type that the innermost guard for devices of this type has set: without one bfloat16 for the CPU, float16
// for CUDA.
DType get_autocast_dtype(const Device& device);

}  // namespace mote
