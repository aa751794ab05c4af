#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/cross_entropy_kernels.cpp"
#include <hwy/foreach_target.h>  // compiles this file once for each instruction set
//
#include <hwy/highway.h>

#include <cmath>

#include "cpu/cross_entropy_kernels.h"
#include "cpu/exponentials-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mote::cpu {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

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
HWY_FLATTEN typename CrossEntropyKernels<C>::Sums Forward(const C* x, int64_t n, bool with_total) {
  const ExponentialSum<C> row = exponential_sum_of(x, n);
  return {row.highest, static_cast<C>(std::log(row.sum)), with_total ? sum_of(x, n, row.highest) : C(0)};
}

template <class C>
HWY_FLATTEN void Backward(const C* x, C maximum, C log_sum, C shift, C g, C* out, int64_t n, bool streamed) {
  const hn::ScalableTag<C> d;
  const auto base = hn::Set(d, maximum), rest = hn::Set(d, log_sum);
  const auto constant = hn::Set(d, shift), factor = hn::Set(d, g);
  write_parts(d, out, n, streamed, [&](int64_t i, int64_t count) HWY_ATTR {
    const auto p = exp_of_nonpositive(d, hn::Sub(hn::Sub(load_part(d, x + i, count), base), rest));
    return hn::Mul(hn::Sub(p, constant), factor);
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
