// What each reduction does with blocks of elements: the type of its partial results, its neutral value, how a block is
// reduced and how two partial results join. Blocks are dense and in the compute type.
#pragma once

#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "cpu/reduce_kernels.h"
#include "mote/dtype.h"

namespace mote::cpu {

// Elements in the largest block: float lanes sum up at most 64 each, and partial results of blocks join in double.
inline constexpr int64_t kRun = 4096;
// Rows in a block of columns.
inline constexpr int64_t kRowsOfBlock = 32;
// Columns that a block of columns has at most: its results stay in the L1 cache.
inline constexpr int64_t kColumnsOfBlock = 1024;

// Without any set-up, for elements `step` apart.
template <class F, class C>
typename F::Partial reduce_one_by_one(const C* x, int64_t step, int64_t n) {
  typename F::Partial total = F::load(x[0]);
  for (int64_t i = 1; i < n; ++i) total = F::combine(total, F::load(x[i * step]));
  return total;
}

// How many of n bools are true: eight at a time, each a byte of 0 or 1.
inline int64_t count_true(const bool* x, int64_t n) {
  int64_t count = 0, i = 0;
  for (; i + 8 <= n; i += 8) {
    uint64_t bytes;
    std::memcpy(&bytes, x + i, 8);
    count += static_cast<int64_t>((bytes * 0x0101010101010101u) >> 56);
  }
  for (; i < n; ++i) count += x[i] ? 1 : 0;
  return count;
}

// Integers wrap around.
inline int64_t wrapping_add(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
inline int64_t wrapping_mul(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}

template <class C>
using sum_t = std::conditional_t<std::is_floating_point_v<C>, double, int64_t>;

template <class C>
struct AddElements {
  using Partial = sum_t<C>;
  static constexpr Partial start() { return 0; }
  static Partial load(C x) { return static_cast<Partial>(x); }
  static Partial combine(Partial a, Partial b) {
    if constexpr (std::is_integral_v<Partial>) {
      return wrapping_add(a, b);
    } else {
      return a + b;
    }
  }
};

template <class C>
struct AddSquares : AddElements<C> {
  static double load(C x) { return static_cast<double>(x) * static_cast<double>(x); }
};

template <class C>
struct MultiplyElements {
  using Partial = sum_t<C>;
  static constexpr Partial start() { return 1; }
  static Partial load(C x) { return static_cast<Partial>(x); }
  static Partial combine(Partial a, Partial b) {
    if constexpr (std::is_integral_v<Partial>) {
      return wrapping_mul(a, b);
    } else {
      return a * b;
    }
  }
};

// NaN wins: it is unequal to itself.
template <class C, bool Largest>
struct ExtremeElement {
  using Partial = C;
  static constexpr C start() {
    using Limits = std::numeric_limits<C>;
    if constexpr (Limits::has_infinity) {
      return Largest ? -Limits::infinity() : Limits::infinity();
    } else {
      return Largest ? Limits::lowest() : Limits::max();
    }
  }
  static C load(C x) { return x; }
  static C combine(C a, C b) { return (Largest ? b > a : b < a) || b != b ? b : a; }
};

// 0 or 1 in a byte, which joins by bits: the compiler makes vector code of that, but not of bool.
template <class C>
struct AnyElement {
  using Partial = uint8_t;
  static constexpr Partial start() { return 0; }
  static Partial load(C x) { return x != C(0) ? 1 : 0; }
  static Partial combine(Partial a, Partial b) { return static_cast<Partial>(a | b); }
};

template <class C>
struct AllElements {
  using Partial = uint8_t;
  static constexpr Partial start() { return 1; }
  static Partial load(C x) { return x != C(0) ? 1 : 0; }
  static Partial combine(Partial a, Partial b) { return static_cast<Partial>(a & b); }
};

// A reduction of plain elements, one at a time; F has Partial, start(), load(x) and combine(a, b).
template <class F, class C>
struct ElementOp : F {
  using Partial = typename F::Partial;

  static Partial run(const C* x, int64_t n) {
    if constexpr (std::is_same_v<F, AddElements<bool>>) {
      return count_true(x, n);
    } else {
      Partial total = F::load(x[0]);
      for (int64_t i = 1; i < n; ++i) total = F::combine(total, F::load(x[i]));
      return total;
    }
  }
  // Elements `step` apart.
  static Partial few(const C* x, int64_t step, int64_t n) { return reduce_one_by_one<F>(x, step, n); }
  static void columns(const C* x, int64_t step, int64_t rows, int64_t columns, Partial* out) {
    for (int64_t j = 0; j < columns; ++j) out[j] = F::load(x[j]);
    for (int64_t i = 1; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j) out[j] = F::combine(out[j], F::load(x[i * step + j]));
  }
  // The numbers of elements behind both are known, because Moments need them.
  static Partial join(const Partial& a, int64_t, const Partial& b, int64_t) { return F::combine(a, b); }
};

// A reduction of float or double by vector kernels; float sums of blocks continue in double.
template <class F, class C, auto Run, auto Columns>
struct VectorOp : F {
  using Partial = typename F::Partial;

  static Partial run(const C* x, int64_t n) { return (reduce_kernels<C>().*Run)(x, n); }
  static Partial few(const C* x, int64_t step, int64_t n) { return reduce_one_by_one<F>(x, step, n); }
  static void columns(const C* x, int64_t step, int64_t rows, int64_t columns, Partial* out) {
    if constexpr (std::is_same_v<C, Partial>) {
      (reduce_kernels<C>().*Columns)(x, step, rows, columns, out);
    } else {
      C block[kColumnsOfBlock];
      (reduce_kernels<C>().*Columns)(x, step, rows, columns, block);
      for (int64_t j = 0; j < columns; ++j) out[j] = static_cast<Partial>(block[j]);
    }
  }
  static Partial join(const Partial& a, int64_t, const Partial& b, int64_t) { return F::combine(a, b); }
};

template <class F, class C, auto Run, auto Columns, bool Vector = std::is_floating_point_v<C>>
struct ChooseOp {
  using type = ElementOp<F, C>;
};
template <class F, class C, auto Run, auto Columns>
struct ChooseOp<F, C, Run, Columns, true> {
  using type = VectorOp<F, C, Run, Columns>;
};

// The kernels of C; of float for integers, which do not use them.
template <class C>
using kernels_t = ReduceKernels<std::conditional_t<std::is_floating_point_v<C>, C, float>>;

template <class C>
using SumOp = typename ChooseOp<AddElements<C>, C, &kernels_t<C>::sum, &kernels_t<C>::sum_columns>::type;
template <class C>
using SquaresOp = typename ChooseOp<AddSquares<C>, C, &kernels_t<C>::squares, &kernels_t<C>::squares_columns>::type;
template <class C>
using MaxOp = typename ChooseOp<ExtremeElement<C, true>, C, &kernels_t<C>::max, &kernels_t<C>::max_columns>::type;
template <class C>
using MinOp = typename ChooseOp<ExtremeElement<C, false>, C, &kernels_t<C>::min, &kernels_t<C>::min_columns>::type;
template <class C>
using ProdOp = ElementOp<MultiplyElements<C>, C>;
template <class C>
using AnyOp = ElementOp<AnyElement<C>, C>;
template <class C>
using AllOp = ElementOp<AllElements<C>, C>;

// Mean and squared deviations: the corrected two-pass algorithm over a block that is in the cache, and the pairwise one
// between blocks (both in Chan, Golub and LeVeque 1983), so that memory is read once.
template <class C>
struct MomentsOp {
  using Partial = Moments;
  static constexpr Moments start() { return {}; }

  static Moments run(const C* x, int64_t n) { return reduce_kernels<C>().moments(x, n); }
  static Moments few(const C* x, int64_t step, int64_t n) {
    const double mean = reduce_one_by_one<AddElements<C>>(x, step, n) / static_cast<double>(n);
    double squares = 0;
    for (int64_t i = 0; i < n; ++i) {
      const double deviation = static_cast<double>(x[i * step]) - mean;
      squares += deviation * deviation;
    }
    return {mean, squares};
  }
  static void columns(const C* x, int64_t step, int64_t rows, int64_t columns, Moments* out) {
    const auto count = static_cast<double>(rows);
    C center[kColumnsOfBlock], sums[kColumnsOfBlock], squares[kColumnsOfBlock];
    reduce_kernels<C>().sum_columns(x, step, rows, columns, center);
    for (int64_t j = 0; j < columns; ++j) center[j] = static_cast<C>(static_cast<double>(center[j]) / count);
    reduce_kernels<C>().deviations_columns(x, step, rows, columns, center, sums, squares);
    for (int64_t j = 0; j < columns; ++j) {
      const auto sum = static_cast<double>(sums[j]);
      out[j] = {static_cast<double>(center[j]) + sum / count,
                not_negative(static_cast<double>(squares[j]) - sum * sum / count)};
    }
  }
  static Moments join(const Moments& a, int64_t count_a, const Moments& b, int64_t count_b) {
    if (count_a == 0) return b;
    const auto na = static_cast<double>(count_a), nb = static_cast<double>(count_b), n = na + nb;
    const double distance = b.mean - a.mean;
    return {a.mean + distance * (nb / n), a.squares + b.squares + distance * distance * (na * nb / n)};
  }
};

}  // namespace mote::cpu
