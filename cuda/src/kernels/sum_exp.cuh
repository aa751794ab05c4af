// A sum of exponentials while its maximum is still growing (Milakov and Gimelshein 2018): one pass over the data.
#pragma once

#include <cmath>
#include <limits>

#include "kernels/block_reduce.cuh"

namespace mote::cuda {

template <class C>
inline constexpr C kLowest = -std::numeric_limits<C>::infinity();

// total = sum of e^(x - highest). Where all are -inf, highest is that and total counts nothing; NaN makes total NaN.
template <class C>
struct SumExp {
  C highest, total;
};

// What is subtracted from x: -inf less itself would be NaN.
template <class C>
__device__ __forceinline__ C exp_base(C highest) {
  return highest == kLowest<C> ? C(0) : highest;
}

template <class C, int N>
__device__ __forceinline__ void add_exp(SumExp<C>& sum, const C (&x)[N]) {
  C highest = sum.highest;
#pragma unroll
  for (int k = 0; k < N; ++k) highest = ::max(highest, x[k]);
  const C base = exp_base(highest);
  C total = highest > sum.highest ? sum.total * std::exp(sum.highest - base) : sum.total;
#pragma unroll
  for (int k = 0; k < N; ++k) total += std::exp(x[k] - base);
  sum = {highest, total};
}

struct JoinExp {
  template <class C>
  __device__ SumExp<C> operator()(const SumExp<C>& a, const SumExp<C>& b) const {
    const C highest = ::max(a.highest, b.highest), base = exp_base(highest);
    return {highest, a.total * std::exp(a.highest - base) + b.total * std::exp(b.highest - base)};
  }
};

}  // namespace mote::cuda
