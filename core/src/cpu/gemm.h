// The one function through which all floating-point matrix products of the CPU go.
#pragma once

#include <cstdint>
#include <span>

namespace mote::cpu {

// A matrix in memory. Strides count elements and may be anything: a transpose is the same data with them exchanged.
template <class T>
struct Matrix {
  T* data;
  int64_t row_stride;
  int64_t column_stride;

  T* at(int64_t row, int64_t column) const { return data + row * row_stride + column * column_stride; }
  Matrix from(int64_t row, int64_t column) const { return {at(row, column), row_stride, column_stride}; }
  Matrix transposed() const { return {data, column_stride, row_stride}; }
};

// A row in memory.
template <class T>
struct RowOf {
  const T* data;
  int64_t stride;

  RowOf from(int64_t column) const { return {data + column * stride, stride}; }
};

// Where the operands of one product of a batch begin, in elements from those of the first.
struct BatchOffset {
  int64_t a = 0, b = 0, c = 0;
};
inline constexpr BatchOffset kOneProduct[1] = {};

// C [n, m] = A [n, k] B [k, m] (+ C where accumulate), once for each entry of `batch`. No C may overlap an A, a B or
// another C. T is float, double, Half or BFloat16; the 16-bit types are multiplied and summed in float32.
//
// Where `bias` is given, of m elements, it is added to every row; not for 16-bit types, which would be rounded twice.
//
// The work is cut into parts by its sizes alone, and the BLAS computes each part on one thread, so that the result has
// the same bits for every number of threads, in and outside a parallel region.
template <class T>
void gemm(int64_t n, int64_t m, int64_t k, const Matrix<const T>& a, const Matrix<const T>& b, const Matrix<T>& c,
          bool accumulate = false, std::span<const BatchOffset> batch = kOneProduct, const RowOf<T>* bias = nullptr);

}  // namespace mote::cpu
