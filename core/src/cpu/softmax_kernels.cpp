#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/softmax_kernels.cpp"
#include <hwy/foreach_target.h>  // compiles this file once for each instruction set
//
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "cpu/reduce_kernels.h"
#include "cpu/softmax_kernels.h"
#include "cpu/vector_math-inl.h"
#include "cpu/vector_parts-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mote::cpu {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

// Calls f(offset, count, vectors...) for all full vectors of one or two rows and for the rest, whose lanes beyond count
// are 0.
template <class F, class... Rows>
HWY_INLINE void for_vectors(D d, int64_t n, const F& f, const Rows*... rows) {
  for_parts(d, n, [&](int64_t i, int64_t count) HWY_ATTR { f(i, count, load_part(d, rows + i, count)...); });
}

// The lanes beyond `count` hold something else.
HWY_INLINE V first_or_zero(D d, V v, int64_t count) {
  return hn::IfThenElseZero(hn::FirstN(d, static_cast<size_t>(count)), v);
}

float sum_of(D d, V a, V b) { return hn::GetLane(hn::SumOfLanes(d, hn::Add(a, b))); }

// The sum of e^(x - highest), with the exponentials stored to y where asked for.
template <bool kStore>
HWY_INLINE float exponentials_of_block(D d, const float* x, float highest, float* y, int64_t n) {
  const V top = hn::Set(d, highest);
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  V even = hn::Zero(d), odd = even;
  int64_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    const V a = exp_of_negative(d, hn::Sub(top, hn::LoadU(d, x + i)));
    const V b = exp_of_negative(d, hn::Sub(top, hn::LoadU(d, x + i + lanes)));
    if (kStore) {
      hn::StoreU(a, d, y + i);
      hn::StoreU(b, d, y + i + lanes);
    }
    even = hn::Add(even, a);
    odd = hn::Add(odd, b);
  }
  const auto last = [&](int64_t at, int64_t count, V v) HWY_ATTR {
    const V e = exp_of_negative(d, hn::Sub(top, v));
    if (kStore) store_part(e, d, y + i + at, count);
    even = hn::Add(even, first_or_zero(d, e, count));
  };
  for_vectors(d, n - i, last, x + i);
  return sum_of(d, even, odd);
}

// Sums of blocks join in double, so that long rows lose no digits.
template <bool kStore>
HWY_INLINE double exponentials(D d, const float* x, float highest, float* y, int64_t n) {
  constexpr int64_t kBlock = 2048;
  double total = 0;
  for (int64_t i = 0; i < n; i += kBlock)
    total += static_cast<double>(
        exponentials_of_block<kStore>(d, x + i, highest, kStore ? y + i : nullptr, std::min(kBlock, n - i)));
  return total;
}

void fill_nan(float* y, int64_t n) { std::fill(y, y + n, std::numeric_limits<float>::quiet_NaN()); }

void Softmax(const float* x, float* y, int64_t n) {
  const D d;
  const float highest = reduce_kernels<float>().max(x, n);
  if (!std::isfinite(highest)) return fill_nan(y, n);
  const V factor = hn::Set(d, static_cast<float>(1.0 / exponentials<true>(d, x, highest, y, n)));
  const auto scale = [&](int64_t at, int64_t count, V v) HWY_ATTR { store_part(hn::Mul(v, factor), d, y + at, count); };
  for_vectors(d, n, scale, y);
}

void LogSoftmax(const float* x, float* y, int64_t n) {
  const D d;
  const float highest = reduce_kernels<float>().max(x, n);
  if (!std::isfinite(highest)) return fill_nan(y, n);
  const V top = hn::Set(d, highest),
          rest = hn::Set(d, static_cast<float>(std::log(exponentials<false>(d, x, highest, nullptr, n))));
  const auto shift = [&](int64_t at, int64_t count, V v)
                         HWY_ATTR { store_part(hn::Sub(hn::Sub(v, top), rest), d, y + at, count); };
  for_vectors(d, n, shift, x);
}

void SoftmaxBackward(const float* g, const float* y, float* out, int64_t n) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  V even = hn::Zero(d), odd = even;
  int64_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    even = hn::MulAdd(hn::LoadU(d, g + i), hn::LoadU(d, y + i), even);
    odd = hn::MulAdd(hn::LoadU(d, g + i + lanes), hn::LoadU(d, y + i + lanes), odd);
  }
  const auto last = [&](int64_t, int64_t, V u, V p) HWY_ATTR { even = hn::MulAdd(u, p, even); };
  for_vectors(d, n - i, last, g + i, y + i);
  const V total = hn::Set(d, sum_of(d, even, odd));
  const auto finish = [&](int64_t at, int64_t count, V u, V p)
                          HWY_ATTR { store_part(hn::Mul(p, hn::Sub(u, total)), d, out + at, count); };
  for_vectors(d, n, finish, g, y);
}

void LogSoftmaxBackward(const float* g, const float* y, float* out, int64_t n) {
  const D d;
  const V total = hn::Set(d, reduce_kernels<float>().sum(g, n));
  const auto finish = [&](int64_t at, int64_t count, V u, V logarithm) HWY_ATTR {
    store_part(hn::NegMulAdd(vector_exp(d, logarithm), total, u), d, out + at, count);
  };
  for_vectors(d, n, finish, g, y);
}

const SoftmaxKernels* Kernels() {
  static constexpr SoftmaxKernels kernels = {Softmax, LogSoftmax, SoftmaxBackward, LogSoftmaxBackward};
  return &kernels;
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace mote::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mote::cpu {

HWY_EXPORT(Kernels);

const SoftmaxKernels& softmax_kernels() {
  static const SoftmaxKernels* const kernels = HWY_DYNAMIC_DISPATCH(Kernels)();
  return *kernels;
}

}  // namespace mote::cpu
#endif
