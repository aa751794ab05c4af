// Running sums over the threads of a block, or of a group as block_reduce.cuh has it: shuffles within warps, then over
// the sums of the warps.
#pragma once

#include "kernels/block_reduce.cuh"

namespace mote::cuda {

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

// The sum of the values of all threads of the group before this one; *total becomes that of all. Every thread of the
// block calls it; `shared` as for group_reduce. T is a number of 4 or 8 bytes.
template <class T>
__device__ __forceinline__ T group_scan(T value, T* total, T* shared) {
  const int width = static_cast<int>(blockDim.x), of_warp = width < 32 ? width : 32;
  const int lane = static_cast<int>(threadIdx.x) % of_warp;
  T sum = value;
  for (int apart = 1; apart < of_warp; apart *= 2) {
    const T before = __shfl_up_sync(kAllLanes, sum, static_cast<unsigned>(apart), of_warp);
    if (lane >= apart) sum += before;
  }
  *total = __shfl_sync(kAllLanes, sum, of_warp - 1, of_warp);
  T before = __shfl_up_sync(kAllLanes, sum, 1u, of_warp);  // not sum - value, which is not exact
  if (lane == 0) before = 0;
  if (width <= 32) return before;
  const int warp = static_cast<int>(threadIdx.x) / 32, warps = width / 32;
  __syncthreads();  // `shared` may still be read for the value before
  if (lane == 0) shared[warp] = *total;
  __syncthreads();
  T of_warps = 0, all = 0;
  for (int w = 0; w < warps; ++w) {
    if (w == warp) of_warps = all;
    all += shared[w];
  }
  *total = all;
  return of_warps + before;
}

}  // namespace mote::cuda
