// Memory of a CUDA device, and copies between it and the host.
#include <fmt/format.h>

#include "cuda_backend.h"
#include "cuda_check.h"
#include "cuda_device.h"
#include "device_buffer.h"
#include "mote/error.h"

namespace mote {

namespace cuda {

void* allocate(size_t bytes, int device) {
  const DeviceGuard guard(device);
  void* memory = nullptr;
  const cudaError_t status = cudaMalloc(&memory, bytes);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    throw OutOfMemoryError(fmt::format("cuda:{} has no room for {} bytes", device, bytes));
  }
  check(status, "cudaMalloc");
  return memory;
}

void deallocate(void* data, size_t, int device) noexcept {
  try {
    const DeviceGuard guard(device);
    cudaFree(data);
  } catch (...) {  // the device is lost, and its memory with it
  }
}

}  // namespace cuda

void* CudaBackend::allocate(size_t bytes, int device) { return cuda::allocate(bytes, device); }
void CudaBackend::deallocate(void* data, size_t bytes, int device) noexcept { cuda::deallocate(data, bytes, device); }

void CudaBackend::copy_from_host(void* device_data, const void* host, size_t bytes, int device) {
  if (bytes == 0) return;
  const cuda::DeviceGuard guard(device);
  const cudaStream_t stream = cuda::current_stream(device);
  cuda::check(cudaMemcpyAsync(device_data, host, bytes, cudaMemcpyHostToDevice, stream), "copy to cuda");
  cuda::check(cudaStreamSynchronize(stream), "copy to cuda");
}

void CudaBackend::copy_to_host(void* host, const void* device_data, size_t bytes, int device) {
  if (bytes == 0) return;
  const cuda::DeviceGuard guard(device);
  const cudaStream_t stream = cuda::current_stream(device);
  cuda::check(cudaMemcpyAsync(host, device_data, bytes, cudaMemcpyDeviceToHost, stream), "copy from cuda");
  cuda::check(cudaStreamSynchronize(stream), "copy from cuda");
}

void CudaBackend::synchronize(int device) {
  const cuda::DeviceGuard guard(device);
  cuda::check(cudaDeviceSynchronize(), "synchronize");
}

}  // namespace mote
