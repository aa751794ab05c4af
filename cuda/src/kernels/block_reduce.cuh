// Combining one value of each thread: along the threads of a group, or down the columns of a block. Fixed trees, so
// that results have the same bits in every run. A block is blockDim.x threads wide: that is a group, a power of two.
#pragma once

#include <bit>

#include "kernels/launch.h"

namespace mote::cuda {

inline constexpr int kMaxWarps = 32;  // of a block

// The value of the lane whose number differs in the bits of `apart`.
template <class T>
__device__ __forceinline__ T exchange(T value, int apart) {
  static_assert(sizeof(T) % sizeof(uint32_t) == 0, "shuffled as 32-bit words");
  struct Words {
    uint32_t word[sizeof(T) / sizeof(uint32_t)];
  };
  Words words = std::bit_cast<Words>(value);
#pragma unroll
  for (uint32_t& word : words.word) word = __shfl_xor_sync(kAllLanes, word, apart);
  return std::bit_cast<T>(words);
}

// The values of all threads of a group, combined; each of them gets the result. Every thread of the block calls it.
// `shared` has kMaxWarps elements and serves groups of more than a warp, which fill their block alone.
template <class T, class Combine>
__device__ __forceinline__ T group_reduce(T value, const Combine& combine, T* shared) {
  const int width = static_cast<int>(blockDim.x);
  for (int apart = (width < 32 ? width : 32) / 2; apart > 0; apart /= 2) value = combine(value, exchange(value, apart));
  if (width <= 32) return value;
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32, warps = width / 32;
  __syncthreads();  // `shared` may still be read for the value before
  if (lane == 0) shared[warp] = value;
  __syncthreads();
  value = shared[lane % warps];
  for (int apart = warps / 2; apart > 0; apart /= 2) value = combine(value, exchange(value, apart));
  return value;
}

// The values of the threads of one threadIdx.x, combined for threadIdx.y = 0. Every thread of the block calls it;
// `shared` has an element for each of them. blockDim.y is a power of two.
template <class T, class Combine>
__device__ __forceinline__ T column_reduce(T value, const Combine& combine, T* shared) {
  T* const mine = shared + threadIdx.y * blockDim.x + threadIdx.x;
  __syncthreads();  // `shared` may still be read for the value before
  *mine = value;
  for (unsigned apart = blockDim.y / 2; apart > 0; apart /= 2) {
    __syncthreads();
    if (threadIdx.y < apart) *mine = value = combine(value, mine[apart * blockDim.x]);
  }
  return value;
}

struct Add {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a + b;
  }
};

// The greater of two numbers; a number beside a NaN.
struct Greater {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return ::max(a, b);
  }
};

}  // namespace mote::cuda
