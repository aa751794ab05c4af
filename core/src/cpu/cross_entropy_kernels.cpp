#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/cross_entropy_kernels.cpp"
#include <hwy/foreach_target.h>  // compiles this file once for each instruction set
//
#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <cmath>
#include <limits>

#include "cpu/cross_entropy_kernels.h"
#include "cpu/exp_nonpositive-inl.h"
#include "cpu/vector_parts-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mote::cpu {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

constexpr int64_t kStretch = 2048;

// The greatest of a row. A NaN may be lost here; the sum of exponentials then has it.
template <class C>
HWY_INLINE C maximum(const C* x, int64_t n) {
  const hn::ScalableTag<C> d;
  const auto lowest = hn::Set(d, -std::numeric_limits<C>::infinity());
  auto highest = lowest;
  for_parts(d, n,
            [&](int64_t i, int64_t count) HWY_ATTR { highest = hn::Max(highest, load_part(d, x + i, count, lowest)); });
  return hn::GetLane(hn::MaxOfLanes(d, highest));
}

// The sum of e^(x - base). Fetches what lies a stretch further on meanwhile, since the pass for its maximum would only
// wait for it.
template <class C>
HWY_INLINE C sum_exp(const C* x, int64_t n, C base) {
  const hn::ScalableTag<C> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto shift = hn::Set(d, base), lowest = hn::Set(d, -std::numeric_limits<C>::infinity());
  auto even = hn::Zero(d), odd = even;
  int64_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    hwy::Prefetch(x + i + kStretch);
    hwy::Prefetch(x + i + lanes + kStretch);
    even = hn::Add(even, exp_of_nonpositive(d, hn::Sub(hn::LoadU(d, x + i), shift)));
    odd = hn::Add(odd, exp_of_nonpositive(d, hn::Sub(hn::LoadU(d, x + i + lanes), shift)));
  }
  for (; i < n; i += lanes)
    even = hn::Add(even, exp_of_nonpositive(d, hn::Sub(load_part(d, x + i, HWY_MIN(lanes, n - i), lowest), shift)));
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(even, odd)));
}

// The sum of x - base.
template <class C>
HWY_INLINE C sum_of(const C* x, int64_t n, C base) {
  const hn::ScalableTag<C> d;
  const auto shift = hn::Set(d, base);
  auto sum = hn::Zero(d);
  for_parts(d, n, [&](int64_t i, int64_t count) HWY_ATTR {
    sum = hn::Add(sum, hn::Sub(load_part(d, x + i, count, shift), shift));
  });
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

template <class C>
typename CrossEntropyKernels<C>::Sums Forward(const C* x, int64_t n, bool with_total) {
  constexpr C kLowest = -std::numeric_limits<C>::infinity();
  C highest = kLowest, sum = 0;
  for (int64_t i = 0; i < n; i += kStretch) {
    const int64_t count = HWY_MIN(kStretch, n - i);
    const C top = maximum(x + i, count);
    if (!(top <= highest)) {  // a new maximum, or NaN
      sum *= std::exp(highest == kLowest ? kLowest : highest - top);
      highest = top;
    }
    if (highest != kLowest) sum += sum_exp(x + i, count, highest);
  }
  return {highest, std::log(sum), with_total ? sum_of(x, n, highest) : C(0)};
}

template <class C>
void Backward(const C* x, C log_sum_exp, C shift, C g, C* out, int64_t n) {
  const hn::ScalableTag<C> d;
  const auto base = hn::Set(d, log_sum_exp), constant = hn::Set(d, shift), factor = hn::Set(d, g);
  for_parts(d, n, [&](int64_t i, int64_t count) HWY_ATTR {
    const auto p = exp_of_nonpositive(d, hn::Sub(load_part(d, x + i, count), base));
    store_part(hn::Mul(hn::Sub(p, constant), factor), d, out + i, count);
  });
}

const CrossEntropyKernels<float>* FloatKernels() {
  static constexpr CrossEntropyKernels<float> kernels = {Forward<float>, Backward<float>};
  return &kernels;
}
const CrossEntropyKernels<double>* DoubleKernels() {
  static constexpr CrossEntropyKernels<double> kernels = {Forward<double>, Backward<double>};
  return &kernels;
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace mote::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mote::cpu {

HWY_EXPORT(FloatKernels);
HWY_EXPORT(DoubleKernels);

template <>
const CrossEntropyKernels<float>& cross_entropy_kernels() {
  static const CrossEntropyKernels<float>* const kernels = HWY_DYNAMIC_DISPATCH(FloatKernels)();
  return *kernels;
}
template <>
const CrossEntropyKernels<double>& cross_entropy_kernels() {
  static const CrossEntropyKernels<double>* const kernels = HWY_DYNAMIC_DISPATCH(DoubleKernels)();
  return *kernels;
}

}  // namespace mote::cpu
#endif
