#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/layer_norm_kernels.cpp"
#include <hwy/foreach_target.h>  // compiles this file once for each instruction set
//
#include <hwy/highway.h>

#include <cmath>

#include "cpu/layer_norm_kernels.h"
#include "cpu/vector_parts-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mote::cpu {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// The sum of f(offset, count) over a row; four running sums hide the latency of addition.
template <class C, class F>
HWY_INLINE C sum_parts(int64_t n, const F& f) {
  const hn::ScalableTag<C> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  auto a = hn::Zero(d), b = a, c = a, e = a;
  int64_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    a = hn::Add(a, f(i, lanes));
    b = hn::Add(b, f(i + lanes, lanes));
    c = hn::Add(c, f(i + 2 * lanes, lanes));
    e = hn::Add(e, f(i + 3 * lanes, lanes));
  }
  for (; i < n; i += lanes) a = hn::Add(a, f(i, HWY_MIN(lanes, n - i)));
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(a, b), hn::Add(c, e))));
}

// x - mean; x itself where nothing is centred.
template <bool kCentred, class V>
HWY_INLINE V deviation(V x, V mean) {
  if constexpr (kCentred)
    return hn::Sub(x, mean);
  else
    return x;
}

template <class C, bool kCentred>
void Forward(const typename LayerNormKernels<C>::Row& row, double eps, C* out, C* mean, C* rstd) {
  const hn::ScalableTag<C> d;
  const int64_t n = row.width;
  C average = 0;
  if constexpr (kCentred) {
    average = sum_parts<C>(n, [&](int64_t i, int64_t count) HWY_ATTR { return load_part(d, row.x + i, count); }) /
              static_cast<C>(n);
    *mean = average;
  }
  const auto shift = hn::Set(d, average);
  const C variance = sum_parts<C>(n,
                                  [&](int64_t i, int64_t count) HWY_ATTR {
                                    const auto x = deviation<kCentred>(load_part(d, row.x + i, count, shift), shift);
                                    return hn::Mul(x, x);
                                  }) /
                     static_cast<C>(n);
  *rstd = static_cast<C>(1.0 / std::sqrt(static_cast<double>(variance) + eps));
  const auto scale = hn::Set(d, *rstd);
  for_parts(d, n, [&](int64_t i, int64_t count) HWY_ATTR {
    auto y = hn::Mul(deviation<kCentred>(load_part(d, row.x + i, count), shift), scale);
    if (row.weight && row.bias)
      y = hn::MulAdd(y, load_part(d, row.weight + i, count), load_part(d, row.bias + i, count));
    else if (row.weight)
      y = hn::Mul(y, load_part(d, row.weight + i, count));
    else if (row.bias)
      y = hn::Add(y, load_part(d, row.bias + i, count));
    store_part(y, d, out + i, count);
  });
}

// With h = (x - mean) rstd and u = g weight: dx = rstd (u - mean(u) - h mean(u h)), dweight += g h, dbias += g. Without
// centring, mean(u) is left out too.
template <class C, bool kCentred>
void Backward(const typename LayerNormKernels<C>::Row& row, const C* g, C mean, C rstd,
              const typename LayerNormKernels<C>::Gradients& gradients) {
  const hn::ScalableTag<C> d;
  const int64_t n = row.width;
  const auto shift = hn::Set(d, mean), scale = hn::Set(d, rstd);
  auto sum_u = hn::Zero(d), sum_uh = sum_u;
  for_parts(d, n, [&](int64_t i, int64_t count) HWY_ATTR {
    const auto h = hn::Mul(deviation<kCentred>(load_part(d, row.x + i, count, shift), shift), scale);
    const auto grad = load_part(d, g + i, count);
    if (gradients.weight)
      store_part(hn::MulAdd(grad, h, load_part(d, gradients.weight + i, count)), d, gradients.weight + i, count);
    if (gradients.bias)
      store_part(hn::Add(grad, load_part(d, gradients.bias + i, count)), d, gradients.bias + i, count);
    const auto u = row.weight ? hn::Mul(grad, load_part(d, row.weight + i, count)) : grad;
    if constexpr (kCentred) sum_u = hn::Add(sum_u, u);
    sum_uh = hn::MulAdd(u, h, sum_uh);
  });
  if (!gradients.x) return;
  const auto share = hn::Set(d, static_cast<C>(1.0 / static_cast<double>(n)));
  const auto mean_u = hn::Mul(hn::SumOfLanes(d, sum_u), share), mean_uh = hn::Mul(hn::SumOfLanes(d, sum_uh), share);
  for_parts(d, n, [&](int64_t i, int64_t count) HWY_ATTR {
    const auto h = hn::Mul(deviation<kCentred>(load_part(d, row.x + i, count), shift), scale);
    auto u = load_part(d, g + i, count);
    if (row.weight) u = hn::Mul(u, load_part(d, row.weight + i, count));
    store_part(hn::Mul(scale, hn::NegMulAdd(h, mean_uh, deviation<kCentred>(u, mean_u))), d, gradients.x + i, count);
  });
}

const LayerNormKernels<float>* FloatKernels() {
  static constexpr LayerNormKernels<float> kernels[] = {{Forward<float, false>, Backward<float, false>},
                                                        {Forward<float, true>, Backward<float, true>}};
  return kernels;
}
const LayerNormKernels<double>* DoubleKernels() {
  static constexpr LayerNormKernels<double> kernels[] = {{Forward<double, false>, Backward<double, false>},
                                                         {Forward<double, true>, Backward<double, true>}};
  return kernels;
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace mote::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mote::cpu {

HWY_EXPORT(FloatKernels);
HWY_EXPORT(DoubleKernels);

template <>
const LayerNormKernels<float>& layer_norm_kernels(bool centred) {
  static const LayerNormKernels<float>* const kernels = HWY_DYNAMIC_DISPATCH(FloatKernels)();
  return kernels[centred ? 1 : 0];
}
template <>
const LayerNormKernels<double>& layer_norm_kernels(bool centred) {
  static const LayerNormKernels<double>* const kernels = HWY_DYNAMIC_DISPATCH(DoubleKernels)();
  return kernels[centred ? 1 : 0];
}

}  // namespace mote::cpu
#endif
