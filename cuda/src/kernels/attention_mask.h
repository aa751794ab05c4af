// Which keys a query may look at, as the attention kernels read it. A boolean mask is packed once per call to 64-bit
// words, one for each query and 64 keys, with a class for each tile of 64 x 64: nobody visits an empty tile, and a full
// one needs no look at its words. Causality and the ends of the sequences are arithmetic and are never stored.
#pragma once

#include <cstdint>

#include "device_buffer.h"
#include "mote/backend.h"
#include "mote/host_device.h"

namespace mote::cuda {

inline constexpr int kMaskTile = 64;

enum class TileClass : uint8_t { Empty, Full, Partial };

// The lowest `count` bits; none for a negative count.
MOTE_HD inline uint64_t low_bits(int64_t count) {
  if (count <= 0) return 0;
  return count >= 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1;
}

// The mask of one head as a matrix of rows x columns: queries x keys, or keys x queries where keys_in_rows.
struct HeadMask {
  const uint64_t* words = nullptr;   // [rows][column tiles]: bit c % 64 of word c / 64; null where there is no mask
  const uint8_t* classes = nullptr;  // of type TileClass
  int64_t row_step = 0, column_step = 0;  // from one tile's class to the next
  int rows = 0, columns = 0;
  bool causal = false, keys_in_rows = false;

  // Of the tile of R rows from `row` on and C columns from `column` on. Rows past the end do not matter.
  template <int R, int C>
  MOTE_HD TileClass classify(int row, int column) const {
    bool cut = column + C > columns;
    if (causal) {
      const int first_key = keys_in_rows ? row : column, last_key = first_key + (keys_in_rows ? R : C) - 1;
      const int first_query = keys_in_rows ? column : row, last_query = first_query + (keys_in_rows ? C : R) - 1;
      if (first_key > last_query) return TileClass::Empty;
      cut = cut || last_key > first_query;
    }
    if (!words) return cut ? TileClass::Partial : TileClass::Full;
    bool empty = true, full = true;
    for (int r = row; r < row + R && r < rows; r += kMaskTile)
      for (int c = column; c < column + C && c < columns; c += kMaskTile) {
        const auto tile = static_cast<TileClass>(classes[r / kMaskTile * row_step + c / kMaskTile * column_step]);
        empty = empty && tile == TileClass::Empty;
        full = full && tile == TileClass::Full;
      }
    if (empty) return TileClass::Empty;
    return full && !cut ? TileClass::Full : TileClass::Partial;
  }

  // Bit i says whether `row` and column + i may meet; for up to 64 columns that lie in one tile of the mask.
  MOTE_HD uint64_t bits(int row, int column) const {
    if (row >= rows) return 0;
    uint64_t seen = low_bits(int64_t{columns} - column);
    if (causal) seen &= keys_in_rows ? ~low_bits(int64_t{row} - column) : low_bits(int64_t{row} + 1 - column);
    if (words) {
      const int64_t column_tiles = (columns + kMaskTile - 1) / kMaskTile;
      seen &= words[row * column_tiles + column / kMaskTile] >> (column % kMaskTile);
    }
    return seen;
  }

  // The columns that causality leaves to the R rows from `row` on: from a multiple of C to an end.
  template <int C>
  MOTE_HD int begin(int row) const {
    return causal && keys_in_rows ? row / C * C : 0;
  }
  template <int R>
  MOTE_HD int end(int row) const {
    return causal && !keys_in_rows && row < columns - R ? row + R : columns;
  }

  // A tile of a walk over the columns.
  struct Step {
    int column;
    TileClass kind;
  };

  // The first tile, from `column` on in steps of C, that is not empty; its column is not before `end` if there is none.
  template <int R, int C>
  MOTE_HD Step next(int row, int column, int end) const {
    TileClass kind = TileClass::Empty;
    for (; column < end; column += C) {
      kind = classify<R, C>(row, column);
      if (kind != TileClass::Empty) break;
    }
    return {column, kind};
  }

  // Whether causality hides all of R rows from `row` on and C columns, where a larger tile has been found not empty.
  template <int R, int C>
  MOTE_HD bool is_beyond(int row, int column) const {
    return causal && (keys_in_rows ? row > column + C - 1 : column > row + R - 1);
  }
};

// The masks of all heads.
struct AttentionMask {
  HeadMask first;                           // of head 0 of sample 0
  int64_t batch_words = 0, head_words = 0;  // from one sample's words to the next, and from one head's
  int64_t batch_classes = 0, head_classes = 0;

  MOTE_HD HeadMask head(int64_t sample, int64_t head) const {
    HeadMask mask = first;
    if (!mask.words) return mask;
    mask.words += sample * batch_words + head * head_words;
    mask.classes += sample * batch_classes + head * head_classes;
    return mask;
  }
};

// Packs the mask of a call, once for all heads and samples that share it.
class PackedMask {
 public:
  // `with_keys_in_rows`: for by_keys() too.
  PackedMask(const char* op, const AttentionArgs& args, bool with_keys_in_rows);
  AttentionMask by_queries() const { return mask(false); }
  AttentionMask by_keys() const { return mask(true); }

 private:
  AttentionMask mask(bool keys_in_rows) const;

  int64_t queries_, keys_;
  bool causal_;
  int64_t samples_ = 0, heads_ = 0;  // that have masks of their own
  DeviceBuffer words_, words_by_key_, classes_;
};

}  // namespace mote::cuda
