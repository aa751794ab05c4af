#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/adamw_kernels.cpp"
#include <hwy/foreach_target.h>  // compiles this file once for each instruction set
//
#include <hwy/highway.h>

#include <algorithm>

#include "cpu/adamw_kernels.h"
#include "cpu/vector_parts-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mote::cpu {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// The step on vectors, its constants in registers.
template <class D, class C = hn::TFromD<D>, class V = hn::VFromD<D>>
class VectorStep {
 public:
  HWY_INLINE VectorStep(D d, const AdamWStep<C>& step)
      : decay_(hn::Set(d, step.decay)),
        l2_(hn::Set(d, step.l2)),
        beta1_(hn::Set(d, step.beta1)),
        rest1_(hn::Set(d, step.rest1)),
        beta2_(hn::Set(d, step.beta2)),
        rest2_(hn::Set(d, step.rest2)),
        root_(hn::Set(d, step.root)),
        eps_(hn::Set(d, step.eps)),
        size_(hn::Set(d, step.size)) {}

  // The new parameter; the averages move on.
  HWY_INLINE V operator()(V parameter, V gradient, V& exp_avg, V& exp_avg_sq) const {
    const V p = hn::Mul(parameter, decay_);
    const V g = hn::MulAdd(l2_, p, gradient);
    exp_avg = hn::MulAdd(rest1_, g, hn::Mul(exp_avg, beta1_));
    exp_avg_sq = hn::MulAdd(hn::Mul(rest2_, g), g, hn::Mul(exp_avg_sq, beta2_));
    const V divisor = hn::Add(hn::Div(hn::Sqrt(exp_avg_sq), root_), eps_);
    return hn::Sub(p, hn::Div(hn::Mul(size_, exp_avg), divisor));
  }

 private:
  V decay_, l2_, beta1_, rest1_, beta2_, rest2_, root_, eps_, size_;
};

template <class C>
HWY_INLINE void step_all(const AdamWStep<C>& step, C* parameter, const C* gradient, C* exp_avg, C* exp_avg_sq,
                         int64_t n) {
  const hn::ScalableTag<C> d;
  const VectorStep<decltype(d)> move(d, step);
  for_parts(d, n, [&](int64_t i, int64_t count) HWY_ATTR {
    auto m = load_part(d, exp_avg + i, count), v = load_part(d, exp_avg_sq + i, count);
    const auto p = move(load_part(d, parameter + i, count), load_part(d, gradient + i, count), m, v);
    store_part(m, d, exp_avg + i, count);
    store_part(v, d, exp_avg_sq + i, count);
    store_part(p, d, parameter + i, count);
  });
}

// The bits of bfloat16 in the low halves of 32-bit lanes, rounded to nearest, ties to even; NaN stays NaN.
template <class D>
HWY_INLINE hn::VFromD<hn::RebindToUnsigned<D>> bfloat16_bits(D /*d*/, hn::VFromD<D> value) {
  const hn::RebindToUnsigned<D> bits;
  const auto x = hn::BitCast(bits, value);
  const auto odd = hn::And(hn::ShiftRight<16>(x), hn::Set(bits, 1));
  const auto rounded = hn::Add(x, hn::Add(odd, hn::Set(bits, 0x7fff)));
  const auto quiet = hn::Or(x, hn::Set(bits, 0x400000));
  return hn::ShiftRight<16>(hn::IfThenElse(hn::RebindMask(bits, hn::IsNaN(value)), quiet, rounded));
}

// One whole vector of each operand.
template <class D>
HWY_INLINE void step_master(D d, const VectorStep<D>& move, uint16_t* parameter, const uint16_t* gradient,
                            float* exp_avg, float* exp_avg_sq, float* master) {
  const hn::RebindToUnsigned<D> bits;
  const hn::RebindToSigned<D> integers;
  const hn::Rebind<uint16_t, D> halves;
  const auto written = hn::PromoteTo(bits, hn::LoadU(halves, parameter));
  const auto kept = hn::LoadU(d, master);
  const auto same = hn::RebindMask(d, hn::Eq(written, bfloat16_bits(d, kept)));
  const auto start = hn::IfThenElse(same, kept, hn::BitCast(d, hn::ShiftLeft<16>(written)));
  const auto g = hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(bits, hn::LoadU(halves, gradient))));
  auto m = hn::LoadU(d, exp_avg), v = hn::LoadU(d, exp_avg_sq);
  const auto p = move(start, g, m, v);
  hn::StoreU(m, d, exp_avg);
  hn::StoreU(v, d, exp_avg_sq);
  hn::StoreU(p, d, master);
  hn::StoreU(hn::DemoteTo(halves, hn::BitCast(integers, bfloat16_bits(d, p))), halves, parameter);
}

void StepMaster(const AdamWStep<float>& step, uint16_t* parameter, const uint16_t* gradient, float* exp_avg,
                float* exp_avg_sq, float* master, int64_t n) {
  using D = hn::ScalableTag<float>;
  const D d;
  const VectorStep<D> move(d, step);
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    step_master(d, move, parameter + i, gradient + i, exp_avg + i, exp_avg_sq + i, master + i);
  if (i == n) return;
  // Masked loads of 16-bit lanes may read past the end, so what is left goes through whole vectors elsewhere.
  constexpr size_t kMost = HWY_MAX_BYTES / sizeof(float);
  uint16_t p[kMost] = {}, g[kMost] = {};
  float m[kMost] = {}, v[kMost] = {}, w[kMost] = {};
  const auto rest = static_cast<size_t>(n - i);
  std::copy_n(parameter + i, rest, p);
  std::copy_n(gradient + i, rest, g);
  std::copy_n(exp_avg + i, rest, m);
  std::copy_n(exp_avg_sq + i, rest, v);
  std::copy_n(master + i, rest, w);
  step_master(d, move, p, g, m, v, w);
  std::copy_n(p, rest, parameter + i);
  std::copy_n(m, rest, exp_avg + i);
  std::copy_n(v, rest, exp_avg_sq + i);
  std::copy_n(w, rest, master + i);
}

void StepFloat(const AdamWStep<float>& step, float* parameter, const float* gradient, float* exp_avg, float* exp_avg_sq,
               int64_t n) {
  step_all(step, parameter, gradient, exp_avg, exp_avg_sq, n);
}
void StepDouble(const AdamWStep<double>& step, double* parameter, const double* gradient, double* exp_avg,
                double* exp_avg_sq, int64_t n) {
  step_all(step, parameter, gradient, exp_avg, exp_avg_sq, n);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace mote::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mote::cpu {

HWY_EXPORT(StepFloat);
HWY_EXPORT(StepDouble);
HWY_EXPORT(StepMaster);

void adamw_step(const AdamWStep<float>& step, float* parameter, const float* gradient, float* exp_avg,
                float* exp_avg_sq, int64_t n) {
  HWY_DYNAMIC_DISPATCH(StepFloat)(step, parameter, gradient, exp_avg, exp_avg_sq, n);
}
void adamw_step(const AdamWStep<double>& step, double* parameter, const double* gradient, double* exp_avg,
                double* exp_avg_sq, int64_t n) {
  HWY_DYNAMIC_DISPATCH(StepDouble)(step, parameter, gradient, exp_avg, exp_avg_sq, n);
}
void adamw_master_step(const AdamWStep<float>& step, uint16_t* parameter, const uint16_t* gradient, float* exp_avg,
                       float* exp_avg_sq, float* master, int64_t n) {
  HWY_DYNAMIC_DISPATCH(StepMaster)(step, parameter, gradient, exp_avg, exp_avg_sq, master, n);
}

}  // namespace mote::cpu
#endif
