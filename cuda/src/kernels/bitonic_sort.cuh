// Bitonic sort (Batcher 1968) of pairs of key and position in shared memory. No two pairs are equal, so that the order
// is that of a stable sort.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <type_traits>
#include <utility>

namespace mote::cuda {

// Pairs in shared memory, ordered by key, then by position.
template <class Key>
class SharedPairs {
 public:
  // In one word where the key leaves room for the position.
  static constexpr bool kOneWord = sizeof(Key) <= 4;
  static constexpr size_t kBytes = kOneWord ? 8 : 12;  // of a pair

  // `memory` is 8-byte aligned.
  __device__ SharedPairs(unsigned char* memory, int count)
      : words_(reinterpret_cast<uint64_t*>(memory)), positions_(reinterpret_cast<uint32_t*>(words_ + count)) {}

  __device__ void set(int i, Key key, uint32_t position) const {
    if constexpr (kOneWord) {
      words_[i] = static_cast<uint64_t>(key) << 32 | position;
    } else {
      words_[i] = key;
      positions_[i] = position;
    }
  }
  __device__ uint32_t position(int i) const {
    if constexpr (kOneWord) return static_cast<uint32_t>(words_[i]);
    return positions_[i];
  }
  // Puts the pairs i and j into ascending or descending order.
  __device__ void order(int i, int j, bool ascending) const {
    const uint64_t a = words_[i], b = words_[j];
    bool greater = a > b;
    if constexpr (!kOneWord)
      if (a == b) greater = positions_[i] > positions_[j];
    if (greater != ascending) return;
    words_[i] = b;
    words_[j] = a;
    if constexpr (!kOneWord) {
      const uint32_t position = positions_[i];
      positions_[i] = positions_[j];
      positions_[j] = position;
    }
  }

 private:
  uint64_t* words_;
  uint32_t* positions_;
};

// Sorts each run of `length` pairs among the first `count`; both are powers of two, and the block is one-dimensional,
// of whole warps. Begins and ends with a barrier.
template <class Key>
__device__ void bitonic_sort(const SharedPairs<Key>& pairs, int count, int length) {
  __syncthreads();
  for (int size = 2; size <= length; size *= 2)
    for (int distance = size / 2; distance > 0; distance /= 2) {
      for (int t = static_cast<int>(threadIdx.x); t < count / 2; t += static_cast<int>(blockDim.x)) {
        const int i = 2 * t - (t & (distance - 1));
        pairs.order(i, i + distance, (i & (length - 1) & size) == 0);
      }
      // A warp has 64 neighbours for itself while the distance stays below 64.
      if (distance > 32 || (distance == 1 && size > 32))
        __syncthreads();
      else
        __syncwarp();
    }
  __syncthreads();
}

}  // namespace mote::cuda
