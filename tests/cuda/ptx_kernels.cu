#include "cuda/ptx_kernels.h"

#include "kernels/launch.h"
#include "kernels/ptx.h"

namespace mote::test {

namespace {

namespace ptx = mote::cuda::ptx;

template <class... P, class... A>
void one_warp(void (*kernel)(P...), const A&... arguments) {
  cuda::launch("ptx test", {dim3(1), dim3(32), 4096}, 0, kernel, arguments...);
}

__global__ void cp_async_kernel(const uint32_t* in, const uint32_t* bytes, uint32_t* out) {
  auto* const shared = cuda::dynamic_shared<uint32_t>();
  const unsigned lane = threadIdx.x;
  // Two groups; the first has landed when one may still be under way.
  ptx::cp_async(shared + 4 * lane, in + 4 * lane, bytes[lane]);
  ptx::cp_async_commit();
  ptx::cp_async(shared + 128 + 4 * lane, in + 128 + 4 * lane);
  ptx::cp_async_commit();
  ptx::cp_async_wait<1>();
  __syncwarp();
  for (unsigned i = lane; i < 128; i += 32) out[i] = shared[i];
  ptx::cp_async_wait<0>();
  __syncwarp();
  for (unsigned i = lane; i < 128; i += 32) out[128 + i] = shared[128 + i];
}

template <int kCount, bool kTransposed>
__global__ void ldmatrix_kernel(const uint16_t* in, uint32_t* out) {
  auto* const shared = cuda::dynamic_shared<uint16_t>();
  const unsigned lane = threadIdx.x;
  for (unsigned i = lane; i < 64 * kCount; i += 32) shared[i] = in[i];
  __syncwarp();
  uint32_t r[kCount];
  const uint16_t* const row = shared + lane % (8 * kCount) * 8;
  if constexpr (kTransposed)
    ptx::ldmatrix_trans(r, row);
  else
    ptx::ldmatrix(r, row);
  for (int i = 0; i < kCount; ++i) out[lane * kCount + i] = r[i];
}

template <class T>
__global__ void mma_kernel(const T* a, const T* b, float* d) {
  const unsigned g = threadIdx.x / 4, t = threadIdx.x % 4;
  const auto pair = [](T low, T high) { return low.bits | static_cast<uint32_t>(high.bits) << 16; };
  const auto left = [&](unsigned row, unsigned column) { return pair(a[row * 16 + column], a[row * 16 + column + 1]); };
  const auto right = [&](unsigned row) { return pair(b[row * 8 + g], b[(row + 1) * 8 + g]); };
  const uint32_t fragment[4] = {left(g, 2 * t), left(g + 8, 2 * t), left(g, 2 * t + 8), left(g + 8, 2 * t + 8)};
  float* const upper = d + g * 8 + 2 * t;
  float* const lower = upper + 64;
  float sums[4] = {upper[0], upper[1], lower[0], lower[1]};
  ptx::mma<T>(sums, fragment, right(2 * t), right(2 * t + 8));
  upper[0] = sums[0];
  upper[1] = sums[1];
  lower[0] = sums[2];
  lower[1] = sums[3];
}

template <class T>
__global__ void pack_kernel(const float* in, uint32_t* out) {
  out[threadIdx.x] = ptx::pack<T>(in[2 * threadIdx.x], in[2 * threadIdx.x + 1]);
}

__global__ void ex2_kernel(const float* in, float* out) { out[threadIdx.x] = ptx::ex2(in[threadIdx.x]); }

__global__ void load_here_kernel(const uint64_t* in, uint64_t* out) {
  out[threadIdx.x] = ptx::load_here(in + threadIdx.x);
}

}  // namespace

void run_cp_async(const uint32_t* in, const uint32_t* bytes, uint32_t* out) {
  one_warp(cp_async_kernel, in, bytes, out);
}

void run_ldmatrix(const uint16_t* in, int count, bool transposed, uint32_t* out) {
  if (count == 4)
    one_warp(transposed ? ldmatrix_kernel<4, true> : ldmatrix_kernel<4, false>, in, out);
  else
    one_warp(transposed ? ldmatrix_kernel<2, true> : ldmatrix_kernel<2, false>, in, out);
}

template <class T>
void run_mma(const T* a, const T* b, float* d) {
  one_warp(mma_kernel<T>, a, b, d);
}
template void run_mma<Half>(const Half*, const Half*, float*);
template void run_mma<BFloat16>(const BFloat16*, const BFloat16*, float*);

template <class T>
void run_pack(const float* in, uint32_t* out) {
  one_warp(pack_kernel<T>, in, out);
}
template void run_pack<Half>(const float*, uint32_t*);
template void run_pack<BFloat16>(const float*, uint32_t*);

void run_ex2(const float* in, float* out) { one_warp(ex2_kernel, in, out); }
void run_load_here(const uint64_t* in, uint64_t* out) { one_warp(load_here_kernel, in, out); }

}  // namespace mote::test
