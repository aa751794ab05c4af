// Products with powers of two, the last step of every exponential.
#if defined(MOTE_CPU_POWER_OF_TWO_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOTE_CPU_POWER_OF_TWO_INL_H_
#undef MOTE_CPU_POWER_OF_TWO_INL_H_
#else
#define MOTE_CPU_POWER_OF_TWO_INL_H_
#endif

#include <hwy/highway.h>

#include <limits>

HWY_BEFORE_NAMESPACE();
namespace mote::cpu {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET <= HWY_AVX3  // one instruction, gradual below the normal numbers and infinite above them

HWY_INLINE hn::Vec512<float> scaled(hn::Vec512<float> y, hn::Vec512<float> n) {
  return hn::Vec512<float>{_mm512_scalef_ps(y.raw, n.raw)};
}
HWY_INLINE hn::Vec512<double> scaled(hn::Vec512<double> y, hn::Vec512<double> n) {
  return hn::Vec512<double>{_mm512_scalef_pd(y.raw, n.raw)};
}

HWY_INLINE hn::Vec512<float> scaled_unless_less(hn::Vec512<float> x, hn::Vec512<float> least, hn::Vec512<float> y,
                                                hn::Vec512<float> n) {
  return hn::Vec512<float>{_mm512_maskz_scalef_ps(_mm512_cmp_ps_mask(x.raw, least.raw, _CMP_NLT_UQ), y.raw, n.raw)};
}
HWY_INLINE hn::Vec512<double> scaled_unless_less(hn::Vec512<double> x, hn::Vec512<double> least, hn::Vec512<double> y,
                                                 hn::Vec512<double> n) {
  return hn::Vec512<double>{_mm512_maskz_scalef_pd(_mm512_cmp_pd_mask(x.raw, least.raw, _CMP_NLT_UQ), y.raw, n.raw)};
}

template <class D, class V>
HWY_INLINE V times_power_of_two_unless_less(D, V x, V least, V y, V n) {
  return scaled_unless_less(x, least, y, n);
}
template <class D, class V>
HWY_INLINE V times_power_of_two(D, V y, V n) {
  return scaled(y, n);
}

#else

// 2^n for whole n that are exponents of normal numbers.
template <class D, class I>
HWY_INLINE hn::Vec<D> power_of_two(D d, I n) {
  using Limits = std::numeric_limits<hn::TFromD<D> >;
  const hn::RebindToSigned<D> bits;
  const auto exponent = hn::Add(n, hn::Set(bits, Limits::max_exponent - 1));
  return hn::BitCast(d, hn::ShiftLeft<Limits::digits - 1>(exponent));
}

// 0 where x < least, elsewhere y 2^n, with whole n that are exponents of normal numbers there. A NaN in x and y stays
// one.
template <class D, class V>
HWY_INLINE V times_power_of_two_unless_less(D d, V x, V least, V y, V n) {
  const V product = hn::Mul(y, power_of_two(d, hn::ConvertTo(hn::RebindToSigned<D>(), n)));
  return hn::IfThenZeroElse(hn::Lt(x, least), product);
}

// y 2^n, in two steps, since n itself may lie outside the exponents of normal numbers: up to twice their range.
template <class D, class V>
HWY_INLINE V times_power_of_two(D d, V y, V n) {
  const auto whole = hn::ConvertTo(hn::RebindToSigned<D>(), n);
  const auto half = hn::ShiftRight<1>(whole);
  return hn::Mul(hn::Mul(y, power_of_two(d, half)), power_of_two(d, hn::Sub(whole, half)));
}

#endif

}  // namespace HWY_NAMESPACE
}  // namespace mote::cpu
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
