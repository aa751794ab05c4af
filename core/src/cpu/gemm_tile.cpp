// Who computes a tile was found by measuring, on one thread with AVX-512. float32: mote's own loop up to about
// 64 x 64 x 64 where it can read B by rows; for the others oneDNN's dnnl_sgemm leads from about 32 x 32 x 32 up, by two
// and more for large tiles and for a single row, and below that OpenBLAS has less to set up. float64 is OpenBLAS alone.
#include "cpu/gemm_tile.h"

#include <cblas.h>
#include <dnnl.h>
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <type_traits>

#include "cpu/scratch.h"
#include "cpu/small_product.h"
#include "mote/error.h"

namespace mote::cpu {

namespace {

constexpr int64_t kSmallProduct = 24 * 24 * 24;  // multiply-adds up to which OpenBLAS is called for float32
constexpr int64_t kOwnProduct = 64 * 64 * 64;    // and up to which mote's own loop is, where B has dense rows
constexpr int64_t kPackDepth = 1024;             // rows of B that are widened or packed at a time

constexpr bool is_lead(int64_t stride, int64_t size) {
  return stride >= size && stride <= std::numeric_limits<int>::max();
}

// What BLAS takes: dense rows, or dense columns (transposed), `lead` apart.
template <class T>
struct Operand {
  const T* data;
  bool transposed;
  int lead;
};

template <class T>
bool has_dense_rows(const Matrix<T>& x, int64_t rows, int64_t columns) {
  return (x.column_stride == 1 || columns == 1) && (rows == 1 || is_lead(x.row_stride, columns));
}

template <class T>
Operand<std::remove_const_t<T>> operand_of(const Matrix<T>& x, int64_t rows, int64_t columns) {
  const bool is_column = columns == 1 && x.row_stride == 1;  // better read as a row
  if (has_dense_rows(x, rows, columns) && !is_column)
    return {x.data, false, static_cast<int>(rows == 1 ? columns : x.row_stride)};
  return {x.data, true, static_cast<int>(columns == 1 ? rows : x.column_stride)};
}

template <class T>
bool blas_takes(const Matrix<T>& x, int64_t rows, int64_t columns) {
  return has_dense_rows(x, rows, columns) || has_dense_rows(x.transposed(), columns, rows);
}

bool multiply_by_own(int64_t n, int64_t m, int64_t k, const Operand<float>& a, const Operand<float>& b, float* c,
                     int c_lead, float beta) {
  if (b.transposed || n * m * k > kOwnProduct) return false;
  const int64_t row_stride = a.transposed ? 1 : a.lead, depth_stride = a.transposed ? a.lead : 1;
  return multiply_small(n, m, k, {a.data, row_stride, depth_stride, b.data, b.lead, c, c_lead}, beta != 0);
}

void multiply(int64_t n, int64_t m, int64_t k, const Operand<float>& a, const Operand<float>& b, float* c, int c_lead,
              float beta) {
  if (multiply_by_own(n, m, k, a, b, c, c_lead, beta)) return;
  if (n * m * k > kSmallProduct) {
    const dnnl_status_t status = dnnl_sgemm(a.transposed ? 'T' : 'N', b.transposed ? 'T' : 'N', n, m, k, 1.0f, a.data,
                                            a.lead, b.data, b.lead, beta, c, c_lead);
    if (status != dnnl_success)
      throw Error(fmt::format("matmul: oneDNN refused a product of [{}, {}] and [{}, {}] (status {})", n, k, k, m,
                              static_cast<int>(status)));
  } else {
    cblas_sgemm(CblasRowMajor, a.transposed ? CblasTrans : CblasNoTrans, b.transposed ? CblasTrans : CblasNoTrans,
                static_cast<int>(n), static_cast<int>(m), static_cast<int>(k), 1.0f, a.data, a.lead, b.data, b.lead,
                beta, c, c_lead);
  }
}

// y = A x (+ y), or A^T x; a is as stored, rows x columns.
void multiply_vector(const Operand<double>& a, bool flip, int64_t rows, int64_t columns, const double* x, int x_step,
                     double beta, double* y, int y_step) {
  const bool transposed = a.transposed != flip;
  cblas_dgemv(CblasRowMajor, transposed ? CblasTrans : CblasNoTrans, static_cast<int>(a.transposed ? columns : rows),
              static_cast<int>(a.transposed ? rows : columns), 1.0, a.data, a.lead, x, x_step, beta, y, y_step);
}

void multiply(int64_t n, int64_t m, int64_t k, const Operand<double>& a, const Operand<double>& b, double* c,
              int c_lead, double beta) {
  if (n == 1) return multiply_vector(b, true, k, m, a.data, a.transposed ? a.lead : 1, beta, c, 1);
  if (m == 1) return multiply_vector(a, false, n, k, b.data, b.transposed ? 1 : b.lead, beta, c, c_lead);
  cblas_dgemm(CblasRowMajor, a.transposed ? CblasTrans : CblasNoTrans, b.transposed ? CblasTrans : CblasNoTrans,
              static_cast<int>(n), static_cast<int>(m), static_cast<int>(k), 1.0, a.data, a.lead, b.data, b.lead, beta,
              c, c_lead);
}

template <class C, class T>
void pack(C* to, const Matrix<const T>& x, int64_t rows, int64_t columns) {
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) to[i * columns + j] = static_cast<C>(*x.at(i, j));
}

// The operand itself where BLAS takes it, else a dense copy in the compute type. `copy` is made when it is first
// needed: later operands of one product are not larger.
template <class C, class T>
Operand<C> ready(const Matrix<const T>& x, int64_t rows, int64_t columns, Scratch<C>& copy) {
  if constexpr (std::is_same_v<C, T>)
    if (blas_takes(x, rows, columns)) return operand_of(x, rows, columns);
  if (!copy.get()) copy = Scratch<C>(rows * columns);
  pack(copy.get(), x, rows, columns);
  return {copy.get(), false, static_cast<int>(columns)};
}

}  // namespace

