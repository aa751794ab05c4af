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

// x - mean; x itself where nothing is centred.
template <bool kCentred, class V>
HWY_INLINE V deviation(V x, V mean) {
  if constexpr (kCentred)
    return hn::Sub(x, mean);
  else
    return x;
}

template <class C, bool kCentred>
HWY_FLATTEN void Forward(const typename LayerNormKernels<C>::Row& row, double eps, C* out, bool streamed, C* mean,
                         C* rstd) {
  const hn::ScalableTag<C> d;
  const int64_t n = row.width;
  C average = 0;
  if constexpr (kCentred) {
    average = sum_parts(d, n,
                        [&](auto sum, int64_t i, int64_t count)
                            HWY_ATTR { return hn::Add(sum, load_part(d, row.x + i, count)); }) /
              static_cast<C>(n);
    *mean = average;
  }
  const auto shift = hn::Set(d, average);
  const auto add_square = [&](auto sum, int64_t i, int64_t count) HWY_ATTR {
    hwy::Prefetch(row.x + n + i);  // the next row
    const auto x = deviation<kCentred>(load_part(d, row.x + i, count, shift), shift);
    return hn::MulAdd(x, x, sum);
  };
  const C variance = sum_parts(d, n, add_square) / static_cast<C>(n);
  *rstd = static_cast<C>(1.0 / std::sqrt(static_cast<double>(variance) + eps));
  const auto scale = hn::Set(d, *rstd);
  const auto normalised = [&](int64_t i, int64_t count) HWY_ATTR {
    return hn::Mul(deviation<kCentred>(load_part(d, row.x + i, count), shift), scale);
  };
  const auto weighted = [&](int64_t i, int64_t count)
                            HWY_ATTR { return hn::Mul(normalised(i, count), load_part(d, row.weight + i, count)); };
  const auto affine = [&](int64_t i, int64_t count) HWY_ATTR {
    return hn::MulAdd(normalised(i, count), load_part(d, row.weight + i, count), load_part(d, row.bias + i, count));
  };
  const auto moved = [&](int64_t i, int64_t count)
                         HWY_ATTR { return hn::Add(normalised(i, count), load_part(d, row.bias + i, count)); };
  if (row.weight && row.bias)
    write_parts(d, out, n, streamed, affine);
  else if (row.weight)
    write_parts(d, out, n, streamed, weighted);
  else if (row.bias)
    write_parts(d, out, n, streamed, moved);
  else
    write_parts(d, out, n, streamed, normalised);
}

// With h = (x - mean) rstd and u = g weight: dx = rstd (u - mean(u) - h mean(u h)), dweight += g h, dbias += g. Without
// centring, mean(u) is left out too.
template <class C, bool kCentred>
HWY_FLATTEN void Backward(const typename LayerNormKernels<C>::Row& row, const C* g, C mean, C rstd,
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
  write_parts(d, gradients.x, n, gradients.streamed, [&](int64_t i, int64_t count) HWY_ATTR {
    hwy::Prefetch(row.x + n + i);  // the next row
    hwy::Prefetch(g + n + i);
    const auto h = hn::Mul(deviation<kCentred>(load_part(d, row.x + i, count), shift), scale);
    auto u = load_part(d, g + i, count);
    if (row.weight) u = hn::Mul(u, load_part(d, row.weight + i, count));
    return hn::Mul(scale, hn::NegMulAdd(h, mean_uh, deviation<kCentred>(u, mean_u)));
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
