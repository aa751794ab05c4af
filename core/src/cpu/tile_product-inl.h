// Products of small matrices that lie in the first two caches, for kernels that keep their operands in tiles. A file
// includes this inside its own pass over the Highway targets.
#if defined(MOTE_CPU_TILE_PRODUCT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOTE_CPU_TILE_PRODUCT_INL_H_
#undef MOTE_CPU_TILE_PRODUCT_INL_H_
#else
#define MOTE_CPU_TILE_PRODUCT_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace mote::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// The left operand, read one element at a time: any strides, so that a transpose costs nothing.
template <class T>
struct Left {
  const T* data;
  int64_t row_stride;
  int64_t depth_stride;
};

// The right operand and the result, read in vectors along their rows.
template <class T>
struct Tile {
  T* data;
  int64_t stride;
};

// Rows and vectors of one block of the result: as many sums as fit into the registers beside a row of the right
// operand and one element of the left.
inline constexpr int kBlockRows = 6;
inline constexpr int kBlockVectors = HWY_TARGET <= HWY_AVX3 ? 4 : 2;

template <int kRows, int kVectors, class D, class T = hn::TFromD<D>>
HWY_INLINE void product_block(D d, int64_t depth, const Left<T>& a, const Tile<const T>& b, const Tile<T>& c,
                              bool accumulate) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  hn::Vec<D> sum[kRows][kVectors];
  HWY_UNROLL(6)
  for (int r = 0; r < kRows; ++r) HWY_UNROLL(4)
  for (int v = 0; v < kVectors; ++v)
    sum[r][v] = accumulate ? hn::LoadU(d, c.data + r * c.stride + v * lanes) : hn::Zero(d);
  const T* left = a.data;
  const T* right = b.data;
  for (int64_t k = 0; k < depth; ++k, left += a.depth_stride, right += b.stride) {
    hn::Vec<D> row[kVectors];
    HWY_UNROLL(4)
    for (int v = 0; v < kVectors; ++v) row[v] = hn::LoadU(d, right + v * lanes);
    HWY_UNROLL(6)
    for (int r = 0; r < kRows; ++r) {
      const auto element = hn::Set(d, left[r * a.row_stride]);
      HWY_UNROLL(4)
      for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::MulAdd(element, row[v], sum[r][v]);
    }
  }
  HWY_UNROLL(6)
  for (int r = 0; r < kRows; ++r) HWY_UNROLL(4)
  for (int v = 0; v < kVectors; ++v) hn::StoreU(sum[r][v], d, c.data + r * c.stride + v * lanes);
}

// All rows of kVectors vectors of columns.
template <int kVectors, class D, class T = hn::TFromD<D>>
HWY_INLINE void product_columns(D d, int64_t rows, int64_t depth, Left<T> a, const Tile<const T>& b, Tile<T> c,
                                bool accumulate) {
  for (; rows >= kBlockRows; rows -= kBlockRows) {
    product_block<kBlockRows, kVectors>(d, depth, a, b, c, accumulate);
    a.data += kBlockRows * a.row_stride;
    c.data += kBlockRows * c.stride;
  }
  static_assert(kBlockRows == 6);
  switch (rows) {
    case 1:
      return product_block<1, kVectors>(d, depth, a, b, c, accumulate);
    case 2:
      return product_block<2, kVectors>(d, depth, a, b, c, accumulate);
    case 3:
      return product_block<3, kVectors>(d, depth, a, b, c, accumulate);
    case 4:
      return product_block<4, kVectors>(d, depth, a, b, c, accumulate);
    case 5:
      return product_block<5, kVectors>(d, depth, a, b, c, accumulate);
    default:
      return;
  }
}

// c [rows, columns] = a [rows, depth] b [depth, columns] (+ c where accumulate). `columns` counts up to the next whole
// vector: b and c reach that far.
template <class T>
HWY_NOINLINE void tile_product(int64_t rows, int64_t columns, int64_t depth, const Left<T>& a, Tile<const T> b,
                               Tile<T> c, bool accumulate) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t column = 0; column < columns;) {
    const int64_t vectors = (columns - column + lanes - 1) / lanes;
    int64_t done = 1;
    if (kBlockVectors >= 4 && vectors >= 4) {
      product_columns<4>(d, rows, depth, a, b, c, accumulate);
      done = 4;
    } else if (vectors >= 2) {
      product_columns<2>(d, rows, depth, a, b, c, accumulate);
      done = 2;
    } else {
      product_columns<1>(d, rows, depth, a, b, c, accumulate);
    }
    column += done * lanes;
    b.data += done * lanes;
    c.data += done * lanes;
  }
}

}  // namespace mote::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
