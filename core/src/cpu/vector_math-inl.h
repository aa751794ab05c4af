// Functions of float32 vectors, for kernels that Highway compiles once for each instruction set. Errors are in units in
// the last place (ULP) of the result, and hold for all float32 arguments, with and without fused multiply-add
// (mote_bench --ulp). Every function gives what its scalar twin gives for infinities, NaN and zeros; results below the
// smallest normal number are gradual.
//
// The polynomials are minimax fits (Remez exchange, 40 digits) made for this file.
#if defined(MOTE_CPU_VECTOR_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOTE_CPU_VECTOR_MATH_INL_H_
#undef MOTE_CPU_VECTOR_MATH_INL_H_
#else
#define MOTE_CPU_VECTOR_MATH_INL_H_
#endif

#include <hwy/highway.h>

#include <limits>

#include "cpu/power_of_two-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mote::cpu {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// c[0] + c[1] x + c[2] x^2 + ...
template <class D, class V>
HWY_INLINE V polynomial(D d, V x, float c0) {
  (void)x;
  return hn::Set(d, c0);
}
template <class D, class V, class... Rest>
HWY_INLINE V polynomial(D d, V x, float c0, Rest... rest) {
  return hn::MulAdd(polynomial(d, x, rest...), x, hn::Set(d, c0));
}

// e^x for x in [-104, 89], which covers all finite results; NaN gives garbage. e^x = 2^n e^r with |r| <= ln(2) / 2, and
// e^r = 1 + r + r^2 q(r).
template <class D, class V>
HWY_INLINE V exp_in_range(D d, V x) {
  const V n = hn::Round(hn::Mul(x, hn::Set(d, 1.44269504f)));
  // ln(2) in two parts; n times the first is exact.
  V r = hn::NegMulAdd(n, hn::Set(d, 0.693359375f), x);
  r = hn::NegMulAdd(n, hn::Set(d, -2.12194440e-4f), r);
  const V q =
      polynomial(d, r, 4.999999404e-01f, 1.666651517e-01f, 4.166845605e-02f, 8.369418792e-03f, 1.381313079e-03f);
  const V e = hn::Add(hn::MulAdd(hn::Mul(r, r), q, r), hn::Set(d, 1.0f));
  return times_power_of_two(d, e, n);
}

// e^x, 1.1 ULP.
template <class D, class V>
HWY_INLINE V vector_exp(D d, V x) {
  const V y = exp_in_range(d, hn::Min(hn::Max(x, hn::Set(d, -104.0f)), hn::Set(d, 89.0f)));
  return hn::IfThenElse(hn::IsNaN(x), x, y);
}

// e^-x for x >= 0, where the result may be 0 but never overflows; 1.1 ULP. NaN gives garbage.
template <class D, class V>
HWY_INLINE V exp_of_negative(D d, V x) {
  return exp_in_range(d, hn::Neg(hn::Min(x, hn::Set(d, 104.0f))));
}

// ln x, 1 ULP. x = 2^e m with m in [sqrt(1/2), sqrt(2)); ln(1 + f) = f - f^2 / 2 + f^3 P(f).
template <class D, class V>
HWY_INLINE V vector_log(D d, V x) {
  const hn::RebindToSigned<D> di;
  const auto tiny = hn::Lt(x, hn::Set(d, std::numeric_limits<float>::min()));
  const V scaled = hn::IfThenElse(tiny, hn::Mul(x, hn::Set(d, 8388608.0f)), x);  // subnormals, by 2^23
  const auto bits = hn::BitCast(di, scaled);
  const auto shift = hn::ShiftRight<23>(hn::Sub(bits, hn::Set(di, 0x3f3504f3)));
  const V f = hn::Sub(hn::BitCast(d, hn::Sub(bits, hn::ShiftLeft<23>(shift))), hn::Set(d, 1.0f));
  const V e = hn::Sub(hn::ConvertTo(d, shift), hn::IfThenElseZero(tiny, hn::Set(d, 23.0f)));
  const V p = polynomial(d, f, 3.333331645e-01f, -2.500081062e-01f, 2.000228614e-01f, -1.662455350e-01f,
                         1.418119967e-01f, -1.312876195e-01f, 1.288160682e-01f, -7.859551162e-02f);
  const V f2 = hn::Mul(f, f);
  V y = hn::Mul(hn::Mul(f2, f), p);
  y = hn::MulAdd(e, hn::Set(d, -2.12194440e-4f), y);
  y = hn::NegMulAdd(hn::Set(d, 0.5f), f2, y);
  y = hn::MulAdd(e, hn::Set(d, 0.693359375f), hn::Add(f, y));
  constexpr float kInf = std::numeric_limits<float>::infinity();
  y = hn::IfThenElse(hn::Eq(x, hn::Zero(d)), hn::Set(d, -kInf), y);
  y = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Set(d, std::numeric_limits<float>::quiet_NaN()), y);
  return hn::IfThenElse(hn::Lt(x, hn::Set(d, kInf)), y, x);  // infinity and NaN
}

