// Products are cut into tiles of C, and into ranges of k where C is too small to occupy several threads. Who computes a
// tile was found by measuring, on one thread with AVX-512. float32: mote's own loop up to about 64 x 64 x 64 where it
// can read B by rows; for the others oneDNN's dnnl_sgemm leads from about 32 x 32 x 32 up, by two and more for large
// tiles and for a single row, and below that OpenBLAS has less to set up. float64 is OpenBLAS alone.
#include "cpu/gemm.h"

#include <cblas.h>
#include <dnnl.h>
#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <limits>
#include <type_traits>
#include <vector>

#include "cpu/parallel.h"
#include "cpu/small_product.h"
#include "mote/dtype.h"
#include "mote/error.h"

namespace mote::cpu {

namespace {

constexpr int64_t kSmallProduct = 24 * 24 * 24;  // multiply-adds up to which OpenBLAS is called for float32
constexpr int64_t kOwnProduct = 64 * 64 * 64;    // and up to which mote's own loop is, where B has dense rows
constexpr int64_t kWorkOfPart = int64_t{1} << 23;
constexpr int64_t kLeastWorkOfTwo = int64_t{1} << 21;  // from which a product is worth a second thread
constexpr int64_t kPackDepth = 1024;                   // rows of B that are widened or packed at a time

// Keeps both libraries on the calling thread; where the threads are used is decided here.
class OneThread {
 public:
  OneThread() : before_(omp_get_max_threads()) {
    if (before_ != 1) omp_set_num_threads(1);
  }
  ~OneThread() {
    if (before_ != 1) omp_set_num_threads(before_);
  }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

// --- one product on one thread ---------------------------------------------------------------------------------------

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

// Per-thread memory for copies of tiles, kept from call to call. Each use names its own slot.
template <class C>
C* scratch(int slot, int64_t size) {
  thread_local std::vector<C> buffers[3];
  std::vector<C>& buffer = buffers[slot];
  if (static_cast<int64_t>(buffer.size()) < size) buffer.resize(static_cast<size_t>(size));
  return buffer.data();
}

template <class C, class T>
void pack(C* to, const Matrix<const T>& x, int64_t rows, int64_t columns) {
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) to[i * columns + j] = static_cast<C>(*x.at(i, j));
}

// The operand itself where BLAS takes it, else a dense copy in the compute type.
template <class C, class T>
Operand<C> ready(const Matrix<const T>& x, int64_t rows, int64_t columns, int slot) {
  if constexpr (std::is_same_v<C, T>)
    if (blas_takes(x, rows, columns)) return operand_of(x, rows, columns);
  C* const copy = scratch<C>(slot, rows * columns);
  pack(copy, x, rows, columns);
  return {copy, false, static_cast<int>(columns)};
}

// One tile with dense rows in the compute type.
template <class C, class T>
void multiply_tile(int64_t n, int64_t m, int64_t k, const Matrix<const T>& a, const Matrix<const T>& b, C* c,
                   int c_lead, bool accumulate) {
  const bool direct = std::is_same_v<C, T> && blas_takes(a, n, k) && blas_takes(b, k, m);
  const int64_t depth = direct ? k : kPackDepth;
  for (int64_t p = 0; p < k; p += depth) {
    const int64_t size = std::min(depth, k - p);
    multiply(n, m, size, ready<C>(a.from(0, p), n, size, 0), ready<C>(b.from(p, 0), size, m, 1), c, c_lead,
             accumulate || p > 0 ? C(1) : C(0));
  }
}

template <class T>
void run_tile(int64_t n, int64_t m, int64_t k, const Matrix<const T>& a, const Matrix<const T>& b, const Matrix<T>& c,
              bool accumulate) {
  using C = compute_t<T>;
  if constexpr (std::is_same_v<C, T>) {
    if (has_dense_rows(c, n, m))
      return multiply_tile<C>(n, m, k, a, b, c.data, static_cast<int>(n == 1 ? m : c.row_stride), accumulate);
    if (has_dense_rows(c.transposed(), m, n))
      return multiply_tile<C>(m, n, k, b.transposed(), a.transposed(), c.data,
                              static_cast<int>(m == 1 ? n : c.column_stride), accumulate);
  }
  C* const tile = scratch<C>(2, n * m);
  if (accumulate) pack(tile, Matrix<const T>{c.data, c.row_stride, c.column_stride}, n, m);
  multiply_tile<C>(n, m, k, a, b, tile, static_cast<int>(m), accumulate);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < m; ++j) *c.at(i, j) = cast_to<T>(tile[i * m + j]);
}

// --- many parts on many threads --------------------------------------------------------------------------------------

int64_t parts_of(int64_t size, int64_t part) { return (size + part - 1) / part; }

// How one product is cut. Only its sizes and the batch decide.
struct Tiling {
  int64_t tile_n, tile_m, tile_k;
  int64_t count_n = 1, count_m = 1, count_k = 1;

