// What a tile of an attention mask looks like: tiles that are all true or all false take shorter ways.
#pragma once

#include <cstdint>

namespace mote::cpu {

inline constexpr int64_t kTile = 64;  // queries, and keys, of a tile

enum class TileClass : uint8_t { Empty, Full, Partial };

// Which keys the queries of one head may look at.
struct HeadMask {
  const bool* data = nullptr;  // [queries, keys] by strides; null for every key
  int64_t query_stride = 0;
  int64_t key_stride = 0;
  bool causal = false;  // and only keys up to the query's own position

  // The tile of `queries` x `keys` from (query, key) on. For a Partial one, bit i of words[j] says whether query i may
  // look at key j.
  TileClass classify(int64_t query, int64_t queries, int64_t key, int64_t keys, uint64_t* words) const;
  // The end of the keys that some of the queries before `query_end` may look at, by causality alone.
  int64_t key_end(int64_t query_end, int64_t keys) const { return causal && query_end < keys ? query_end : keys; }
  // The start of the queries that may look at some key from `key` on, by causality alone.
  int64_t query_begin(int64_t key) const { return causal ? key : 0; }
};

}  // namespace mote::cpu