// tanh x, 2 ULP. Below 0.625 x + x^3 P(x^2), above it 1 - 2 / (e^2|x| + 1).
template <class D, class V>
HWY_INLINE V vector_tanh(D d, V x) {
  const V a = hn::Abs(x);
  const V one = hn::Set(d, 1.0f), two = hn::Set(d, 2.0f);
  const V e = exp_in_range(d, hn::Min(hn::Add(a, a), hn::Set(d, 40.0f)));
  const V large = hn::Sub(one, hn::Div(two, hn::Add(e, one)));
  const V x2 = hn::Mul(x, x);
  const V p =
      polynomial(d, x2, -3.333328366e-01f, 1.333149076e-01f, -5.374350399e-02f, 2.065059915e-02f, -5.717055406e-03f);
  const V small = hn::MulAdd(hn::Mul(x2, a), p, a);
  const V y = hn::CopySignToAbs(hn::IfThenElse(hn::Lt(a, hn::Set(d, 0.625f)), small, large), x);
  return hn::IfThenElse(hn::IsNaN(x), x, y);
}

// 1 / (1 + e^-x), 3 ULP.
template <class D, class V>
HWY_INLINE V vector_sigmoid(D d, V x) {
  const V one = hn::Set(d, 1.0f);
  const V e = exp_of_negative(d, hn::Abs(x));
  const V y = hn::Div(hn::IfThenElse(hn::Lt(x, hn::Zero(d)), e, one), hn::Add(one, e));
  return hn::IfThenElse(hn::IsNaN(x), x, y);
}

// e^(t^2) erfc(t) / 2 for t = scale x >= 0, as u times a polynomial in u = 1 / (1 + 0.35 t); relative error 1.3e-8
// before rounding.
template <class D, class V>
HWY_INLINE V half_scaled_erfc(D d, V x, float scale) {
  const V one = hn::Set(d, 1.0f);
  const V u = hn::Div(one, hn::MulAdd(x, hn::Set(d, 0.35f * scale), one));
  return hn::Mul(
      u, polynomial(d, u, 9.87329409e-02f, 9.87437144e-02f, 9.24978405e-02f, 8.23815912e-02f, 5.338870735e-02f,
                    8.00389424e-02f, -5.768277125e-02f, 1.235079095e-01f, -9.335897865e-02f, 2.1750098095e-02f));
}

// erf x, 3 ULP. Below 1 x P(x^2), above it 1 - erfc(|x|).
template <class D, class V>
HWY_INLINE V vector_erf(D d, V x) {
  const V a = hn::Min(hn::Abs(x), hn::Set(d, 5.0f));  // beyond 4 it is 1
  const V x2 = hn::Mul(a, a);
  const V p = polynomial(d, x2, 1.128379107e+00f, -3.761262596e-01f, 1.128360033e-01f, -2.685444430e-02f,
                         5.189535208e-03f, -8.020841633e-04f, 7.889121480e-05f);
  const V e = exp_in_range(d, hn::Neg(x2));
  const V large = hn::NegMulAdd(hn::Add(e, e), half_scaled_erfc(d, a, 1.0f), hn::Set(d, 1.0f));
  const V y = hn::CopySignToAbs(hn::IfThenElse(hn::Lt(a, hn::Set(d, 1.0f)), hn::Mul(a, p), large), x);
  return hn::IfThenElse(hn::IsNaN(x), x, y);
}

// x sigmoid(x), 4 ULP above -87, where the sigmoid has all its digits.
template <class D, class V>
HWY_INLINE V vector_silu(D d, V x) {
  return hn::Mul(x, vector_sigmoid(d, x));
}

}  // namespace HWY_NAMESPACE
}  // namespace mote::cpu
HWY_AFTER_NAMESPACE();

#endif
