// Radix sort, least significant digit first (Knuth 1998, 5.2.5), 8 bits a pass. A row is cut into tiles of 2048 keys,
// one block each. A pass is three kernels:
//   count    how often each digit occurs in each tile
//   add_up   for each digit, the running sum of its counts over the tiles of the row, and its total
//   move     each key goes to: keys of the row with a smaller digit + keys with its digit in tiles before + its rank
//            among those of its tile. The rank comes from ballots: lanes of a warp find the others with their digit,
//            and warps keep their own counters, which are added up in the order of the tile. No atomics, so it is
//            stable.
// Bytes of a pass, for each key: its size three times and that of a position twice, and half a byte of counts.
#include "kernels/radix_sort.h"

#include <utility>

#include "device_buffer.h"
#include "kernels/block_scan.cuh"
#include "kernels/launch.h"

namespace mote::cuda {

namespace {

constexpr int kDigitBits = 8, kDigits = 1 << kDigitBits;
constexpr int kThreads = kDigits;  // a thread for each digit
constexpr int kWarps = kThreads / 32, kItems = 8;
constexpr int kTile = kThreads * kItems;

template <class Key>
__device__ __forceinline__ uint32_t digit_of(Key key, int shift) {
  return static_cast<uint32_t>(key >> shift) & (kDigits - 1);
}

// counts[row][digit][tile].
template <class Key>
__global__ void count_digits(const Key* keys, int64_t length, uint32_t tiles, int shift, uint32_t* counts) {
  __shared__ uint32_t found[kDigits];
  const int64_t row = blockIdx.x / tiles;
  const uint32_t tile = blockIdx.x % tiles;
  found[threadIdx.x] = 0;
  __syncthreads();
  for (int i = 0; i < kItems; ++i) {
    const int64_t at = int64_t{tile} * kTile + i * kThreads + threadIdx.x;
    if (at < length) atomicAdd(&found[digit_of(keys[row * length + at], shift)], 1u);
  }
  __syncthreads();
  counts[(row * kDigits + threadIdx.x) * tiles + tile] = found[threadIdx.x];
}

// Running sums over the tiles, and totals[row][digit]. One block for each row and digit.
__global__ void add_up_counts(uint32_t* counts, uint32_t tiles, uint32_t* totals) {
  __shared__ uint32_t warp_sums[32];
  uint32_t* const mine = counts + int64_t{blockIdx.x} * tiles;
  uint32_t running = 0;
  for (uint32_t first = 0; first < tiles; first += blockDim.x) {
    const uint32_t tile = first + threadIdx.x;
    const uint32_t count = tile < tiles ? mine[tile] : 0;
    uint32_t total = 0;
    const uint32_t before = block_exclusive_sum(count, warp_sums, total);
    if (tile < tiles) mine[tile] = running + before;
    running += total;
  }
  if (threadIdx.x == 0) totals[blockIdx.x] = running;
}

// The lanes whose digit is this lane's, of those that have one.
__device__ __forceinline__ uint32_t lanes_like_me(uint32_t digit, bool valid) {
  uint32_t like = __ballot_sync(kAllLanes, valid);
#pragma unroll
  for (int bit = 0; bit < kDigitBits; ++bit) {
    const bool is_set = digit >> bit & 1;
    const uint32_t with_bit = __ballot_sync(kAllLanes, is_set);
    like &= is_set ? with_bit : ~with_bit;
  }
  return like;
}

// A warp owns kItems * 32 neighbours of the tile. Gives each its rank among those of its digit in the warp, and leaves
// their numbers in `counts`.
template <class Key>
__device__ void rank_in_warp(const Key (&key)[kItems], const bool (&valid)[kItems], int shift, uint32_t* counts,
                             uint32_t (&rank)[kItems]) {
  const uint32_t lanes_below = (1u << threadIdx.x % 32) - 1;
#pragma unroll
  for (int i = 0; i < kItems; ++i) {
    const uint32_t digit = digit_of(key[i], shift), like = lanes_like_me(digit, valid[i]);
    const uint32_t before = counts[digit];
    rank[i] = before + static_cast<uint32_t>(__popc(like & lanes_below));
    __syncwarp();
    if (valid[i] && (like & lanes_below) == 0) counts[digit] = before + static_cast<uint32_t>(__popc(like));
    __syncwarp();
  }
}

// `positions` is null in the first pass, where each key still lies at its own.
template <class Key>
__global__ void move_by_digit(const Key* keys, const uint32_t* positions, int64_t length, uint32_t tiles, int shift,
                              const uint32_t* counts, const uint32_t* totals, Key* to_keys, uint32_t* to_positions) {
  __shared__ uint32_t starts[kWarps][kDigits];
  __shared__ uint32_t warp_sums[32];
  const int64_t row = blockIdx.x / tiles;
  const uint32_t tile = blockIdx.x % tiles, digit = threadIdx.x, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  for (int w = 0; w < kWarps; ++w) starts[w][digit] = 0;
  uint32_t total = 0;  // of the row
  const uint32_t smaller = block_exclusive_sum(totals[row * kDigits + digit], warp_sums, total);

  Key key[kItems];
  bool valid[kItems];
  uint32_t rank[kItems];
  const int64_t first = int64_t{tile} * kTile + warp * (kItems * 32) + lane;
#pragma unroll
  for (int i = 0; i < kItems; ++i) {
    valid[i] = first + i * 32 < length;
    key[i] = valid[i] ? keys[row * length + first + i * 32] : Key(0);
  }
  rank_in_warp(key, valid, shift, starts[warp], rank);
  __syncthreads();

  uint32_t next = smaller + counts[(row * kDigits + digit) * tiles + tile];
  for (int w = 0; w < kWarps; ++w) {
    const uint32_t count = starts[w][digit];
    starts[w][digit] = next;
    next += count;
  }
  __syncthreads();

#pragma unroll
  for (int i = 0; i < kItems; ++i) {
    if (!valid[i]) continue;
    const int64_t from = first + i * 32, to = row * length + starts[warp][digit_of(key[i], shift)] + rank[i];
    to_keys[to] = key[i];
    to_positions[to] = positions ? positions[row * length + from] : static_cast<uint32_t>(from);
  }
}

}  // namespace

template <class Key>
SortedPairs<Key> radix_sort(const char* op, SortedPairs<Key> in, SortedPairs<Key> scratch, int64_t rows, int64_t length,
                            int bits, int device) {
  const int64_t tiles = ceil_div(length, int64_t{kTile});
  const DeviceBuffer counts(static_cast<size_t>(rows * kDigits * tiles) * sizeof(uint32_t), device);
  const DeviceBuffer totals(static_cast<size_t>(rows * kDigits) * sizeof(uint32_t), device);
  const Launch by_tile{dim3(static_cast<unsigned>(rows * tiles)), dim3(kThreads)};
  const Launch by_digit{dim3(static_cast<unsigned>(rows * kDigits)), dim3(tiles <= 32 ? 32 : kThreads)};
  const auto tile_count = static_cast<uint32_t>(tiles);
  // At least one pass, which writes the positions.
  for (int shift = 0; shift == 0 || shift < bits; shift += kDigitBits) {
    launch(op, by_tile, device, count_digits<Key>, in.keys, length, tile_count, shift, counts.as<uint32_t>());
    launch(op, by_digit, device, add_up_counts, counts.as<uint32_t>(), tile_count, totals.as<uint32_t>());
    launch(op, by_tile, device, move_by_digit<Key>, in.keys, shift == 0 ? nullptr : in.positions, length, tile_count,
           shift, counts.as<uint32_t>(), totals.as<uint32_t>(), scratch.keys, scratch.positions);
    std::swap(in, scratch);
  }
  return in;
}

template SortedPairs<uint16_t> radix_sort(const char*, SortedPairs<uint16_t>, SortedPairs<uint16_t>, int64_t, int64_t,
                                          int, int);
template SortedPairs<uint32_t> radix_sort(const char*, SortedPairs<uint32_t>, SortedPairs<uint32_t>, int64_t, int64_t,
                                          int, int);
template SortedPairs<uint64_t> radix_sort(const char*, SortedPairs<uint64_t>, SortedPairs<uint64_t>, int64_t, int64_t,
                                          int, int);

}  // namespace mote::cuda
