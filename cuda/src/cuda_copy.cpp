// Copies between the host and a CUDA device.
//
// From ordinary memory to the device they go through a ring of pinned memory and do not wait (staging_ring.h). To
// ordinary memory they wait. From and to pinned memory they wait unless the caller asks otherwise; then the block
// remembers the copy, so that it is not given to somebody else before its end.
#include "cuda_backend.h"
#include "cuda_check.h"
#include "cuda_device.h"
#include "index_errors.h"
#include "mote/recording.h"
#include "pinned_memory.h"
#include "staging_ring.h"

namespace mote {

namespace {

constexpr const char* kToDevice = "copy to cuda";
constexpr const char* kFromDevice = "copy from cuda";

void refuse_copy_in_graph() {
  refuse_to_record(kToDevice, "a replay would read the CPU's memory anew; copy before replay() into a tensor there");
}

// Puts the copy into this thread's stream, which it gives back.
cudaStream_t enqueue(const char* op, void* to, const void* from, size_t bytes, cudaMemcpyKind kind, int device) {
  auto* const stream = cuda::current_stream(device);
  cuda::check(cudaMemcpyAsync(to, from, bytes, kind, stream), op);
  return stream;
}

// After a copy that nobody waits for.
void finish(const char* op, cudaStream_t stream) {
  if (cuda::synchronizes_each_launch()) cuda::check(cudaStreamSynchronize(stream), op);
}

}  // namespace

void CudaBackend::copy_from_host(void* device_data, const void* host, size_t bytes, int device) {
  if (bytes == 0) return;
  refuse_copy_in_graph();
  const cuda::DeviceGuard guard(device);
  if (cuda::pinned_memory().owns(host))
    return cuda::check(
        cudaStreamSynchronize(enqueue(kToDevice, device_data, host, bytes, cudaMemcpyHostToDevice, device)), kToDevice);
  auto* const stream = cuda::current_stream(device);
  cuda::staging_ring(device).copy(device_data, host, bytes, stream);
  finish(kToDevice, stream);
}

void CudaBackend::copy_to_host(void* host, const void* device_data, size_t bytes, int device) {
  if (bytes == 0) return;
  refuse_host_read(kFromDevice, Device(DeviceType::CUDA, device));
  const cuda::DeviceGuard guard(device);
  cuda::check(cudaStreamSynchronize(enqueue(kFromDevice, host, device_data, bytes, cudaMemcpyDeviceToHost, device)),
              kFromDevice);
  cuda::raise_index_error(device);
}

bool CudaBackend::pins_memory() const { return true; }

void* CudaBackend::allocate_pinned(size_t bytes) { return cuda::pinned_memory().allocate(bytes); }
void CudaBackend::deallocate_pinned(void* data) noexcept { cuda::pinned_memory().deallocate(data); }

bool CudaBackend::is_pinned(const void* host) const {
  cudaPointerAttributes attributes{};
  cuda::check(cudaPointerGetAttributes(&attributes, host), "is_pinned");
  return attributes.type == cudaMemoryTypeHost;
}

void CudaBackend::copy_from_pinned(void* device_data, const void* pinned, size_t bytes, int device) {
  if (bytes == 0) return;
  refuse_copy_in_graph();
  const cuda::DeviceGuard guard(device);
  auto* const stream = enqueue(kToDevice, device_data, pinned, bytes, cudaMemcpyHostToDevice, device);
  cuda::pinned_memory().note_use(pinned, stream, device);
  finish(kToDevice, stream);
}

void CudaBackend::copy_to_pinned(void* pinned, const void* device_data, size_t bytes, int device) {
  if (bytes == 0) return;
  refuse_host_read(kFromDevice, Device(DeviceType::CUDA, device));
  const cuda::DeviceGuard guard(device);
  auto* const stream = enqueue(kFromDevice, pinned, device_data, bytes, cudaMemcpyDeviceToHost, device);
  cuda::pinned_memory().note_use(pinned, stream, device);
  finish(kFromDevice, stream);
}

}  // namespace mote
