// GELU of float32 vectors, x Phi(x), its tanh form, and their derivatives, for kernels that Highway compiles once for
// each instruction set. Infinities and NaN come out as the scalar functors give them.
//
// With AVX-512 they are piecewise polynomials. Both forms are within 3 ULP above -1, and within a relative error of
// 5e-7 down to -6; from there it grows to 2e-6, that of the tanh form to 1.3e-5. The derivatives are within 1e-7, and
// their relative errors in the left tail are no greater than those of the forms.
//
// Otherwise, and beyond the pieces, they come from an exponential. The error of x Phi(x) is below 9 ULP above -1, that
// of the tanh form below 4. Towards the left tail the relative errors grow to 5e-7 (5e-6 without fused multiply-add)
// and 1.4e-5. The derivatives are within 3e-7 and 2e-6, and in the left tail their relative errors grow likewise, that
// of the tanh form to 2.2e-5.
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

// x Phi(x)
struct GeluErfForm {
  static constexpr const auto& kTail = kGeluErfTail;
  static constexpr const auto& kSlopeTail = kGeluErfSlopeTail;

  template <class D, class V>
  static HWY_INLINE V by_exponential(D d, V x) {
    return hn::Mul(x, Normal<D, V>(d, x).cdf);
  }
  template <class D, class V>
  static HWY_INLINE V slope_by_exponential(D d, V x) {
    const Normal<D, V> normal(d, x);
    return hn::MulAdd(x, hn::Mul(normal.exponential, hn::Set(d, 0.39894228f)), normal.cdf);
  }
};

// 0.5 x (1 + tanh(u / 2)) = x sigmoid(u), u = 2 sqrt(2 / pi) (x + 0.044715 x^3)
struct GeluTanhForm {
  static constexpr const auto& kTail = kGeluTanhTail;
  static constexpr const auto& kSlopeTail = kGeluTanhSlopeTail;
  static constexpr float kLinear = 1.59576912161f, kCubic = 0.07135481627f;

  template <class D, class V>
  static HWY_INLINE V by_exponential(D d, V x) {
    return hn::Mul(x, share(d, x, hn::Mul(x, x)));
  }
  // With s = sigmoid(u): s + x s (1 - s) u'
  template <class D, class V>
  static HWY_INLINE V slope_by_exponential(D d, V x) {
    const V one = hn::Set(d, 1.0f), x2 = hn::Mul(x, x), s = share(d, x, x2);
    const V inner = hn::MulAdd(x2, hn::Set(d, 3.0f * kCubic), hn::Set(d, kLinear));
    return hn::Mul(s, hn::MulAdd(hn::Mul(x, inner), hn::Sub(one, s), one));
  }

 private:
  template <class D, class V>
  static HWY_INLINE V share(D d, V x, V x2) {
    return vector_sigmoid(d, hn::Mul(x, hn::MulAdd(x2, hn::Set(d, kCubic), hn::Set(d, kLinear))));
  }
};

#if HWY_TARGET <= HWY_AVX3  // a power's 32 coefficients lie in two registers, where one instruction looks 16 of them up

// A function with f(x) + f(-x) = 1, by the pieces of f(-|x|); beyond kGeluReach it is what it is there.
template <class D, class V, int kPowers>
HWY_INLINE V by_pieces(D d, V x, const float (&pieces)[kPowers][32]) {
  const V a = hn::Min(hn::Abs(x), hn::Set(d, kGeluReach));
  const V rounder = hn::Set(d, 0x1.8p21f);  // floats have steps of 1/4 here, so a sum's last bits are the piece
  const V sum = hn::Add(a, rounder);
  const V t = hn::Sub(a, hn::Sub(sum, rounder));
  const __m512i index = hn::BitCast(hn::RebindToSigned<D>(), sum).raw;  // of which the last 5 bits count
  const auto coefficient = [&](int power) {
    const float* const row = pieces[power];
    return V{_mm512_permutex2var_ps(hn::Load(d, row).raw, index, hn::Load(d, row + 16).raw)};
  };
  V left = coefficient(kPowers - 1);
  HWY_UNROLL(7)
  for (int power = kPowers - 2; power >= 0; --power) left = hn::MulAdd(left, t, coefficient(power));
  return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), left, hn::Sub(hn::Set(d, 1.0f), left));
}

// A lane outside the pieces takes the exponential, and only such a lane: what it gives depends on no other.
template <class Form, class D, class V>
HWY_INLINE V vector_gelu(D d, V x) {
  const V y = hn::Mul(x, by_pieces(d, x, Form::kTail));
  const auto inside = hn::Ge(x, hn::Set(d, -kGeluReach));  // or above, where it is x
  if (HWY_LIKELY(hn::AllTrue(d, inside))) return y;
  return hn::IfThenElse(inside, y, Form::by_exponential(d, x));
}

template <class Form, class D, class V>
HWY_INLINE V vector_gelu_slope(D d, V x) {
  const V y = by_pieces(d, x, Form::kSlopeTail);
  const auto inside = hn::Le(hn::Abs(x), hn::Set(d, kGeluReach));
  if (HWY_LIKELY(hn::AllTrue(d, inside))) return y;
  return hn::IfThenElse(inside, y, Form::slope_by_exponential(d, x));
}

#else

template <class Form, class D, class V>
HWY_INLINE V vector_gelu(D d, V x) {
  return Form::by_exponential(d, x);
}

template <class Form, class D, class V>
HWY_INLINE V vector_gelu_slope(D d, V x) {
  return Form::slope_by_exponential(d, x);
}

#endif

}  // namespace HWY_NAMESPACE
}  // namespace mote::cpu
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
