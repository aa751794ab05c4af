// Philox 4x32-10 (Salmon et al. 2011): random words as a pure function of a key and a counter, the same on every device
// and in any order. g++ and nvcc both compile this.
#pragma once

#include <cstdint>

#include "mote/host_device.h"

namespace mote {

struct PhiloxWords {
  uint32_t word[4];
};

inline constexpr int kPhiloxRounds = 10;
inline constexpr uint32_t kPhiloxFactor0 = 0xd2511f53, kPhiloxFactor1 = 0xcd9e8d57;

// The key of each round.
struct PhiloxKey {
  MOTE_HD explicit PhiloxKey(uint64_t key) : low(static_cast<uint32_t>(key)), high(static_cast<uint32_t>(key >> 32)) {}
  MOTE_HD void advance() {
    low += 0x9e3779b9u;
    high += 0xbb67ae85u;
  }

  uint32_t low, high;
};

MOTE_HD inline PhiloxWords philox4x32(uint64_t seed, uint64_t counter_low, uint64_t counter_high) {
  uint32_t c0 = static_cast<uint32_t>(counter_low), c1 = static_cast<uint32_t>(counter_low >> 32);
  uint32_t c2 = static_cast<uint32_t>(counter_high), c3 = static_cast<uint32_t>(counter_high >> 32);
  PhiloxKey key(seed);
  for (int round = 0; round < kPhiloxRounds; ++round, key.advance()) {
    const uint64_t a = uint64_t{kPhiloxFactor0} * c0, b = uint64_t{kPhiloxFactor1} * c2;
    c0 = static_cast<uint32_t>(b >> 32) ^ c1 ^ key.low;
    c2 = static_cast<uint32_t>(a >> 32) ^ c3 ^ key.high;
    c1 = static_cast<uint32_t>(b);
    c3 = static_cast<uint32_t>(a);
  }
  return {{c0, c1, c2, c3}};
}

// The dropout mask of attention. One call decides about the four keys from 4 * group on, for query `query` of head
// `head` (counted over the batch): weight 4 * group + i is kept where word[i] >= the threshold.
MOTE_HD inline PhiloxWords attention_dropout_words(uint64_t seed, int64_t head, int64_t query, int64_t group) {
  return philox4x32(seed, static_cast<uint64_t>(query) << 32 | static_cast<uint32_t>(group),
                    static_cast<uint64_t>(head));
}
// p * 2^32; p < 1.
MOTE_HD inline uint32_t attention_dropout_threshold(double p) { return static_cast<uint32_t>(p * 4294967296.0); }

}  // namespace mote
