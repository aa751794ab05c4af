// Products are cut into tiles of C, and into ranges of k where C is too small to occupy several threads.
#include "cpu/gemm.h"

#include <algorithm>

#include "cpu/gemm_tile.h"
#include "cpu/parallel.h"
#include "cpu/scratch.h"
#include "mote/dtype.h"

namespace mote::cpu {

namespace {

constexpr int64_t kWorkOfPart = int64_t{1} << 23;
constexpr int64_t kLeastWorkOfTwo = int64_t{1} << 21;  // from which a product is worth a second thread

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

// Adds a bias to every row of a tile that was just computed.
template <class T>
void add_bias(int64_t n, int64_t m, const Matrix<T>& c, const RowOf<T>& bias) {
  if constexpr (std::is_same_v<T, compute_t<T>>) {
    const bool dense = c.column_stride == 1 && bias.stride == 1;
    for (int64_t i = 0; i < n; ++i) {
      T* const row = c.at(i, 0);
      if (dense)
        for (int64_t j = 0; j < m; ++j) row[j] += bias.data[j];
      else
        for (int64_t j = 0; j < m; ++j) row[j * c.column_stride] += bias.data[j * bias.stride];
    }
  }
}

// Sums the products of the ranges of k in their order.
template <class T>
void add_up(int64_t n, int64_t m, int64_t count, const compute_t<T>* partial, const Matrix<T>& c, bool accumulate) {
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
  const Scratch<C> partial(cut.count_k * n * m);
  parallel_for(cut.count(), 1, [&](int64_t begin, int64_t end) {
    const OneThread one_thread;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t column = i % cut.count_m * cut.tile_m, row = i / cut.count_m % cut.count_n * cut.tile_n,
                    depth = i / (cut.count_m * cut.count_n);
      const int64_t start = depth * cut.tile_k;
      multiply_dense<C>(std::min(cut.tile_n, n - row), std::min(cut.tile_m, m - column),
                        std::min(cut.tile_k, k - start), a.from(row, start), b.from(start, column),
                        partial.get() + depth * n * m + row * m + column, static_cast<int>(m), false);
    }
  });
  add_up(n, m, cut.count_k, partial.get(), c, accumulate);
}

}  // namespace

template <class T>
void gemm(int64_t n, int64_t m, int64_t k, const Matrix<const T>& a, const Matrix<const T>& b, const Matrix<T>& c,
          bool accumulate, std::span<const BatchOffset> batch, const RowOf<T>* bias) {
  if (n == 0 || m == 0) return;
  const auto add_bias_to = [&](const Matrix<T>& tile, int64_t rows, int64_t first, int64_t columns) {
    if (bias) add_bias(rows, columns, tile, bias->from(first));
  };
  if (k == 0) {
    for (const BatchOffset& offset : batch) {
      if (!accumulate) clear(n, m, moved(c, offset.c));
      add_bias_to(moved(c, offset.c), n, 0, m);
    }
    return;
  }
  const auto products = static_cast<int64_t>(batch.size());
  const Tiling cut(n, m, k, products);
  if (cut.count_k > 1) {
    for (const BatchOffset& offset : batch) {
      run_split(n, m, k, cut, moved(a, offset.a), moved(b, offset.b), moved(c, offset.c), accumulate);
      add_bias_to(moved(c, offset.c), n, 0, m);
    }
    return;
  }
  const int64_t tiles = cut.count();
  const int64_t grain = std::max<int64_t>(1, kLeastWorkOfTwo / 2 / std::max<int64_t>(1, cut.tile_n * cut.tile_m * k));
  parallel_for(products * tiles, grain, [&](int64_t begin, int64_t end) {
    const OneThread one_thread;
    for (int64_t i = begin; i < end; ++i) {
      const BatchOffset& offset = batch[i / tiles];
      const int64_t row = i % tiles / cut.count_m * cut.tile_n, column = i % tiles % cut.count_m * cut.tile_m;
      const int64_t rows = std::min(cut.tile_n, n - row), columns = std::min(cut.tile_m, m - column);
      const Matrix<T> tile = moved(c.from(row, column), offset.c);
      multiply_tile(rows, columns, k, moved(a.from(row, 0), offset.a), moved(b.from(0, column), offset.b), tile,
                    accumulate);
      add_bias_to(tile, rows, column, columns);
    }
  });
}

template void gemm<float>(int64_t, int64_t, int64_t, const Matrix<const float>&, const Matrix<const float>&,
                          const Matrix<float>&, bool, std::span<const BatchOffset>, const RowOf<float>*);
template void gemm<double>(int64_t, int64_t, int64_t, const Matrix<const double>&, const Matrix<const double>&,
                           const Matrix<double>&, bool, std::span<const BatchOffset>, const RowOf<double>*);
template void gemm<Half>(int64_t, int64_t, int64_t, const Matrix<const Half>&, const Matrix<const Half>&,
                         const Matrix<Half>&, bool, std::span<const BatchOffset>, const RowOf<Half>*);
template void gemm<BFloat16>(int64_t, int64_t, int64_t, const Matrix<const BFloat16>&, const Matrix<const BFloat16>&,
                             const Matrix<BFloat16>&, bool, std::span<const BatchOffset>, const RowOf<BFloat16>*);

}  // namespace mote::cpu
