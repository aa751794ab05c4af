#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/adamw_kernels.cpp"
#include <hwy/foreach_target.h>  // compiles this file once for each instruction set
//
#include <hwy/highway.h>

#include "cpu/adamw_kernels.h"
#include "cpu/vector_parts-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mote::cpu {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

template <class C>
HWY_INLINE void step_all(const AdamWStep<C>& step, C* parameter, const C* gradient, C* exp_avg, C* exp_avg_sq,
                         int64_t n) {
  const hn::ScalableTag<C> d;
  const auto decay = hn::Set(d, step.decay), l2 = hn::Set(d, step.l2), eps = hn::Set(d, step.eps);
  const auto beta1 = hn::Set(d, step.beta1), rest1 = hn::Set(d, step.rest1);
  const auto beta2 = hn::Set(d, step.beta2), rest2 = hn::Set(d, step.rest2);
  const auto root = hn::Set(d, step.root), size = hn::Set(d, step.size);
  for_parts(d, n, [&](int64_t i, int64_t count) HWY_ATTR {
    const auto p = hn::Mul(load_part(d, parameter + i, count), decay);
    const auto g = hn::MulAdd(l2, p, load_part(d, gradient + i, count));
    const auto m = hn::MulAdd(rest1, g, hn::Mul(load_part(d, exp_avg + i, count), beta1));
    const auto v = hn::MulAdd(hn::Mul(rest2, g), g, hn::Mul(load_part(d, exp_avg_sq + i, count), beta2));
    const auto divisor = hn::Add(hn::Div(hn::Sqrt(v), root), eps);
    store_part(m, d, exp_avg + i, count);
    store_part(v, d, exp_avg_sq + i, count);
    store_part(hn::Sub(p, hn::Div(hn::Mul(size, m), divisor)), d, parameter + i, count);
  });
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

void adamw_step(const AdamWStep<float>& step, float* parameter, const float* gradient, float* exp_avg,
                float* exp_avg_sq, int64_t n) {
  HWY_DYNAMIC_DISPATCH(StepFloat)(step, parameter, gradient, exp_avg, exp_avg_sq, n);
}
void adamw_step(const AdamWStep<double>& step, double* parameter, const double* gradient, double* exp_avg,
                double* exp_avg_sq, int64_t n) {
  HWY_DYNAMIC_DISPATCH(StepDouble)(step, parameter, gradient, exp_avg, exp_avg_sq, n);
}

}  // namespace mote::cpu
#endif
