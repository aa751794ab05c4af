// Transposes matrices by squares that fit into vectors of 16 bytes.
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

template <class T>
HWY_INLINE void transpose_square(SquareTag<T> d, hn::Vec<SquareTag<T>> (&v)[4]) {
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

template <class T>
HWY_INLINE void transpose_square(SquareTag<T> d, hn::Vec<SquareTag<T>> (&v)[2]) {
  const auto low = hn::InterleaveLower(d, v[0], v[1]), high = hn::InterleaveUpper(d, v[0], v[1]);
  v[0] = low;
  v[1] = high;
}

// Pairs of rows first; then two squares of four pairs each.
template <class T>
HWY_INLINE void transpose_square(SquareTag<T> d, hn::Vec<SquareTag<T>> (&v)[8]) {
  using Pair = hwy::MakeWide<T>;
  const SquareTag<Pair> pairs;
  hn::Vec<SquareTag<Pair>> low[4], high[4];
  for (int k = 0; k < 4; ++k) {
    low[k] = hn::BitCast(pairs, hn::InterleaveLower(d, v[2 * k], v[2 * k + 1]));
    high[k] = hn::BitCast(pairs, hn::InterleaveUpper(d, v[2 * k], v[2 * k + 1]));
  }
  transpose_square<Pair>(pairs, low);
  transpose_square<Pair>(pairs, high);
  for (int k = 0; k < 4; ++k) {
    v[k] = hn::BitCast(d, low[k]);
    v[4 + k] = hn::BitCast(d, high[k]);
  }
}

// to[j][i] = f(from[i][j], j), by squares, and element by element along the edges. f takes vectors, of columns from j
// on, and single elements.
template <class T, class F>
HWY_INLINE void transpose(const T* from, int64_t from_stride, int64_t rows, int64_t columns, const F& f, T* to,
                          int64_t to_stride) {
  const SquareTag<T> d;
  constexpr int64_t kSide = 16 / sizeof(T);
  const int64_t whole_rows = rows / kSide * kSide, whole_columns = columns / kSide * kSide;
  for (int64_t i = 0; i < whole_rows; i += kSide)
    for (int64_t j = 0; j < whole_columns; j += kSide) {
      hn::Vec<SquareTag<T>> v[kSide];
      HWY_UNROLL(8)
      for (int64_t k = 0; k < kSide; ++k) v[k] = f(hn::LoadU(d, from + (i + k) * from_stride + j), j);
      transpose_square<T>(d, v);
      HWY_UNROLL(8)
      for (int64_t k = 0; k < kSide; ++k) hn::StoreU(v[k], d, to + (j + k) * to_stride + i);
    }
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = i < whole_rows ? whole_columns : 0; j < columns; ++j)
      to[j * to_stride + i] = f(from[i * from_stride + j], j);
}

}  // namespace HWY_NAMESPACE
}  // namespace mote::cpu
HWY_AFTER_NAMESPACE();

#endif
