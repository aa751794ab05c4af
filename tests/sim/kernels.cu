#include "sim/kernels.h"

namespace mote::test {

namespace {

constexpr int kThreads = 64;

__global__ void reverse_kernel(const int* in, int* out, int count) {
  __shared__ int tile[kThreads];
  const int i = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x);
  if (i < count) tile[threadIdx.x] = in[i];
  __syncthreads();
  if (i < count) out[i] = tile[kThreads - 1 - threadIdx.x];
}

__global__ void warp_sums_kernel(const int* in, int* out) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  int sum = in[i];
  for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, offset);
  if (threadIdx.x % 32 == 0) out[i / 32] = sum;
}

__global__ void votes_kernel(unsigned* out) {
  const unsigned lane = threadIdx.x;
  const unsigned ballot = __ballot_sync(0xffffffffu, lane % 3 == 0);
  const int any = __any_sync(0xffffffffu, lane == 5), all = __all_sync(0xffffffffu, lane < 31);
  const unsigned sum = __reduce_add_sync(0xffffffffu, lane);
  const int most = __reduce_max_sync(0xffffffffu, static_cast<int>(lane) - 40);
  const unsigned up = __shfl_up_sync(0xffffffffu, lane, 1), down = __shfl_down_sync(0xffffffffu, lane, 2);
  const int counted = __syncthreads_count(lane < 7);
  if (lane == 1) {
    const unsigned results[] = {ballot, static_cast<unsigned>(any),    static_cast<unsigned>(all),
                                sum,    static_cast<unsigned>(most),   up,
                                down,   static_cast<unsigned>(counted)};
    for (int i = 0; i < 8; ++i) out[i] = results[i];
  }
}

__global__ void count_kernel(unsigned* counter) { atomicAdd(counter, 1u); }

__global__ void async_copy_kernel(const float* in, float* out, bool wait) {
  auto* tile = reinterpret_cast<float*>(simt::self.shared);
  const unsigned i = threadIdx.x * 4;
  simt::async_copy(tile + i, in + i, 16, 16, nullptr);
  simt::async_commit();
  if (wait) simt::async_wait(0);
  __syncwarp();
  for (unsigned k = 0; k < 4; ++k) out[i + k] = tile[i + k];
  if (!wait) simt::async_wait(0);
}

__global__ void past_the_end_kernel(float* out, int count) {
  if (static_cast<int>(threadIdx.x) <= count) out[threadIdx.x] = 0.0f;
}

__global__ void divergent_barrier_kernel(int* out) {
  if (threadIdx.x < 32)
    __syncthreads();
  else
    __syncthreads();
  out[threadIdx.x] = 0;
}

__global__ void deadlock_kernel(int* out) {
  if (threadIdx.x < 16) out[threadIdx.x] = __shfl_sync(0xffffffffu, 1, 0);
  if (threadIdx.x >= 16) __syncthreads();
}

__global__ void fill_shared_kernel(float* out, unsigned floats) {
  auto* tile = reinterpret_cast<float*>(simt::self.shared);
  for (unsigned i = threadIdx.x; i < floats; i += blockDim.x) tile[i] = 1.0f;
  __syncthreads();
  if (threadIdx.x == 0) out[0] = tile[floats - 1];
}

template <class... P, class... A>
cudaError_t start(const char* name, void (*kernel)(P...), dim3 grid, dim3 block, size_t shared_bytes, A... arguments) {
  return simt::launch_kernel(name, kernel, grid, block, shared_bytes, nullptr, arguments...);
}

}  // namespace

cudaError_t launch_reverse(const int* in, int* out, int count) {
  return start("reverse", reverse_kernel, static_cast<unsigned>((count + kThreads - 1) / kThreads), kThreads, 0, in,
               out, count);
}
cudaError_t launch_warp_sums(const int* in, int* out, int count) {
  return start("warp_sums", warp_sums_kernel, static_cast<unsigned>(count / 128), 128, 0, in, out);
}
cudaError_t launch_votes(unsigned* out) { return start("votes", votes_kernel, 1, 32, 0, out); }
cudaError_t launch_count(unsigned* counter, unsigned blocks) {
  return start("count", count_kernel, blocks, 96, 0, counter);
}
cudaError_t launch_async_copy(const float* in, float* out, bool wait) {
  return start("async_copy", async_copy_kernel, 1, 32, 512, in, out, wait);
}
cudaError_t launch_past_the_end(float* out, int count) {
  return start("past_the_end", past_the_end_kernel, 1, 128, 0, out, count);
}
cudaError_t launch_divergent_barrier(int* out) {
  return start("divergent_barrier", divergent_barrier_kernel, 1, 64, 0, out);
}
cudaError_t launch_deadlock(int* out) { return start("deadlock", deadlock_kernel, 1, 32, 0, out); }
cudaError_t launch_fill_shared(float* out, size_t shared_bytes) {
  return start("fill_shared", fill_shared_kernel, 1, 128, shared_bytes, out, static_cast<unsigned>(shared_bytes / 4));
}

}  // namespace mote::test