  Tiling(int64_t n, int64_t m, int64_t k, int64_t batch) : tile_n(n), tile_m(m), tile_k(k) {
    // A skinny product is bound by reading its large operand, so that a row counts like 16.
    const double work = static_cast<double>(std::max<int64_t>(n, 16)) * static_cast<double>(std::max<int64_t>(m, 16)) *
                        static_cast<double>(k);
    const auto most = std::max<int64_t>(16, static_cast<int64_t>(work / (32.0 * kWorkOfPart)));
    const int64_t least = work >= kLeastWorkOfTwo ? 2 : 1;
    const int64_t wanted =
        std::clamp<int64_t>(static_cast<int64_t>(work / static_cast<double>(kWorkOfPart)), least, most) / batch;
    while (count_n * count_m < wanted) {
      const int64_t narrowest = count_n * count_m == 1 ? 64 : 128;
      const bool by_rows = tile_n >= tile_m && tile_n > narrowest;
      if (!by_rows && tile_m <= narrowest) break;
      int64_t& tile = by_rows ? tile_n : tile_m;
      tile = parts_of(parts_of(tile, 2), 16) * 16;
      count_n = parts_of(n, tile_n);
      count_m = parts_of(m, tile_m);
    }
    if (const int64_t more = std::min(wanted / (count_n * count_m), k / 2048); more > 1) {
      tile_k = parts_of(parts_of(k, more), 64) * 64;
      count_k = parts_of(k, tile_k);
    }
  }

  int64_t count() const { return count_n * count_m * count_k; }
};

// The matrix of the same geometry that begins `offset` elements further on.
template <class T>
Matrix<T> moved(Matrix<T> x, int64_t offset) {
  x.data += offset;
  return x;
}

template <class T>
void clear(int64_t n, int64_t m, const Matrix<T>& c) {
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < m; ++j) *c.at(i, j) = T{};
}

// Sums the products of the ranges of k in their order.
template <class T>
void add_up(int64_t n, int64_t m, int64_t count, const std::vector<compute_t<T>>& partial, const Matrix<T>& c,
            bool accumulate) {
  using C = compute_t<T>;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < m; ++j) {
      C total = accumulate ? static_cast<C>(*c.at(i, j)) : C(0);
      for (int64_t p = 0; p < count; ++p) total += partial[p * n * m + i * m + j];
      *c.at(i, j) = cast_to<T>(total);
    }
  }
}

template <class T>
void run_split(int64_t n, int64_t m, int64_t k, const Tiling& cut, const Matrix<const T>& a, const Matrix<const T>& b,
               const Matrix<T>& c, bool accumulate) {
  using C = compute_t<T>;
  std::vector<C> partial(static_cast<size_t>(cut.count_k * n * m));
  parallel_for(cut.count(), 1, [&](int64_t begin, int64_t end) {
    const OneThread one_thread;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t column = i % cut.count_m * cut.tile_m, row = i / cut.count_m % cut.count_n * cut.tile_n,
                    depth = i / (cut.count_m * cut.count_n);
      const int64_t start = depth * cut.tile_k;
      multiply_tile<C>(std::min(cut.tile_n, n - row), std::min(cut.tile_m, m - column), std::min(cut.tile_k, k - start),
                       a.from(row, start), b.from(start, column), partial.data() + depth * n * m + row * m + column,
                       static_cast<int>(m), false);
    }
  });
  add_up(n, m, cut.count_k, partial, c, accumulate);
}

}  // namespace

template <class T>
void gemm(int64_t n, int64_t m, int64_t k, const Matrix<const T>& a, const Matrix<const T>& b, const Matrix<T>& c,
          bool accumulate, std::span<const BatchOffset> batch) {
  if (n == 0 || m == 0 || (k == 0 && accumulate)) return;
  if (k == 0) {
    for (const BatchOffset& offset : batch) clear(n, m, moved(c, offset.c));
    return;
  }
  const auto products = static_cast<int64_t>(batch.size());
  const Tiling cut(n, m, k, products);
  if (cut.count_k > 1) {
    for (const BatchOffset& offset : batch)
      run_split(n, m, k, cut, moved(a, offset.a), moved(b, offset.b), moved(c, offset.c), accumulate);
    return;
  }
  const int64_t tiles = cut.count();
  const int64_t grain = std::max<int64_t>(1, kLeastWorkOfTwo / 2 / std::max<int64_t>(1, cut.tile_n * cut.tile_m * k));
  parallel_for(products * tiles, grain, [&](int64_t begin, int64_t end) {
    const OneThread one_thread;
    for (int64_t i = begin; i < end; ++i) {
      const BatchOffset& offset = batch[i / tiles];
      const int64_t row = i % tiles / cut.count_m * cut.tile_n, column = i % tiles % cut.count_m * cut.tile_m;
      run_tile(std::min(cut.tile_n, n - row), std::min(cut.tile_m, m - column), k, moved(a.from(row, 0), offset.a),
               moved(b.from(0, column), offset.b), moved(c.from(row, column), offset.c), accumulate);
    }
  });
}

template void gemm<float>(int64_t, int64_t, int64_t, const Matrix<const float>&, const Matrix<const float>&,
                          const Matrix<float>&, bool, std::span<const BatchOffset>);
template void gemm<double>(int64_t, int64_t, int64_t, const Matrix<const double>&, const Matrix<const double>&,
                           const Matrix<double>&, bool, std::span<const BatchOffset>);
template void gemm<Half>(int64_t, int64_t, int64_t, const Matrix<const Half>&, const Matrix<const Half>&,
                         const Matrix<Half>&, bool, std::span<const BatchOffset>);
template void gemm<BFloat16>(int64_t, int64_t, int64_t, const Matrix<const BFloat16>&, const Matrix<const BFloat16>&,
                             const Matrix<BFloat16>&, bool, std::span<const BatchOffset>);

}  // namespace mote::cpu
