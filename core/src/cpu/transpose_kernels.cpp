#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/transpose_kernels.cpp"
#include <hwy/foreach_target.h>  // compiles this file once for each instruction set
//
#include <hwy/highway.h>

#include "cpu/transpose_kernels.h"
#include "cpu/transpose_square-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mote::cpu {
namespace HWY_NAMESPACE {
namespace {

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
      transpose_square<T>(d, v);
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
