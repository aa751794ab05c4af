// What each reduction does with elements: see reduce_kernels.cuh for what an Op is.
#pragma once

#include <limits>

#include "kernels/reduce_kernels.cuh"

namespace mote::cuda {

// Partial results: integers wrap around.
template <class T>
using sum_t = std::conditional_t<std::is_integral_v<T>, uint64_t, double>;

template <class T>
__device__ sum_t<T> widened(T x) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<uint64_t>(static_cast<int64_t>(x));
  } else {
    return x;
  }
}

// f of N elements, added up pairwise in their own type.
template <class C, int N, class F>
__device__ __forceinline__ C tree_sum(const C (&x)[N], const F& f) {
  C sum[N];
#pragma unroll
  for (int k = 0; k < N; ++k) sum[k] = f(x[k]);
#pragma unroll
  for (int n = N / 2; n > 0; n /= 2)
#pragma unroll
    for (int k = 0; k < n; ++k) sum[k] += sum[k + n];
  return sum[0];
}

struct SameElement {
  template <class C>
  __device__ C operator()(C x) const {
    return x;
  }
};
struct SquareOfElement {
  template <class C>
  __device__ C operator()(C x) const {
    return x * x;
  }
};

enum class Finish : uint8_t { Nothing, DivideByCount, SquareRoot, IsAny, IsAll };

template <class P>
struct SumResult {
  using Partial = P;
  DType dtype = DType::Float32;
  Finish finish = Finish::Nothing;

  MOTE_HD P start() const { return 0; }
  MOTE_HD P combine(P a, P b) const { return a + b; }
  __device__ void store(char* to, P total, int64_t count) const {
    if constexpr (std::is_integral_v<P>) {
      if (finish == Finish::IsAny) total = total != 0;
      if (finish == Finish::IsAll) total = total == static_cast<uint64_t>(count);
      store_as(to, dtype, static_cast<int64_t>(total));
    } else {
      if (finish == Finish::DivideByCount) total /= static_cast<double>(count);
      if (finish == Finish::SquareRoot) total = sqrt(total);
      store_as(to, dtype, total);
    }
  }
};

template <class C, class Element = SameElement>
struct SumOp : SumResult<sum_t<C>> {
  using Result = SumResult<sum_t<C>>;

  template <int V, int N>
  __device__ sum_t<C> chunk(const C (&x)[N], int64_t, int64_t) const {
    if constexpr (std::is_floating_point_v<C>) {
      return tree_sum(x, Element());
    } else {
      uint64_t total = 0;
#pragma unroll
      for (int k = 0; k < N; ++k) total += widened(x[k]);
      return total;
    }
  }
};

// How many elements are not zero.
template <class C>
struct CountOp : SumResult<uint64_t> {
  using Result = SumResult<uint64_t>;

  template <int V, int N>
  __device__ uint64_t chunk(const C (&x)[N], int64_t, int64_t) const {
    uint32_t total = 0;
#pragma unroll
    for (int k = 0; k < N; ++k) total += x[k] != C(0) ? 1 : 0;
    return total;
  }
};

template <class P>
struct ProductResult {
  using Partial = P;
  DType dtype = DType::Float32;

  MOTE_HD P start() const { return 1; }
  MOTE_HD P combine(P a, P b) const { return a * b; }
  __device__ void store(char* to, P total, int64_t) const {
    store_as(to, dtype, static_cast<std::conditional_t<std::is_integral_v<P>, int64_t, double>>(total));
  }
};

template <class C>
struct ProductOp : ProductResult<sum_t<C>> {
  using Result = ProductResult<sum_t<C>>;

  template <int V, int N>
  __device__ sum_t<C> chunk(const C (&x)[N], int64_t, int64_t) const {
    sum_t<C> total = widened(x[0]);
#pragma unroll
    for (int k = 1; k < N; ++k) total *= widened(x[k]);
    return total;
  }
};

// The least is the greatest of these.
template <class P>
MOTE_HD P turned(P x, bool least) {
  if constexpr (std::is_integral_v<P>) {
    return least ? ~x : x;
  } else {
    return least ? -x : x;
  }
}

// The greatest or the least. NaN wins: it is unequal to itself.
template <class P>
struct ExtremeResult {
  using Partial = P;
  DType dtype = DType::Float32;
  bool least = false;
  P lowest = 0;  // what is below every element

  MOTE_HD P start() const { return lowest; }
  MOTE_HD P combine(P a, P b) const { return b > a || b != b ? b : a; }
  __device__ void store(char* to, P best, int64_t) const { store_as(to, dtype, turned(best, least)); }
};

// Integers narrower than 32 bits as int32.
template <class C>
using extreme_t = std::conditional_t<(sizeof(C) < 4), int32_t, C>;

template <class C>
struct ExtremeOp : ExtremeResult<extreme_t<C>> {
  using Result = ExtremeResult<extreme_t<C>>;

  ExtremeOp(DType dtype, bool least) {
    this->dtype = dtype;
    this->least = least;
    using Limits = std::numeric_limits<C>;
    const C worst = Limits::has_infinity ? (least ? Limits::infinity() : -Limits::infinity())
                                         : (least ? Limits::max() : Limits::lowest());
    this->lowest = turned<extreme_t<C>>(worst, least);
  }

  template <int V, int N>
  __device__ extreme_t<C> chunk(const C (&x)[N], int64_t, int64_t) const {
    extreme_t<C> best = turned<extreme_t<C>>(x[0], this->least);
#pragma unroll
    for (int k = 1; k < N; ++k) best = this->combine(best, turned<extreme_t<C>>(x[k], this->least));
    return best;
  }
};

}  // namespace mote::cuda
