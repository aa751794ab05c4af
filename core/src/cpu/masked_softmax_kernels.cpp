#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/masked_softmax_kernels.cpp"
#include <hwy/foreach_target.h>  // compiles this file once for each instruction set
//
#include <hwy/highway.h>

#include <limits>

#include "cpu/exp_nonpositive-inl.h"
#include "cpu/masked_softmax_kernels.h"
#include "cpu/vector_parts-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mote::cpu {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// Which of the next `count` places are filled; those after them count as filled.
template <class D>
HWY_INLINE hn::Mask<D> load_filled(D d, const uint8_t* filled, int64_t count) {
  const hn::Rebind<uint8_t, D> bytes;
  const hn::RebindToUnsigned<D> words;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  HWY_ALIGN uint8_t rest[HWY_MAX_BYTES];
  if (!is_whole(d, count)) {
    for (int64_t i = 0; i < lanes; ++i) rest[i] = i < count ? filled[i] : 1;
    filled = rest;
  }
  const auto wide = [&]() HWY_ATTR {
    if constexpr (sizeof(hn::TFromD<D>) == 4)
      return hn::PromoteTo(words, hn::LoadU(bytes, filled));
    else
      return hn::PromoteTo(words, hn::PromoteTo(hn::Rebind<uint32_t, D>(), hn::LoadU(bytes, filled)));
  }();
  return hn::RebindMask(d, hn::Ne(wide, hn::Zero(words)));
}

// The next scores times the scale, -inf at places that are filled or beyond the row.
template <bool kMasked, class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load_scores(D d, const T* x, const uint8_t* filled, hn::Vec<D> scale, int64_t count) {
  const auto lowest = hn::Set(d, -std::numeric_limits<T>::infinity());
  if constexpr (kMasked)
    return hn::IfThenElse(load_filled(d, filled, count), lowest, hn::Mul(load_part(d, x, count), scale));
  const auto s = hn::Mul(load_part(d, x, count), scale);
  if (is_whole(d, count)) return s;
  return hn::IfThenElse(hn::FirstN(d, static_cast<size_t>(count)), s, lowest);
}

template <bool kMasked, class C>
HWY_INLINE void forward_row(const C* x, const uint8_t* filled, C scale, C* y, int64_t n) {
  const hn::ScalableTag<C> d;
  const auto lowest = hn::Set(d, -std::numeric_limits<C>::infinity()), factor = hn::Set(d, scale);
  const auto mask_at = [&](int64_t i) { return kMasked ? filled + i : nullptr; };
  auto highest = lowest;
  for_parts(d, n, [&](int64_t i, int64_t count) HWY_ATTR {
    highest = hn::Max(highest, load_scores<kMasked>(d, x + i, mask_at(i), factor, count));
  });
  highest = hn::MaxOfLanes(d, highest);
  // Where nothing is left, every exponential below is e^-inf.
  const auto base = hn::IfThenZeroElse(hn::Eq(highest, lowest), highest);
  auto sum = hn::Zero(d);
  for_parts(d, n, [&](int64_t i, int64_t count) HWY_ATTR {
    const auto p = exp_of_nonpositive(d, hn::Sub(load_scores<kMasked>(d, x + i, mask_at(i), factor, count), base));
    sum = hn::Add(sum, p);
    store_part(p, d, y + i, count);
  });
  const C total = hn::GetLane(hn::SumOfLanes(d, sum));
  const auto share = hn::Set(d, total == C(0) ? C(0) : C(1) / total);
  for_parts(d, n, [&](int64_t i, int64_t count) HWY_ATTR {
    store_part(hn::Mul(load_part(d, y + i, count), share), d, y + i, count);
  });
}

template <class C>
void Forward(const C* x, const uint8_t* filled, C scale, C* y, int64_t n) {
  if (filled)
    forward_row<true>(x, filled, scale, y, n);
  else
    forward_row<false>(x, filled, scale, y, n);
}

template <class C>
void Backward(const C* g, const C* y, C scale, C* out, int64_t n) {
  const hn::ScalableTag<C> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  auto even = hn::Zero(d), odd = even;
  int64_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    even = hn::MulAdd(hn::LoadU(d, g + i), hn::LoadU(d, y + i), even);
    odd = hn::MulAdd(hn::LoadU(d, g + i + lanes), hn::LoadU(d, y + i + lanes), odd);
  }
  for (; i < n; i += lanes) {
    const int64_t count = HWY_MIN(lanes, n - i);
    even = hn::MulAdd(load_part(d, g + i, count), load_part(d, y + i, count), even);
  }
  const auto total = hn::SumOfLanes(d, hn::Add(even, odd)), factor = hn::Set(d, scale);
  for_parts(d, n, [&](int64_t at, int64_t count) HWY_ATTR {
    const auto difference = hn::Sub(load_part(d, g + at, count), total);
    store_part(hn::Mul(hn::Mul(load_part(d, y + at, count), factor), difference), d, out + at, count);
  });
}

const MaskedSoftmaxKernels<float>* FloatKernels() {
  static constexpr MaskedSoftmaxKernels<float> kernels = {Forward<float>, Backward<float>};
  return &kernels;
}
const MaskedSoftmaxKernels<double>* DoubleKernels() {
  static constexpr MaskedSoftmaxKernels<double> kernels = {Forward<double>, Backward<double>};
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
const MaskedSoftmaxKernels<float>& masked_softmax_kernels() {
  static const MaskedSoftmaxKernels<float>* const kernels = HWY_DYNAMIC_DISPATCH(FloatKernels)();
  return *kernels;
}
template <>
const MaskedSoftmaxKernels<double>& masked_softmax_kernels() {
  static const MaskedSoftmaxKernels<double>* const kernels = HWY_DYNAMIC_DISPATCH(DoubleKernels)();
  return *kernels;
}

}  // namespace mote::cpu
#endif
