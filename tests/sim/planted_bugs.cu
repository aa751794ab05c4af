// Synchronisation bugs, each with its correct twin: template <bool correct>.
#include "sim/kernels.h"

namespace mote::test {

namespace {

template <bool correct>
__device__ void barrier_if() {
  if constexpr (correct) __syncthreads();
}

// Warp 0 writes, warp 3 reads: a barrier after the store is missing.
template <bool correct>
__global__ void low_to_high(float* out) {
  __shared__ float tile[32];
  if (threadIdx.x < 32) tile[threadIdx.x] = static_cast<float>(threadIdx.x + blockIdx.x);
  barrier_if<correct>();
  if (threadIdx.x >= 96)
    out[blockIdx.x * 32 + threadIdx.x - 96] =
        tile[threadIdx.x - 96] - static_cast<float>(threadIdx.x - 96 + blockIdx.x);
}

// The same the other way round.
template <bool correct>
__global__ void high_to_low(float* out) {
  __shared__ float tile[32];
  if (threadIdx.x >= 96) tile[threadIdx.x - 96] = static_cast<float>(threadIdx.x + blockIdx.x);
  barrier_if<correct>();
  if (threadIdx.x < 32)
    out[blockIdx.x * 32 + threadIdx.x] = tile[threadIdx.x] - static_cast<float>(threadIdx.x + 96 + blockIdx.x);
}

// The barrier before a tile is filled again is missing.
template <bool correct>
__global__ void buffer_reuse(float* out) {
  __shared__ float tile[128];
  float difference = 0.0f;
  for (int i = 0; i < 8; ++i) {
    tile[threadIdx.x] = static_cast<float>(i);
    __syncthreads();
    difference += tile[127 - threadIdx.x] - static_cast<float>(i);
    barrier_if<correct>();
  }
  out[blockIdx.x * 128 + threadIdx.x] = difference;
}

// Lanes exchange through shared memory without __syncwarp.
template <bool correct>
__global__ void warp_exchange(float* out) {
  __shared__ float tile[4][32];
  const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  float difference = 0.0f;
  for (unsigned i = 0; i < 4; ++i) {
    tile[warp][lane] = static_cast<float>(lane * i);
    if constexpr (correct) __syncwarp();
    difference += tile[warp][31 - lane] - static_cast<float>((31 - lane) * i);
    if constexpr (correct) __syncwarp();
  }
  out[blockIdx.x * 128 + threadIdx.x] = difference;
}

// A histogram without atomics loses updates on hardware; no schedule of whole statements shows it, the checker does.
template <bool correct>
__global__ void lost_update(float* out) {
  __shared__ int histogram[4];
  if (threadIdx.x < 4) histogram[threadIdx.x] = 0;
  __syncthreads();
  if constexpr (correct)
    atomicAdd(&histogram[threadIdx.x % 4], 1);
  else
    histogram[threadIdx.x % 4] = histogram[threadIdx.x % 4] + 1;
  __syncthreads();
  if (threadIdx.x < 4) out[blockIdx.x * 4 + threadIdx.x] = static_cast<float>(histogram[threadIdx.x] - 32);
}

// The last block adds up what all wrote; without a fence their writes may not have arrived.
template <bool correct>
__global__ void last_block(float* out, unsigned* finished) {
  __shared__ bool last;
  if (threadIdx.x == 0) {
    out[1 + blockIdx.x] = 0.0f;
    if constexpr (correct) __threadfence();
    const unsigned ticket = atomicAdd(finished, 1u);
    if constexpr (correct) __threadfence();
    last = ticket == gridDim.x - 1;
  }
  __syncthreads();
  if (!last || threadIdx.x != 0) return;
  float sum = 0.0f;
  for (unsigned i = 0; i < gridDim.x; ++i) sum += out[1 + i];
  out[0] = sum;
}

template <class Kernel>
cudaError_t start(const char* name, Kernel correct_one, Kernel wrong_one, bool correct, float* out) {
  return simt::launch_kernel(name, correct ? correct_one : wrong_one, 3, 128, 0, nullptr, out);
}

cudaError_t start_last_block(bool correct, float* out) {
  auto* finished = reinterpret_cast<unsigned*>(out) + 2048;
  if (const cudaError_t error = cudaMemset(finished, 0, sizeof *finished)) return error;
  return simt::launch_kernel("last_block", correct ? last_block<true> : last_block<false>, 8, 64, 0, nullptr, out,
                             finished);
}

}  // namespace

#define MOTE_PLANTED(kernel, floats)                                                                                 \
  {                                                                                                                  \
#kernel, [](bool correct, float* out) { return start(#kernel, kernel<true>, kernel<false>, correct, out); },     \
                                                                                                              floats \
  }
const PlantedBug planted_bugs[] = {
    MOTE_PLANTED(low_to_high, 96),    MOTE_PLANTED(high_to_low, 96), MOTE_PLANTED(buffer_reuse, 384),
    MOTE_PLANTED(warp_exchange, 384), MOTE_PLANTED(lost_update, 12), {"last_block", start_last_block, 1},
};
#undef MOTE_PLANTED
const int planted_bug_count = static_cast<int>(sizeof planted_bugs / sizeof *planted_bugs);

}  // namespace mote::test
