#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/softmax_kernels.cpp"
#include <hwy/foreach_target.h>  // compiles this file once for each instruction set
//
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "cpu/exponentials-inl.h"
#include "cpu/softmax_kernels.h"

HWY_BEFORE_NAMESPACE();
namespace mote::cpu {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

template <class C>
constexpr C kLowest = -std::numeric_limits<C>::infinity();

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

// A stretch of a row that holds all its scores above -inf, and the greatest of them.
template <class C>
struct Stretch {
  int64_t begin, end;
  C highest;
};

// The scores scale x to `scores`, -inf at filled places.
template <class C>
HWY_INLINE Stretch<C> fill_scores(const C* x, const uint8_t* filled, C scale, C* scores, int64_t n) {
  const hn::ScalableTag<C> d;
  const auto lowest = hn::Set(d, kLowest<C>), factor = hn::Set(d, scale);
  auto highest = lowest;
  int64_t begin = n, end = 0;
  for_parts(d, n, [&](int64_t i, int64_t count) HWY_ATTR {
    hwy::Prefetch(x + n + i);  // the next row
    const auto mask = load_filled(d, filled + i, count);
    const auto score = hn::IfThenElse(mask, lowest, hn::Mul(load_part(d, x + i, count), factor));
    store_part(score, d, scores + i, count);
    if (hn::AllTrue(d, mask)) return;
    highest = hn::Max(highest, score);
    begin = std::min(begin, i);
    end = i + count;
  });
  return {std::min(begin, end), end, hn::GetLane(hn::MaxOfLanes(d, highest))};
}

// The exponentials of x[begin, end) to work[begin, end), and their sum: those of stretches join in double, so that long
// rows lose no digits.
template <class C>
HWY_INLINE double exponentials(const C* x, const Stretch<C>& stretch, C* work) {
  const hn::ScalableTag<C> d;
  const C base = base_of(stretch.highest);
  double total = 0;
  for (int64_t first = stretch.begin; first < stretch.end; first += kStretch) {
    const auto store = [&](auto e, int64_t i, int64_t count) HWY_ATTR { store_part(e, d, work + first + i, count); };
    total += static_cast<double>(sum_exponentials(x + first, base, std::min(kStretch, stretch.end - first), store));
  }
  return total;
}

template <class C>
HWY_INLINE void multiply(const C* work, double share, C* y, int64_t n) {
  const hn::ScalableTag<C> d;
  const auto factor = hn::Set(d, static_cast<C>(share));
  write_parts(d, y, n, work != y,
              [&](int64_t i, int64_t count) HWY_ATTR { return hn::Mul(load_part(d, work + i, count), factor); });
}

template <class C>
HWY_FLATTEN void Softmax(const C* x, C* work, C* y, int64_t n) {
  const double total = exponentials(x, {0, n, highest_of(x, n)}, work);
  multiply(work, total == 0.0 ? std::numeric_limits<double>::quiet_NaN() : 1.0 / total, y, n);
}

template <class C>
HWY_FLATTEN void MaskedSoftmax(const C* x, const uint8_t* filled, C scale, C* work, C* y, int64_t n) {
  const Stretch<C> stretch = fill_scores(x, filled, scale, work, n);
  const double total = exponentials<C>(work, stretch, work);
  std::fill(work, work + stretch.begin, C(0));
  std::fill(work + stretch.end, work + n, C(0));
  multiply(work, total == 0.0 ? 0.0 : 1.0 / total, y, n);
}

template <class C>
HWY_FLATTEN void LogSoftmax(const C* x, C* y, int64_t n, bool streamed) {
  const hn::ScalableTag<C> d;
  const ExponentialSum<C> row = exponential_sum_of(x, n);
  const auto top = hn::Set(d, base_of(row.highest)), rest = hn::Set(d, static_cast<C>(std::log(row.sum)));
  write_parts(d, y, n, streamed, [&](int64_t i, int64_t count) HWY_ATTR {
    return hn::Sub(hn::Sub(load_part(d, x + i, count), top), rest);
  });
}

template <class C>
HWY_FLATTEN void SoftmaxBackward(const C* g, const C* y, C scale, C* out, int64_t n, bool streamed) {
  const hn::ScalableTag<C> d;
  const C product = sum_parts(d, n, [&](auto sum, int64_t i, int64_t count) HWY_ATTR {
    return hn::MulAdd(load_part(d, g + i, count), load_part(d, y + i, count), sum);
  });
  const auto total = hn::Set(d, product), factor = hn::Set(d, scale);
  write_parts(d, out, n, streamed, [&](int64_t i, int64_t count) HWY_ATTR {
    hwy::Prefetch(g + n + i);  // the next row
    hwy::Prefetch(y + n + i);
    return hn::Mul(hn::Mul(load_part(d, y + i, count), factor), hn::Sub(load_part(d, g + i, count), total));
  });
}

template <class C>
HWY_FLATTEN void LogSoftmaxBackward(const C* g, const C* y, C* out, int64_t n, bool streamed) {
  const hn::ScalableTag<C> d;
  const auto total = hn::Set(d, sum_parts(d, n, [&](auto sum, int64_t i, int64_t count) HWY_ATTR {
                               return hn::Add(sum, load_part(d, g + i, count));
                             }));
  write_parts(d, out, n, streamed, [&](int64_t i, int64_t count) HWY_ATTR {
    return hn::NegMulAdd(exp_of_nonpositive(d, load_part(d, y + i, count)), total, load_part(d, g + i, count));
  });
}

template <class C>
constexpr SoftmaxKernels<C> kKernels = {Softmax<C>, LogSoftmax<C>, MaskedSoftmax<C>, SoftmaxBackward<C>,
                                        LogSoftmaxBackward<C>};

const SoftmaxKernels<float>* FloatKernels() { return &kKernels<float>; }
const SoftmaxKernels<double>* DoubleKernels() { return &kKernels<double>; }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace mote::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mote::cpu {

HWY_EXPORT(FloatKernels);
HWY_EXPORT(DoubleKernels);

template <>
const SoftmaxKernels<float>& softmax_kernels() {
  static const SoftmaxKernels<float>* const kernels = HWY_DYNAMIC_DISPATCH(FloatKernels)();
  return *kernels;
}
template <>
const SoftmaxKernels<double>& softmax_kernels() {
  static const SoftmaxKernels<double>* const kernels = HWY_DYNAMIC_DISPATCH(DoubleKernels)();
  return *kernels;
}

}  // namespace mote::cpu
#endif