template <class C, class T>
void multiply_dense(int64_t n, int64_t m, int64_t k, const Matrix<const T>& a, const Matrix<const T>& b, C* c,
                    int c_lead, bool accumulate) {
  const bool direct = std::is_same_v<C, T> && blas_takes(a, n, k) && blas_takes(b, k, m);
  const int64_t depth = direct ? k : kPackDepth;
  Scratch<C> left, right;
  for (int64_t p = 0; p < k; p += depth) {
    const int64_t size = std::min(depth, k - p);
    multiply(n, m, size, ready<C>(a.from(0, p), n, size, left), ready<C>(b.from(p, 0), size, m, right), c, c_lead,
             accumulate || p > 0 ? C(1) : C(0));
  }
}

template <class T>
void multiply_tile(int64_t n, int64_t m, int64_t k, const Matrix<const T>& a, const Matrix<const T>& b,
                   const Matrix<T>& c, bool accumulate) {
  using C = compute_t<T>;
  if constexpr (std::is_same_v<C, T>) {
    if (has_dense_rows(c, n, m))
      return multiply_dense<C>(n, m, k, a, b, c.data, static_cast<int>(n == 1 ? m : c.row_stride), accumulate);
    if (has_dense_rows(c.transposed(), m, n))
      return multiply_dense<C>(m, n, k, b.transposed(), a.transposed(), c.data,
                               static_cast<int>(m == 1 ? n : c.column_stride), accumulate);
  }
  const Scratch<C> tile(n * m);
  if (accumulate) pack(tile.get(), Matrix<const T>{c.data, c.row_stride, c.column_stride}, n, m);
  multiply_dense<C>(n, m, k, a, b, tile.get(), static_cast<int>(m), accumulate);
  const C* from = tile.get();
  for (int64_t i = 0; i < n; ++i, from += m)
    for (int64_t j = 0; j < m; ++j) *c.at(i, j) = cast_to<T>(from[j]);
}

template void multiply_tile<float>(int64_t, int64_t, int64_t, const Matrix<const float>&, const Matrix<const float>&,
                                   const Matrix<float>&, bool);
template void multiply_dense<float>(int64_t, int64_t, int64_t, const Matrix<const float>&, const Matrix<const float>&,
                                    float*, int, bool);
template void multiply_tile<double>(int64_t, int64_t, int64_t, const Matrix<const double>&, const Matrix<const double>&,
                                    const Matrix<double>&, bool);
template void multiply_dense<double>(int64_t, int64_t, int64_t, const Matrix<const double>&,
                                     const Matrix<const double>&, double*, int, bool);
template void multiply_tile<Half>(int64_t, int64_t, int64_t, const Matrix<const Half>&, const Matrix<const Half>&,
                                  const Matrix<Half>&, bool);
template void multiply_dense<float>(int64_t, int64_t, int64_t, const Matrix<const Half>&, const Matrix<const Half>&,
                                    float*, int, bool);
template void multiply_tile<BFloat16>(int64_t, int64_t, int64_t, const Matrix<const BFloat16>&,
                                      const Matrix<const BFloat16>&, const Matrix<BFloat16>&, bool);
template void multiply_dense<float>(int64_t, int64_t, int64_t, const Matrix<const BFloat16>&,
                                    const Matrix<const BFloat16>&, float*, int, bool);

}  // namespace mote::cpu
