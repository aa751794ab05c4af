// Exponentials of numbers up to 0, for softmax: e^(x - maximum), of float and double vectors. Results are within 2
// units in the last place; below the smallest normal number they are 0. A NaN stays one.
#if defined(MOTE_CPU_EXP_NONPOSITIVE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOTE_CPU_EXP_NONPOSITIVE_INL_H_
#undef MOTE_CPU_EXP_NONPOSITIVE_INL_H_
#else
#define MOTE_CPU_EXP_NONPOSITIVE_INL_H_
#endif

#include <hwy/highway.h>

#include <cstddef>

#include "cpu/power_of_two-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mote::cpu {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Minimax fits of 2^f on [-1/2, 1/2] (Remez exchange with 50 digits, computed for this file), highest power first,
// without the leading 1. Their relative errors are below 3e-9 for float, before rounding, and 6e-20 for double. Those
// of e^r are the same, with f = r / ln 2.
template <class T>
struct ExpFit;
template <>
struct ExpFit<float> {
  static constexpr float kPowersOf2[] = {1.55946782e-4f, 1.34066439e-3f, 9.61769297e-3f,
                                         5.55031055e-2f, 2.40226528e-1f, 6.93147215e-1f};
  static constexpr float kPowersOfE[] = {1.40612409e-3f, 8.37901116e-3f, 4.16647773e-2f,
                                         1.66663654e-1f, 5.00000043e-1f, 1.0f};
  static constexpr float kLog2E = 1.44269504f;
  static constexpr float kLn2[] = {0.693359375f, -2.12194440e-4f};  // two parts; exponents times the first are exact
  // Whose powers of 2 and of e are the least normal numbers.
  static constexpr float kLeastOf2 = -126.0f, kLeastOfE = -87.33654f;
};
template <>
struct ExpFit<double> {
  static constexpr double kPowersOf2[] = {2.5855238444590038e-11, 4.4572393137403013e-10, 7.0548148367630283e-9,
                                          1.0178047531180678e-7,  1.3215487003407651e-6,  1.5252733864845099e-5,
                                          1.5403530393171835e-4,  1.3333558146381738e-3,  9.6181291076285612e-3,
                                          5.5504108664821734e-2,  2.4022650695910071e-1,  6.9314718055994531e-1};
  static constexpr double kPowersOfE[] = {2.1020498678656762e-9,
                                          2.5118047705094384e-8,
                                          2.7556941174085774e-7,
                                          2.7557215044068899e-6,
                                          2.4801587701819958e-5,
                                          1.9841269920341354e-4,
                                          1.3888888888699742e-3,
                                          8.3333333333041430e-3,
                                          4.1666666666667032e-2,
                                          1.6666666666666713e-1,
                                          0.5,
                                          1.0};
  static constexpr double kLog2E = 1.4426950408889634;
  static constexpr double kLn2[] = {0.6931471804855391, 7.4406171100123968e-11};
  static constexpr double kLeastOf2 = -1022.0, kLeastOfE = -708.3964;
};

// 1 + x polynomial(x), the highest power first.
template <class D, class V, class T, size_t kCount>
HWY_INLINE V one_plus(D d, V x, const T (&terms)[kCount]) {
  V y = hn::Set(d, terms[0]);
  HWY_UNROLL(12)
  for (size_t i = 1; i < kCount; ++i) y = hn::MulAdd(y, x, hn::Set(d, terms[i]));
  return hn::MulAdd(y, x, hn::Set(d, T(1)));
}

// 2^x for x at most a little above 0.
template <class D, class V>
HWY_INLINE V exp2_of_nonpositive(D d, V x) {
  using Fit = ExpFit<hn::TFromD<D>>;
  const V whole = hn::Round(x);
  const V y = one_plus(d, hn::Sub(x, whole), Fit::kPowersOf2);
  return times_power_of_two_unless_less(d, x, hn::Set(d, Fit::kLeastOf2), y, whole);
}

// e^x = 2^n e^r for x at most a little above 0, with |r| <= ln(2) / 2.
template <class D, class V>
HWY_INLINE V exp_of_nonpositive(D d, V x) {
  using Fit = ExpFit<hn::TFromD<D>>;
  const V n = hn::Round(hn::Mul(x, hn::Set(d, Fit::kLog2E)));
  const V r = hn::NegMulAdd(n, hn::Set(d, Fit::kLn2[1]), hn::NegMulAdd(n, hn::Set(d, Fit::kLn2[0]), x));
  return times_power_of_two_unless_less(d, x, hn::Set(d, Fit::kLeastOfE), one_plus(d, r, Fit::kPowersOfE), n);
}

}  // namespace HWY_NAMESPACE
}  // namespace mote::cpu
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
