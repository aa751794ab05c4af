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

// Products with one number, or with one for each column.
template <class T>
struct TimesOne {
  T factor;
  HWY_INLINE hn::Vec<SquareTag<T>> operator()(hn::Vec<SquareTag<T>> v, int64_t) const {
    return hn::Mul(v, hn::Set(SquareTag<T>(), factor));
  }
  T operator()(T x, int64_t) const { return x * factor; }
};
template <class T>
struct TimesColumns {
  const T* factors;
  HWY_INLINE hn::Vec<SquareTag<T>> operator()(hn::Vec<SquareTag<T>> v, int64_t column) const {
    return hn::Mul(v, hn::LoadU(SquareTag<T>(), factors + column));
  }
  T operator()(T x, int64_t column) const { return x * factors[column]; }
};

void RowsToTileFloat(const float* from, int64_t from_stride, int64_t rows, int64_t columns, float factor, float* to) {
  transpose(from, from_stride, rows, columns, TimesOne<float>{factor}, to, kTile);
}
void RowsToTileDouble(const double* from, int64_t from_stride, int64_t rows, int64_t columns, double factor,
                      double* to) {
  transpose(from, from_stride, rows, columns, TimesOne<double>{factor}, to, kTile);
}
void TileToRowsFloat(const float* from, int64_t rows, int64_t columns, const float* factors, float* to,
                     int64_t to_stride) {
  transpose(from, kTile, columns, rows, TimesColumns<float>{factors}, to, to_stride);
}
void TileToRowsDouble(const double* from, int64_t rows, int64_t columns, const double* factors, double* to,
                      int64_t to_stride) {
  transpose(from, kTile, columns, rows, TimesColumns<double>{factors}, to, to_stride);
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
