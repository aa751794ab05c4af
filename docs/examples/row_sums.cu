// A kernel for the page on the simulator, which steps through it in gdb (row_sums.gdb).
#include <cuda_runtime.h>

#include <cstdio>
#include <vector>

constexpr unsigned kRows = 3, kWidth = 64;

// sums[row] = the sum of row `row` of in [kRows, kWidth], for which there is a block of kWidth threads.
__global__ void row_sums(const int* in, int* sums) {
  __shared__ int warp_sums[kWidth / 32];
  int sum = in[blockIdx.x * kWidth + threadIdx.x];
  for (int apart = 16; apart > 0; apart /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, apart);
  if (threadIdx.x % 32 == 0) warp_sums[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x == 0) sums[blockIdx.x] = warp_sums[0] + warp_sums[1];
}

int main() {
  std::vector<int> rows(kRows * kWidth), sums(kRows);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<int>(i);
  void *in = nullptr, *out = nullptr;
  cudaMalloc(&in, rows.size() * sizeof(int));
  cudaMalloc(&out, sums.size() * sizeof(int));
  cudaMemcpy(in, rows.data(), rows.size() * sizeof(int), cudaMemcpyHostToDevice);
  simt::launch_kernel("row_sums", row_sums, kRows, kWidth, 0, nullptr, static_cast<const int*>(in),
                      static_cast<int*>(out));
  const cudaError_t status = cudaMemcpy(sums.data(), out, sums.size() * sizeof(int), cudaMemcpyDeviceToHost);
  std::printf("%s: %d %d %d\n", cudaGetErrorName(status), sums[0], sums[1], sums[2]);
  cudaFree(in);
  cudaFree(out);
  return status == cudaSuccess ? 0 : 1;
}
