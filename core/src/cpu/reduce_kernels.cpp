// Each reduction is a functor with a step for vectors and one for single elements. A run keeps four vectors of partial
// results, merged at the end; columns take eight rows at a time, so that the results are loaded and stored once for
// eight rows of input and the rows are eight streams for the prefetcher.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/reduce_kernels.cpp"
#include <hwy/foreach_target.h>  // compiles this file once for each instruction set
//
#include <hwy/highway.h>

#include <algorithm>
#include <limits>

#include "cpu/reduce_kernels.h"
#include "cpu/vector_map-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mote::cpu {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// `Step` takes one more input, `Merge` joins two partial results.
struct SumStep {
  template <class T>
  static T Start() {
    return 0;
  }
  template <class D, class V>
  static HWY_INLINE V Step(D, V total, V x) {
    return hn::Add(total, x);
  }
  template <class D, class V>
  static HWY_INLINE V Merge(D, V a, V b) {
    return hn::Add(a, b);
  }
  template <class T>
  static T StepOne(T total, T x) {
    return total + x;
  }
  template <class D, class V>
  static HWY_INLINE hn::TFromD<D> Lanes(D d, V v) {
    return hn::GetLane(hn::SumOfLanes(d, v));
  }
};

struct SquaresStep : SumStep {
  template <class D, class V>
  static HWY_INLINE V Step(D, V total, V x) {
    return hn::MulAdd(x, x, total);
  }
  template <class T>
  static T StepOne(T total, T x) {
    return total + x * x;
  }
};

// The comparison is false where the partial result is NaN, which therefore stays.
template <bool kLargest>
struct ExtremeStep {
  template <class T>
  static T Start() {
    return kLargest ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::infinity();
  }
  template <class D, class V>
  static HWY_INLINE V Step(D, V best, V x) {
    const auto wins = kLargest ? hn::Gt(x, best) : hn::Lt(x, best);
    return hn::IfThenElse(hn::Or(wins, hn::IsNaN(x)), x, best);
  }
  template <class D, class V>
  static HWY_INLINE V Merge(D d, V a, V b) {
    return Step(d, a, b);
  }
  template <class T>
  static T StepOne(T best, T x) {
    return (kLargest ? x > best : x < best) || x != x ? x : best;
  }
  template <class D, class V>
  static HWY_INLINE hn::TFromD<D> Lanes(D d, V v) {
    if (!hn::AllFalse(d, hn::IsNaN(v))) return std::numeric_limits<hn::TFromD<D>>::quiet_NaN();
    return hn::GetLane(kLargest ? hn::MaxOfLanes(d, v) : hn::MinOfLanes(d, v));
  }
};

template <class Op, class T>
T ReduceRun(const T* HWY_RESTRICT x, int64_t n) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto start = hn::Set(d, Op::template Start<T>());
  auto a = start, b = start, c = start, e = start;
  int64_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    a = Op::Step(d, a, hn::LoadU(d, x + i));
    b = Op::Step(d, b, hn::LoadU(d, x + i + lanes));
    c = Op::Step(d, c, hn::LoadU(d, x + i + 2 * lanes));
    e = Op::Step(d, e, hn::LoadU(d, x + i + 3 * lanes));
  }
  for (; i + lanes <= n; i += lanes) a = Op::Step(d, a, hn::LoadU(d, x + i));
  if (i < n) {
    const auto rest = static_cast<size_t>(n - i);
    b = Op::Step(d, b, hn::IfThenElse(hn::FirstN(d, rest), load_first(d, x + i, rest), start));
  }
  return Op::Lanes(d, Op::Merge(d, Op::Merge(d, a, b), Op::Merge(d, c, e)));
}

// Corrected two-pass algorithm (Chan, Golub and LeVeque 1983): deviations are taken from a rounded mean, and their own
// mean is taken out again.
template <class T>
Moments MomentsRun(const T* HWY_RESTRICT x, int64_t n) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto count = static_cast<double>(n);
  const T center = static_cast<T>(static_cast<double>(ReduceRun<SumStep>(x, n)) / count);
  const auto centers = hn::Set(d, center);
  auto sum_a = hn::Zero(d), sum_b = sum_a, squares_a = sum_a, squares_b = sum_a;
  int64_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    const auto u = hn::Sub(hn::LoadU(d, x + i), centers), v = hn::Sub(hn::LoadU(d, x + i + lanes), centers);
    sum_a = hn::Add(sum_a, u);
    sum_b = hn::Add(sum_b, v);
    squares_a = hn::MulAdd(u, u, squares_a);
    squares_b = hn::MulAdd(v, v, squares_b);
  }
  for (; i < n; i += lanes) {
    const auto rest = static_cast<size_t>(std::min(lanes, n - i));
    const auto u = hn::IfThenElseZero(hn::FirstN(d, rest), hn::Sub(load_first(d, x + i, rest), centers));
    sum_a = hn::Add(sum_a, u);
    squares_a = hn::MulAdd(u, u, squares_a);
  }
  const auto sum = static_cast<double>(hn::GetLane(hn::SumOfLanes(d, hn::Add(sum_a, sum_b))));
  const auto squares = static_cast<double>(hn::GetLane(hn::SumOfLanes(d, hn::Add(squares_a, squares_b))));
  return {static_cast<double>(center) + sum / count, not_negative(squares - sum * sum / count)};
}

