#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/transpose_kernels.cpp"
#include <hwy/foreach_target.h>  // compiles this file once for each instruction set
//
#include <hwy/highway.h>

#include "cpu/transpose_kernels.h"

HWY_BEFORE_NAMESPACE();
namespace mote::cpu {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// A square that fits into vectors of 16 bytes.
template <class T>
using SquareTag = hn::FixedTag<T, 16 / sizeof(T)>;

HWY_INLINE void transpose_square(SquareTag<float> d, hn::Vec<SquareTag<float>> (&v)[4]) {
  const hn::RepartitionToWide<decltype(d)> pairs;
  const auto low01 = hn::BitCast(pairs, hn::InterleaveLower(d, v[0], v[1]));
  const auto low23 = hn::BitCast(pairs, hn::InterleaveLower(d, v[2], v[3]));
  const auto high01 = hn::BitCast(pairs, hn::InterleaveUpper(d, v[0], v[1]));
  const auto high23 = hn::BitCast(pairs, hn::InterleaveUpper(d, v[2], v[3]));
  v[0] = hn::BitCast(d, hn::InterleaveLower(pairs, low01, low23));
  v[1] = hn::BitCast(d, hn::InterleaveUpper(pairs, low01, low23));
  v[2] = hn::BitCast(d, hn::InterleaveLower(pairs, high01, high23));
  v[3] = hn::BitCast(d, hn::InterleaveUpper(pairs, high01, high23));
}

HWY_INLINE void transpose_square(SquareTag<double> d, hn::Vec<SquareTag<double>> (&v)[2]) {
  const auto low = hn::InterleaveLower(d, v[0], v[1]), high = hn::InterleaveUpper(d, v[0], v[1]);
  v[0] = low;
  v[1] = high;
}

// What the elements of `from` are multiplied by: one number, or one for each column.
template <class T>
struct OneFactor {
  T factor;
  HWY_INLINE hn::Vec<SquareTag<T>> vector(int64_t) const { return hn::Set(SquareTag<T>(), factor); }
  T at(int64_t) const { return factor; }
};
template <class T>
struct ColumnFactors {
  const T* factors;
  HWY_INLINE hn::Vec<SquareTag<T>> vector(int64_t column) const { return hn::LoadU(SquareTag<T>(), factors + column); }
  T at(int64_t column) const { return factors[column]; }
};

// to[j][i] = from[i][j] * factor of column j, by squares, and element by element along the edges.
template <class T, class Factors>
HWY_INLINE void transpose(const T* from, int64_t from_stride, int64_t rows, int64_t columns, const Factors& factors,
                          T* to, int64_t to_stride) {
  const SquareTag<T> d;
  constexpr int64_t kSide = 16 / sizeof(T);
  const int64_t whole_rows = rows / kSide * kSide, whole_columns = columns / kSide * kSide;
  for (int64_t i = 0; i < whole_rows; i += kSide)
    for (int64_t j = 0; j < whole_columns; j += kSide) {
      hn::Vec<SquareTag<T>> v[kSide];
      HWY_UNROLL(4)
      for (int64_t k = 0; k < kSide; ++k)
        v[k] = hn::Mul(hn::LoadU(d, from + (i + k) * from_stride + j), factors.vector(j));
      transpose_square(d, v);
      HWY_UNROLL(4)
      for (int64_t k = 0; k < kSide; ++k) hn::StoreU(v[k], d, to + (j + k) * to_stride + i);
    }
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = i < whole_rows ? whole_columns : 0; j < columns; ++j)
      to[j * to_stride + i] = from[i * from_stride + j] * factors.at(j);
}

void RowsToTileFloat(const float* from, int64_t from_stride, int64_t rows, int64_t columns, float factor, float* to) {
  transpose(from, from_stride, rows, columns, OneFactor<float>{factor}, to, kTile);
}
void RowsToTileDouble(const double* from, int64_t from_stride, int64_t rows, int64_t columns, double factor,
                      double* to) {
  transpose(from, from_stride, rows, columns, OneFactor<double>{factor}, to, kTile);
}
void TileToRowsFloat(const float* from, int64_t rows, int64_t columns, const float* factors, float* to,
                     int64_t to_stride) {
  transpose(from, kTile, columns, rows, ColumnFactors<float>{factors}, to, to_stride);
}
void TileToRowsDouble(const double* from, int64_t rows, int64_t columns, const double* factors, double* to,
                      int64_t to_stride) {
  transpose(from, kTile, columns, rows, ColumnFactors<double>{factors}, to, to_stride);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace mote::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mote::cpu {

HWY_EXPORT(RowsToTileFloat);
HWY_EXPORT(RowsToTileDouble);
HWY_EXPORT(TileToRowsFloat);
HWY_EXPORT(TileToRowsDouble);

void rows_to_tile(const float* from, int64_t from_stride, int64_t rows, int64_t columns, float factor, float* to) {
  HWY_DYNAMIC_DISPATCH(RowsToTileFloat)(from, from_stride, rows, columns, factor, to);
}
void rows_to_tile(const double* from, int64_t from_stride, int64_t rows, int64_t columns, double factor, double* to) {
  HWY_DYNAMIC_DISPATCH(RowsToTileDouble)(from, from_stride, rows, columns, factor, to);
}
void tile_to_rows(const float* from, int64_t rows, int64_t columns, const float* factors, float* to,
                  int64_t to_stride) {
  HWY_DYNAMIC_DISPATCH(TileToRowsFloat)(from, rows, columns, factors, to, to_stride);
}
void tile_to_rows(const double* from, int64_t rows, int64_t columns, const double* factors, double* to,
                  int64_t to_stride) {
  HWY_DYNAMIC_DISPATCH(TileToRowsDouble)(from, rows, columns, factors, to, to_stride);
}

}  // namespace mote::cpu
#endif
