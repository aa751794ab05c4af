// Exponentials of numbers up to 0, for softmax: e^(x - maximum), of float and double vectors. Results are within 2
// units in the last place where there is a fused multiply-add; below the smallest normal number they are 0. A NaN stays
// one.
#if defined(MOTE_CPU_EXP_NONPOSITIVE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOTE_CPU_EXP_NONPOSITIVE_INL_H_
#undef MOTE_CPU_EXP_NONPOSITIVE_INL_H_
#else
#define MOTE_CPU_EXP_NONPOSITIVE_INL_H_
#endif

#include <hwy/highway.h>

#include <type_traits>

#include "cpu/power_of_two-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mote::cpu {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Terms of the series of 2^f = e^(f ln 2), highest first, without the leading 1. On [-1/2, 1/2] what they leave out is
// below 6e-9 for float and 4e-18 for double.
template <class T>
struct Exp2Series;
template <>
struct Exp2Series<float> {
  static constexpr float kTerms[] = {1.5252733804e-5f, 1.5403530393e-4f, 1.3333558146e-3f, 9.6181291076e-3f,
                                     5.5504108665e-2f, 2.4022650696e-1f, 6.9314718056e-1f};
  static constexpr float kLeast = -126.0f;  // exponents of normal numbers
};
template <>
struct Exp2Series<double> {
  static constexpr double kTerms[] = {1.3691488853904124e-12, 2.5678435993488196e-11, 4.4455382718708101e-10,
                                      7.0549116208011209e-9,  1.0178086009239696e-7,  1.3215486790144305e-6,
                                      1.5252733804059838e-5,  1.5403530393381606e-4,  1.3333558146428441e-3,
                                      9.6181291076284769e-3,  5.5504108664821576e-2,  2.4022650695910069e-1,
                                      6.9314718055994529e-1};
  static constexpr double kLeast = -1022.0;
};

// 2^(whole + f), f in [-1/2, 1/2], whole not below kLeast.
template <class D, class V>
HWY_INLINE V exp2_of_sum(D d, V whole, V f) {
  using Series = Exp2Series<hn::TFromD<D>>;
  constexpr int kCount = sizeof(Series::kTerms) / sizeof(Series::kTerms[0]);
  V y = hn::Set(d, Series::kTerms[0]);
  HWY_UNROLL(13)
  for (int i = 1; i < kCount; ++i) y = hn::MulAdd(y, f, hn::Set(d, Series::kTerms[i]));
  y = hn::MulAdd(y, f, hn::Set(d, hn::TFromD<D>(1)));
  return times_normal_power_of_two(d, y, whole);
}

// 2^x for x at most a little above 0.
template <class D, class V>
HWY_INLINE V exp2_of_nonpositive(D d, V x) {
  const V least = hn::Set(d, Exp2Series<hn::TFromD<D>>::kLeast);
  const V limited = hn::IfThenElse(hn::Lt(x, least), least, x);
  const V whole = hn::Round(limited);
  return hn::IfThenZeroElse(hn::Lt(x, least), exp2_of_sum(d, whole, hn::Sub(limited, whole)));
}

// e^x for x at most a little above 0. x / ln 2 comes in two parts, so that large arguments lose nothing.
template <class D, class V>
HWY_INLINE V exp_of_nonpositive(D d, V x) {
  using T = hn::TFromD<D>;
  constexpr bool kSingle = std::is_same_v<T, float>;
  const V high = hn::Set(d, kSingle ? T(1.44269502162933349609375) : T(1.4426950408889634074));
  const V low = hn::Set(d, kSingle ? T(1.92596299112661746887e-8) : T(2.0355273740931033e-17));
  const V least = hn::Set(d, kSingle ? T(-87.3365) : T(-708.39));
  const V limited = hn::IfThenElse(hn::Lt(x, least), least, x);
  const V whole = hn::Round(hn::Mul(limited, high));
  const V f = hn::MulAdd(limited, low, hn::MulSub(limited, high, whole));
  return hn::IfThenZeroElse(hn::Lt(x, least), exp2_of_sum(d, whole, f));
}

}  // namespace HWY_NAMESPACE
}  // namespace mote::cpu
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
