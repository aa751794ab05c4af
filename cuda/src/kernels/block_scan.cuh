// Running sums over the threads of a block: shuffles within warps, then over the sums of the warps.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace mote::cuda {

inline constexpr unsigned kAllLanes = 0xffffffffu;

// The sum of `value` over the lanes up to this one.
template <class T>
__device__ __forceinline__ T warp_inclusive_sum(T value) {
  const unsigned lane = threadIdx.x % 32;
#pragma unroll
  for (unsigned distance = 1; distance < 32; distance *= 2) {
    const T before = __shfl_up_sync(kAllLanes, value, distance);
    if (lane >= distance) value += before;
  }
  return value;
}

// The sum of `value` over the threads before this one, and in `total` over all. The block is one-dimensional, of whole
// warps; `warp_sums` is shared memory for 32 values, which may be used again right after.
template <class T>
__device__ T block_exclusive_sum(T value, T* warp_sums, T& total) {
  const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
  const T inclusive = warp_inclusive_sum(value);
  if (lane == 31) warp_sums[warp] = inclusive;
  __syncthreads();
  if (warp == 0) {
    const T sum = lane < warps ? warp_sums[lane] : T(0);
    const T running = warp_inclusive_sum(sum);
    if (lane < warps) warp_sums[lane] = running;
  }
  __syncthreads();
  total = warp_sums[warps - 1];
  const T before = warp > 0 ? warp_sums[warp - 1] : T(0);
  __syncthreads();
  return before + inclusive - value;
}

}  // namespace mote::cuda
