// How an operation of autocast's lists reads its operands: `Autocast(kProducts, x)` is x in the dtype that the guards
// of this thread ask for, recorded for backward, or x itself.
#pragma once

#include <initializer_list>

#include "mote/autocast.h"
#include "mote/tensor.h"

namespace mote {

// What an operation computes in under a guard: its operands' own dtypes, the guard's 16-bit type, float32, or the
// widest of its operands' dtypes.
enum class Precision : uint8_t { Own, Lower, Float32, Widest };

struct AutocastRule {
  Precision cpu, cuda;
};

// PyTorch's two lists, as far as they differ for the operations here.
inline constexpr AutocastRule kProducts{Precision::Lower, Precision::Lower};
inline constexpr AutocastRule kVectorProducts{Precision::Own, Precision::Lower};
inline constexpr AutocastRule kLosses{Precision::Float32, Precision::Float32};  // and products of all elements
inline constexpr AutocastRule kWideFunctions{Precision::Own, Precision::Float32};
inline constexpr AutocastRule kMixedOperands{Precision::Own, Precision::Widest};
inline constexpr AutocastRule kUnchanged{Precision::Own, Precision::Own};  // the caller gave a dtype

class Autocast {
 public:
  // x may be undefined. `others` are the operation's other operands, which count for the widest.
  template <class... Others>
  Autocast(const AutocastRule& rule, const Tensor& x, const Others&... others) : x_(&x) {
    if (detail::autocast_active) [[unlikely]]
      cast(rule, {&x, &others...});
  }
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

  operator const Tensor&() const { return *x_; }

 private:
  // For the first of the operands.
  void cast(const AutocastRule& rule, std::initializer_list<const Tensor*> operands);

  const Tensor* x_;
  Tensor holder_;
};

}  // namespace mote