template <class Op, class T>
void ReduceColumns(const T* HWY_RESTRICT x, int64_t step, int64_t rows, int64_t columns, T* HWY_RESTRICT out) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto start = hn::Set(d, Op::template Start<T>());
  for (int64_t i = 0; i < rows; i += 8) {
    const auto load = [&](int64_t row, int64_t column) HWY_ATTR { return hn::LoadU(d, x + row * step + column); };
    int64_t j = 0;
    for (; j + lanes <= columns; j += lanes) {
      auto a = i == 0 ? start : hn::LoadU(d, out + j);
      if (i + 8 <= rows) {
        auto b = Op::Step(d, start, load(i + 1, j)), c = Op::Step(d, start, load(i + 2, j)),
             e = Op::Step(d, start, load(i + 3, j));
        a = Op::Step(d, a, load(i, j));
        a = Op::Step(d, a, load(i + 4, j));
        b = Op::Step(d, b, load(i + 5, j));
        c = Op::Step(d, c, load(i + 6, j));
        e = Op::Step(d, e, load(i + 7, j));
        a = Op::Merge(d, Op::Merge(d, a, b), Op::Merge(d, c, e));
      } else {
        for (int64_t r = i; r < rows; ++r) a = Op::Step(d, a, load(r, j));
      }
      hn::StoreU(a, d, out + j);
    }
    for (; j < columns; ++j) {
      T total = i == 0 ? Op::template Start<T>() : out[j];
      for (int64_t r = i; r < std::min(rows, i + 8); ++r) total = Op::StepOne(total, x[r * step + j]);
      out[j] = total;
    }
  }
}

// Four rows at a time, as above.
template <class T>
void DeviationsColumns(const T* HWY_RESTRICT x, int64_t step, int64_t rows, int64_t columns,
                       const T* HWY_RESTRICT center, T* HWY_RESTRICT sums, T* HWY_RESTRICT squares) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t i = 0; i < rows; i += 4) {
    const int64_t end = std::min(rows, i + 4);
    int64_t j = 0;
    for (; j + lanes <= columns; j += lanes) {
      const auto c = hn::LoadU(d, center + j);
      auto sum = i == 0 ? hn::Zero(d) : hn::LoadU(d, sums + j);
      auto square = i == 0 ? hn::Zero(d) : hn::LoadU(d, squares + j);
      for (int64_t r = i; r < end; ++r) {
        const auto u = hn::Sub(hn::LoadU(d, x + r * step + j), c);
        sum = hn::Add(sum, u);
        square = hn::MulAdd(u, u, square);
      }
      hn::StoreU(sum, d, sums + j);
      hn::StoreU(square, d, squares + j);
    }
    for (; j < columns; ++j) {
      if (i == 0) sums[j] = squares[j] = 0;
      for (int64_t r = i; r < end; ++r) {
        const T u = x[r * step + j] - center[j];
        sums[j] += u;
        squares[j] += u * u;
      }
    }
  }
}

template <class T>
const ReduceKernels<T>* Kernels() {
  static constexpr ReduceKernels<T> kernels = {
      ReduceRun<SumStep, T>,
      ReduceRun<SquaresStep, T>,
      ReduceRun<ExtremeStep<true>, T>,
      ReduceRun<ExtremeStep<false>, T>,
      MomentsRun<T>,
      ReduceColumns<SumStep, T>,
      ReduceColumns<SquaresStep, T>,
      ReduceColumns<ExtremeStep<true>, T>,
      ReduceColumns<ExtremeStep<false>, T>,
      DeviationsColumns<T>,
  };
  return &kernels;
}

const ReduceKernels<float>* FloatKernels() { return Kernels<float>(); }
const ReduceKernels<double>* DoubleKernels() { return Kernels<double>(); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace mote::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mote::cpu {

HWY_EXPORT(FloatKernels);
HWY_EXPORT(DoubleKernels);

template <>
const ReduceKernels<float>& reduce_kernels() {
  static const ReduceKernels<float>* const kernels = HWY_DYNAMIC_DISPATCH(FloatKernels)();
  return *kernels;
}

template <>
const ReduceKernels<double>& reduce_kernels() {
  static const ReduceKernels<double>* const kernels = HWY_DYNAMIC_DISPATCH(DoubleKernels)();
  return *kernels;
}

}  // namespace mote::cpu
#endif
