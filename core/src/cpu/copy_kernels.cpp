#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/copy_kernels.cpp"
#include <hwy/foreach_target.h>  // compiles this file once for each instruction set
//
#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstring>

#include "cpu/copy_kernels.h"
#include "cpu/transpose_square-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mote::cpu {
namespace HWY_NAMESPACE {
namespace {

struct Unchanged {
  template <class V>
  HWY_INLINE V operator()(V v, int64_t) const {
    return v;
  }
};

HWY_INLINE void stream_bytes(void* to, const void* from, size_t bytes) {
  const hn::ScalableTag<uint8_t> d;
  const size_t lanes = hn::Lanes(d);
  auto* target = static_cast<uint8_t*>(to);
  const auto* source = static_cast<const uint8_t*>(from);
  const size_t head = std::min(bytes, (lanes - reinterpret_cast<uintptr_t>(target) % lanes) % lanes);
  std::memcpy(target, source, head);
  size_t i = head;
  for (; i + lanes <= bytes; i += lanes) hn::Stream(hn::LoadU(d, source + i), d, target + i);
  std::memcpy(target + i, source + i, bytes - i);
}

void StreamCopy(void* to, const void* from, size_t bytes) { stream_bytes(to, from, bytes); }

// Rows that lie far apart are not foreseen by the CPU: those of the next tile are brought into the L2 cache while this
// one is being turned, a few at a time, because few lines can be on their way from one core at once.
template <class T>
HWY_INLINE void prefetch_rows(const T* from, int64_t stride, int64_t rows, int64_t columns) {
  constexpr int64_t kLine = 64 / sizeof(T);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; j += kLine) __builtin_prefetch(from + i * stride + j, 0, 2);
}

#if HWY_TARGET <= HWY_AVX3
template <class T>
using LineTag = hn::FixedTag<T, 64 / sizeof(T)>;

// A square of a line of the cache a side, within the registers: first squares of a block of 16 bytes, then the blocks.
template <class T>
HWY_INLINE void stream_square(const T* from, int64_t from_stride, T* to, int64_t to_stride) {
  const LineTag<T> d;
  constexpr int64_t kLine = 64 / sizeof(T), kSide = 16 / sizeof(T);
  hn::Vec<LineTag<T>> rows[4][kSide];
  HWY_UNROLL(4)
  for (int64_t q = 0; q < 4; ++q) {
    HWY_UNROLL(4)
    for (int64_t k = 0; k < kSide; ++k) rows[q][k] = hn::LoadU(d, from + (q * kSide + k) * from_stride);
    transpose_square(d, rows[q]);
  }
  HWY_UNROLL(4)
  for (int64_t k = 0; k < kSide; ++k) {
    for (int64_t half = 0; half < 2; ++half) {
      const auto even =
          half == 0 ? hn::ConcatLowerLower(d, rows[2][k], rows[0][k]) : hn::ConcatUpperUpper(d, rows[2][k], rows[0][k]);
      const auto odd =
          half == 0 ? hn::ConcatLowerLower(d, rows[3][k], rows[1][k]) : hn::ConcatUpperUpper(d, rows[3][k], rows[1][k]);
      T* const line = to + (half * kLine / 2 + k) * to_stride;
      hn::Stream(hn::OddEvenBlocks(hn::SwapAdjacentBlocks(odd), even), d, line);
      hn::Stream(hn::OddEvenBlocks(odd, hn::SwapAdjacentBlocks(even)), d, line + kSide * to_stride);
    }
  }
}

// Reading and writing go on at the same time, which they do not with a buffer between them.
template <class T>
HWY_INLINE bool stream_squares(const Tile<T>& tile) {
  constexpr int64_t kLine = 64 / sizeof(T), kRowsOfSquare = kLine * kLine / kTileColumns<T>;
  if (!tile.streamed || tile.rows % kLine != 0 || tile.columns % kLine != 0) return false;
  int64_t next = 0;
  for (int64_t j = 0; j < tile.columns; j += kLine)
    for (int64_t i = 0; i < tile.rows; i += kLine, next += kRowsOfSquare) {
      if (tile.next)
        prefetch_rows(tile.next + next * tile.from_stride, tile.from_stride, kRowsOfSquare, kTileColumns<T>);
      stream_square(tile.from + i * tile.from_stride + j, tile.from_stride, tile.to + j * tile.to_stride + i,
                    tile.to_stride);
    }
  return true;
}
#endif

// The turning happens in a buffer that stays in the L1 cache, so that both sides touch whole cache lines.
template <class T>
HWY_INLINE void turn_tile(const Tile<T>& tile) {
#if HWY_TARGET <= HWY_AVX3
  if constexpr (sizeof(T) >= 4)
    if (stream_squares(tile)) return;
#endif
  constexpr int64_t kRows = kTileRows<T>, kBand = kRowsAtOnce<T>;
  alignas(64) T buffer[kTileColumns<T> * kRows];
  for (int64_t i = 0; i < tile.rows; i += kBand) {
    const int64_t band = std::min(kBand, tile.rows - i);
    if (tile.next) prefetch_rows(tile.next + i * tile.from_stride, tile.from_stride, band, kTileColumns<T>);
    transpose(tile.from + i * tile.from_stride, tile.from_stride, band, tile.columns, Unchanged(), buffer + i, kRows);
  }
  const size_t bytes = static_cast<size_t>(tile.rows) * sizeof(T);
  for (int64_t j = 0; j < tile.columns; ++j) {
    if (tile.streamed)
      stream_bytes(tile.to + j * tile.to_stride, buffer + j * kRows, bytes);
    else
      std::memcpy(tile.to + j * tile.to_stride, buffer + j * kRows, bytes);
  }
}

void Turn16(const Tile<uint16_t>& tile) { turn_tile(tile); }
void Turn32(const Tile<uint32_t>& tile) { turn_tile(tile); }
void Turn64(const Tile<uint64_t>& tile) { turn_tile(tile); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace mote::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mote::cpu {

HWY_EXPORT(Turn16);
HWY_EXPORT(Turn32);
HWY_EXPORT(Turn64);
HWY_EXPORT(StreamCopy);

void copy_turned(const Tile<uint16_t>& tile) { HWY_DYNAMIC_DISPATCH(Turn16)(tile); }
void copy_turned(const Tile<uint32_t>& tile) { HWY_DYNAMIC_DISPATCH(Turn32)(tile); }
void copy_turned(const Tile<uint64_t>& tile) { HWY_DYNAMIC_DISPATCH(Turn64)(tile); }

// By squares that are read and written a line at a time, and lie dense in between.
void copy_turned(const Tile<uint8_t>& tile) {
  constexpr int64_t kSide = 64;
  uint8_t square[kSide * kSide];
  for (int64_t i = 0; i < tile.rows; i += kSide)
    for (int64_t j = 0; j < tile.columns; j += kSide) {
      const int64_t rows = std::min(kSide, tile.rows - i), columns = std::min(kSide, tile.columns - j);
      for (int64_t r = 0; r < rows; ++r)
        std::memcpy(square + r * kSide, tile.from + (i + r) * tile.from_stride + j, static_cast<size_t>(columns));
      for (int64_t c = 0; c < columns; ++c)
        for (int64_t r = 0; r < rows; ++r) tile.to[(j + c) * tile.to_stride + i + r] = square[r * kSide + c];
    }
}

void stream_copy(void* to, const void* from, size_t bytes) { HWY_DYNAMIC_DISPATCH(StreamCopy)(to, from, bytes); }

}  // namespace mote::cpu
#endif
