#include "cpu/gemm.h"

#include <cblas.h>

#include <algorithm>
#include <vector>

namespace mote::cpu {

namespace {

// How BLAS sees an operand: dense rows (or dense columns: transposed) `lead` apart.
template <class T>
struct Operand {
  const T* data;
  CBLAS_TRANSPOSE transpose;
  int lead;
};

template <class T>
void product(int n, int m, int k, const Operand<T>& a, const Operand<T>& b, T* c, int c_lead, T beta) {
  if constexpr (std::is_same_v<T, float>) {
    cblas_sgemm(CblasRowMajor, a.transpose, b.transpose, n, m, k, 1.0f, a.data, a.lead, b.data, b.lead, beta, c,
                c_lead);
  } else {
    cblas_dgemm(CblasRowMajor, a.transpose, b.transpose, n, m, k, 1.0, a.data, a.lead, b.data, b.lead, beta, c, c_lead);
  }
}

template <class T>
Operand<T> operand(const Matrix<const T>& x, int64_t rows, int64_t columns, std::vector<T>& copy) {
  if (x.column_stride == 1 && (rows == 1 || x.row_stride >= columns))
    return {x.data, CblasNoTrans, static_cast<int>(rows == 1 ? columns : x.row_stride)};
  if (x.row_stride == 1 && (columns == 1 || x.column_stride >= rows))
    return {x.data, CblasTrans, static_cast<int>(columns == 1 ? rows : x.column_stride)};
  copy.resize(static_cast<size_t>(rows * columns));
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) copy[i * columns + j] = x.at(i, j);
  return {copy.data(), CblasNoTrans, static_cast<int>(columns)};
}

template <class T>
void run(int64_t n, int64_t m, int64_t k, const Matrix<const T>& a, const Matrix<const T>& b, const Matrix<T>& c,
         bool accumulate) {
  if (n == 0 || m == 0) return;
  if (k == 0) {
    if (!accumulate)
      for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < m; ++j) c.at(i, j) = 0;
    return;
  }
  const bool dense = c.column_stride == 1 && (n == 1 || c.row_stride >= m);
  if (!dense && c.row_stride == 1 && c.column_stride >= n)
    return run(m, n, k, b.transposed(), a.transposed(), c.transposed(), accumulate);
  std::vector<T> a_copy, b_copy, c_copy;
  if (!dense) c_copy.resize(static_cast<size_t>(n * m));
  T* const out = dense ? c.data : c_copy.data();
  const int lead = static_cast<int>(dense && n > 1 ? c.row_stride : m);
  product<T>(static_cast<int>(n), static_cast<int>(m), static_cast<int>(k), operand(a, n, k, a_copy),
             operand(b, k, m, b_copy), out, lead, accumulate && dense ? T(1) : T(0));
  if (dense) return;
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < m; ++j) c.at(i, j) = out[i * m + j] + (accumulate ? c.at(i, j) : T(0));
}

}  // namespace

void gemm(int64_t n, int64_t m, int64_t k, const Matrix<const float>& a, const Matrix<const float>& b,
          const Matrix<float>& c, bool accumulate) {
  run(n, m, k, a, b, c, accumulate);
}

void gemm(int64_t n, int64_t m, int64_t k, const Matrix<const double>& a, const Matrix<const double>& b,
          const Matrix<double>& c, bool accumulate) {
  run(n, m, k, a, b, c, accumulate);
}

}  // namespace mote::cpu
