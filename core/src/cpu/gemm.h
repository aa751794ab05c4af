// The one function through which all float32 and float64 matrix products of the CPU go.
#pragma once

#include <cstdint>

namespace mote::cpu {

// A matrix in memory; strides in elements, any sign of order: a transpose is the same data with the strides exchanged.
template <class T>
struct Matrix {
  T* data;
  int64_t row_stride;
  int64_t column_stride;

  Matrix transposed() const { return {data, column_stride, row_stride}; }
  T& at(int64_t row, int64_t column) const { return data[row * row_stride + column * column_stride]; }
};

// C [n, m] = A [n, k] B [k, m] (+ C where accumulate). C may not overlap A or B.
void gemm(int64_t n, int64_t m, int64_t k, const Matrix<const float>& a, const Matrix<const float>& b,
          const Matrix<float>& c, bool accumulate);
void gemm(int64_t n, int64_t m, int64_t k, const Matrix<const double>& a, const Matrix<const double>& b,
          const Matrix<double>& c, bool accumulate);

}  // namespace mote::cpu
