// GELU of float32 vectors, x Phi(x), and its derivative, for kernels that Highway compiles once for each instruction
// set. The error of the function is below 9 ULP above -1; towards the left tail the relative error grows to 2e-6 (1e-5
// without fused multiply-add). The derivative is within 3e-7, and in the left tail its relative error grows
// likewise. Infinities and NaN come out as the scalar functors give them.
#if defined(MOTE_CPU_VECTOR_GELU_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOTE_CPU_VECTOR_GELU_INL_H_
#undef MOTE_CPU_VECTOR_GELU_INL_H_
#else
#define MOTE_CPU_VECTOR_GELU_INL_H_
#endif

#include <hwy/highway.h>

#include "cpu/gelu_pieces.h"
#include "cpu/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mote::cpu {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// The normal distribution at x: its integral up to x, and e^(-x^2 / 2), from one exponential. The left tail keeps its
// digits.
template <class D, class V>
struct Normal {
  V cdf, exponential;

  HWY_INLINE Normal(D d, V x) {
    const V a = hn::Min(hn::Abs(x), hn::Set(d, 15.0f));  // beyond 14 both are 0
    const V half = hn::Mul(a, hn::Set(d, -0.5f));
    const V exponent = hn::Mul(a, half);
    const V lost = hn::MulSub(a, half, exponent);  // in rounding the product, where there is a fused multiply-add
    const V e = exp_in_range(d, exponent);
    exponential = hn::MulAdd(e, lost, e);
    const V tail = hn::Mul(exponential, half_scaled_erfc(d, a, 0.70710678f));
    cdf = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), tail, hn::Sub(hn::Set(d, 1.0f), tail));
  }
};

template <class D, class V>
HWY_INLINE V gelu_by_exponential(D d, V x) {
  return hn::Mul(x, Normal<D, V>(d, x).cdf);
}

template <class D, class V>
HWY_INLINE V gelu_slope_by_exponential(D d, V x) {
  const Normal<D, V> normal(d, x);
  return hn::MulAdd(x, hn::Mul(normal.exponential, hn::Set(d, 0.39894228f)), normal.cdf);
}

#if HWY_TARGET <= HWY_AVX3  // a power's 32 coefficients lie in two registers, where one instruction looks 16 of them up

// A function with f(x) + f(-x) = 1, by the pieces of f(-|x|); beyond kGeluReach it is what it is there.
template <class D, class V>
HWY_INLINE V by_pieces(D d, V x, const GeluPieces& pieces) {
  const V a = hn::Min(hn::Abs(x), hn::Set(d, kGeluReach));
  const V rounder = hn::Set(d, 0x1.8p21f);  // floats have steps of 1/4 here, so a sum's last bits are the piece
  const V sum = hn::Add(a, rounder);
  const V t = hn::Sub(a, hn::Sub(sum, rounder));
  const __m512i index = hn::BitCast(hn::RebindToSigned<D>(), sum).raw;  // of which the last 5 bits count
  const auto coefficient = [&](int power) {
    const float* const row = pieces[power];
    return V{_mm512_permutex2var_ps(hn::Load(d, row).raw, index, hn::Load(d, row + 16).raw)};
  };
  V left = coefficient(kGeluDegree);
  HWY_UNROLL(6)
  for (int power = kGeluDegree - 1; power >= 0; --power) left = hn::MulAdd(left, t, coefficient(power));
  return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), left, hn::Sub(hn::Set(d, 1.0f), left));
}

// A lane outside the pieces takes the exponential, and only such a lane: what it gives depends on no other.
template <class D, class V>
HWY_INLINE V vector_gelu_erf(D d, V x) {
  const V y = hn::Mul(x, by_pieces(d, x, kGeluTail));
  const auto inside = hn::Ge(x, hn::Set(d, -kGeluReach));  // or above, where it is x
  if (HWY_LIKELY(hn::AllTrue(d, inside))) return y;
  return hn::IfThenElse(inside, y, gelu_by_exponential(d, x));
}

template <class D, class V>
HWY_INLINE V vector_gelu_erf_slope(D d, V x) {
  const V y = by_pieces(d, x, kGeluSlopeTail);
  const auto inside = hn::Le(hn::Abs(x), hn::Set(d, kGeluReach));
  if (HWY_LIKELY(hn::AllTrue(d, inside))) return y;
  return hn::IfThenElse(inside, y, gelu_slope_by_exponential(d, x));
}

#else

template <class D, class V>
HWY_INLINE V vector_gelu_erf(D d, V x) {
  return gelu_by_exponential(d, x);
}

template <class D, class V>
HWY_INLINE V vector_gelu_erf_slope(D d, V x) {
  return gelu_slope_by_exponential(d, x);
}

#endif

}  // namespace HWY_NAMESPACE
}  // namespace mote::cpu
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
