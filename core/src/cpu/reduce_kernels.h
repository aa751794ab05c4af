// The innermost loops of reductions over float and double, for the vector unit of this machine's CPU.
#pragma once

#include <cstdint>

namespace mote::cpu {

// The mean of some numbers and the sum of their squared deviations from it.
struct Moments {
  double mean = 0;
  double squares = 0;
};

// Rounding must not make a sum of squares negative; NaN stays NaN.
inline double not_negative(double squares) { return squares < 0.0 ? 0.0 : squares; }

template <class T>
struct ReduceKernels {
  // Of n dense numbers, n at least 1. Extremes are NaN where any element is.
  using Run = T (*)(const T* x, int64_t n);
  Run sum, squares, max, min;
  Moments (*moments)(const T* x, int64_t n);

  // Of each column of a matrix whose dense rows are `step` elements apart; out [columns].
  using Columns = void (*)(const T* x, int64_t step, int64_t rows, int64_t columns, T* out);
  Columns sum_columns, squares_columns, max_columns, min_columns;
  // Sums of the distances from center [columns] and of their squares.
  void (*deviations_columns)(const T* x, int64_t step, int64_t rows, int64_t columns, const T* center, T* sums,
                             T* squares);
};

// T is float or double.
template <class T>
const ReduceKernels<T>& reduce_kernels();

}  // namespace mote::cpu
