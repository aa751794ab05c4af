#include "cpu/attention_mask.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace mote::cpu {

namespace {

constexpr uint64_t kAll = ~uint64_t{0};

uint64_t low_bits(int64_t count) { return count >= 64 ? kAll : (uint64_t{1} << count) - 1; }

// Bits from `count` values, `stride` apart.
uint64_t pack_bits(const bool* values, int64_t count, int64_t stride) {
  if (stride == 0) return *values ? low_bits(count) : 0;
  uint64_t bits = 0;
  int64_t i = 0;
  if (stride == 1 && std::endian::native == std::endian::little)
    for (; i + 8 <= count; i += 8) {
      uint64_t bytes;
      std::memcpy(&bytes, values + i, 8);
      // Each byte is 0 or 1; the product gathers them, lowest address first, in its top byte.
      bits |= (bytes * 0x0102040810204080u >> 56) << i;
    }
  for (; i < count; ++i) bits |= uint64_t{values[i * stride]} << i;
  return bits;
}

// Exchanges rows and columns of a 64 x 64 matrix of bits, by halves (Warren, Hacker's Delight, 7-3).
void transpose_bits(uint64_t* rows) {
  uint64_t mask = 0x00000000ffffffffu;
  for (int half = 32; half != 0; half >>= 1, mask ^= mask << half)
    for (int i = 0; i < 64; i = ((i | half) + 1) & ~half) {
      const uint64_t swap = ((rows[i] >> half) ^ rows[i | half]) & mask;
      rows[i] ^= swap << half;
      rows[i | half] ^= swap;
    }
}

}  // namespace

TileClass HeadMask::classify(int64_t query, int64_t queries, int64_t key, int64_t keys, uint64_t* words) const {
  const bool cut = causal && key + keys - 1 > query;  // causality forbids something in this tile
  if (causal && key > query + queries - 1) return TileClass::Empty;
  if (!data && !cut) return TileClass::Full;
  const uint64_t every_query = low_bits(queries), every_key = low_bits(keys);
  if (data) {
    uint64_t any = 0, all = every_key;
    for (int64_t i = 0; i < queries; ++i) {
      words[i] = i > 0 && query_stride == 0
                     ? words[0]
                     : pack_bits(data + (query + i) * query_stride + key * key_stride, keys, key_stride);
      any |= words[i];
      all &= words[i];
    }
    if (any == 0) return TileClass::Empty;
    if (all == every_key && !cut) return TileClass::Full;
    std::fill(words + queries, words + kTile, 0);
    transpose_bits(words);
  } else {
    std::fill(words, words + kTile, every_query);
  }
  if (cut) {
    uint64_t any = 0;
    for (int64_t j = 0; j < keys; ++j) {
      const int64_t hidden = key + j - query;  // the queries before the key
      if (hidden > 0) words[j] &= hidden >= 64 ? 0 : kAll << hidden;
      any |= words[j];
    }
    if (any == 0) return TileClass::Empty;
  }
  return TileClass::Partial;
}

}  // namespace mote::cpu
