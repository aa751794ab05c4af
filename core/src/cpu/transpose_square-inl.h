// Transposes matrices by squares of 16 bytes a side: one in each block of 16 bytes of the vectors.
#if defined(MOTE_CPU_TRANSPOSE_SQUARE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOTE_CPU_TRANSPOSE_SQUARE_INL_H_
#undef MOTE_CPU_TRANSPOSE_SQUARE_INL_H_
#else
#define MOTE_CPU_TRANSPOSE_SQUARE_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace mote::cpu {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

template <class T>
using SquareTag = hn::FixedTag<T, 16 / sizeof(T)>;

template <class D>
HWY_INLINE void transpose_square(D d, hn::Vec<D> (&v)[4]) {
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

template <class D>
HWY_INLINE void transpose_square(D d, hn::Vec<D> (&v)[2]) {
  const auto low = hn::InterleaveLower(d, v[0], v[1]), high = hn::InterleaveUpper(d, v[0], v[1]);
  v[0] = low;
  v[1] = high;
}

// Pairs of rows first; then two squares of four pairs each.
template <class D>
HWY_INLINE void transpose_square(D d, hn::Vec<D> (&v)[8]) {
  const hn::RepartitionToWide<D> pairs;
  hn::Vec<decltype(pairs)> low[4], high[4];
  for (int k = 0; k < 4; ++k) {
    low[k] = hn::BitCast(pairs, hn::InterleaveLower(d, v[2 * k], v[2 * k + 1]));
    high[k] = hn::BitCast(pairs, hn::InterleaveUpper(d, v[2 * k], v[2 * k + 1]));
  }
  transpose_square(pairs, low);
  transpose_square(pairs, high);
  for (int k = 0; k < 4; ++k) {
    v[k] = hn::BitCast(d, low[k]);
    v[4 + k] = hn::BitCast(d, high[k]);
  }
}

// How many rows are turned at once: a vector of a column's elements. Two squares; more would be more rows than the L1
// cache has places for where they lie a power of two apart.
#if HWY_CAP_GE256
inline constexpr int64_t kSquares = 2;
#else
inline constexpr int64_t kSquares = 1;
#endif
template <class T>
inline constexpr int64_t kRowsAtOnce = kSquares * 16 / static_cast<int64_t>(sizeof(T));

// to[j][i] = f(from[i][j], j) for kRowsAtOnce rows i and `columns` whole squares of columns j.
template <class T, class F>
HWY_INLINE void transpose_rows(const T* from, int64_t from_stride, int64_t columns, const F& f, T* to,
                               int64_t to_stride) {
  constexpr int64_t kSide = 16 / sizeof(T);
  const SquareTag<T> d;
  const hn::FixedTag<T, kRowsAtOnce<T>> wide;
  for (int64_t j = 0; j < columns; j += kSide) {
    hn::Vec<decltype(wide)> v[kSide];
    HWY_UNROLL(8)
    for (int64_t k = 0; k < kSide; ++k) {
      const T* const row = from + k * from_stride + j;
#if HWY_CAP_GE256
      v[k] = hn::Combine(wide, f(hn::LoadU(d, row + kSide * from_stride), j), f(hn::LoadU(d, row), j));
#else
      v[k] = f(hn::LoadU(d, row), j);
#endif
    }
    transpose_square(wide, v);
    HWY_UNROLL(8)
    for (int64_t k = 0; k < kSide; ++k) hn::StoreU(v[k], wide, to + (j + k) * to_stride);
  }
}

// to[j][i] = f(from[i][j], j), by squares, and element by element along the edges. f takes vectors, of columns from j
// on, and single elements.
template <class T, class F>
HWY_INLINE void transpose(const T* from, int64_t from_stride, int64_t rows, int64_t columns, const F& f, T* to,
                          int64_t to_stride) {
  constexpr int64_t kSide = 16 / sizeof(T), kRows = kRowsAtOnce<T>;
  const int64_t whole_rows = rows / kRows * kRows, whole_columns = columns / kSide * kSide;
  for (int64_t i = 0; i < whole_rows; i += kRows)
    transpose_rows(from + i * from_stride, from_stride, whole_columns, f, to + i, to_stride);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = i < whole_rows ? whole_columns : 0; j < columns; ++j)
      to[j * to_stride + i] = f(from[i * from_stride + j], j);
}

}  // namespace HWY_NAMESPACE
}  // namespace mote::cpu
HWY_AFTER_NAMESPACE();

#endif
