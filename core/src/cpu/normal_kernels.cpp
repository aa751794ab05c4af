#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/normal_kernels.cpp"
#include <hwy/foreach_target.h>  // compiles this file once for each instruction set
//
#include <hwy/highway.h>

#include "cpu/normal_kernels.h"
#include "cpu/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mote::cpu {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

template <class V>
struct SinCos {
  V sin, cos;
};

// For x in [0, 2 pi], within 1e-7. x = q pi / 2 + r with |r| <= pi / 4; q decides which series gives which, and its
// sign.
template <class D, class V = hn::Vec<D>>
HWY_INLINE SinCos<V> sin_cos(D d, V x) {
  const hn::RebindToSigned<D> di;
  const V q = hn::Round(hn::Mul(x, hn::Set(d, 0.636619772f)));
  // pi / 2 in two parts; q times the first is exact.
  V r = hn::NegMulAdd(q, hn::Set(d, 1.5703125f), x);
  r = hn::NegMulAdd(q, hn::Set(d, 4.83826794897e-4f), r);
  const V r2 = hn::Mul(r, r);
  // The series of sine and cosine, to r^9 and r^8: what they leave out is below 2e-9 and 3e-8.
  const V odd = polynomial(d, r2, -1.66666667e-1f, 8.33333333e-3f, -1.98412698e-4f, 2.75573192e-6f);
  const V even = polynomial(d, r2, -0.5f, 4.16666667e-2f, -1.38888889e-3f, 2.48015873e-5f);
  const V s = hn::MulAdd(hn::Mul(r2, r), odd, r), c = hn::MulAdd(r2, even, hn::Set(d, 1.0f));
  const auto quadrant = hn::ConvertTo(di, q);
  const auto one = hn::Set(di, 1), two = hn::Set(di, 2);
  const auto exchanged = hn::RebindMask(d, hn::Eq(hn::And(quadrant, one), one));
  const V sin_sign = hn::BitCast(d, hn::ShiftLeft<30>(hn::And(quadrant, two)));
  const V cos_sign = hn::BitCast(d, hn::ShiftLeft<30>(hn::And(hn::Add(quadrant, one), two)));
  return {hn::Xor(hn::IfThenElse(exchanged, c, s), sin_sign), hn::Xor(hn::IfThenElse(exchanged, s, c), cos_sign)};
}

void NormalFromUniform(float* x, int64_t blocks, float mean, float std) {
  constexpr int64_t kHalf = 8;
  const hn::CappedTag<float, kHalf> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto offset = hn::Set(d, mean), factor = hn::Set(d, std);
  for (int64_t b = 0; b < blocks; ++b, x += 2 * kHalf)
    for (int64_t i = 0; i < kHalf; i += lanes) {
      const auto u = hn::Sub(hn::Set(d, 1.0f), hn::LoadU(d, x + i));  // in (0, 1]
      const auto radius = hn::Sqrt(hn::Mul(hn::Set(d, -2.0f), vector_log(d, u)));
      const auto angle = sin_cos(d, hn::Mul(hn::Set(d, 6.28318530718f), hn::LoadU(d, x + i + kHalf)));
      hn::StoreU(hn::MulAdd(hn::Mul(radius, angle.cos), factor, offset), d, x + i);
      hn::StoreU(hn::MulAdd(hn::Mul(radius, angle.sin), factor, offset), d, x + i + kHalf);
    }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace mote::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mote::cpu {

HWY_EXPORT(NormalFromUniform);

void normal_from_uniform(float* x, int64_t blocks, float mean, float std) {
  HWY_DYNAMIC_DISPATCH(NormalFromUniform)(x, blocks, mean, std);
}

}  // namespace mote::cpu
#endif
