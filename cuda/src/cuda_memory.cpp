// Memory of a CUDA device.
#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string_view>

#include "caching_allocator.h"
#include "cuda_backend.h"
#include "cuda_check.h"
#include "cuda_device.h"
#include "device_buffer.h"
#include "graph_recording.h"
#include "index_errors.h"
#include "mote/error.h"

namespace mote {

namespace cuda {

bool keeps_memory() {
  const char* value = std::getenv("MOTE_CUDA_CACHE");
  return value ? std::string_view(value) != "0" : !is_simulated();
}

namespace {

SegmentSource driver_memory(int device) {
  const auto allocate = [device](size_t bytes) -> void* {
    const DeviceGuard guard(device);
    void* memory = nullptr;
    const cudaError_t status = cudaMalloc(&memory, bytes);
    if (status == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      return nullptr;
    }
    check(status, "cudaMalloc");
    return memory;
  };
  const auto free = [device](void* memory) {
    const DeviceGuard guard(device);
    cudaFree(memory);
  };
  const auto describe = [device] {
    const DeviceGuard guard(device);
    size_t available = 0, total = 0;
    cudaMemGetInfo(&available, &total);
    return fmt::format("{:.2f} of its {:.2f} GiB are free", static_cast<double>(available) / (1 << 30),
                       static_cast<double>(total) / (1 << 30));
  };
  return {allocate, free, describe};
}

// The pool of the graph that this thread captures on the device; 0 where there is none.
int64_t recorded_pool(int device) {
  const GraphRecording* recording = graph_recording();
  return recording && recording->device().index() == device ? recording->pool() : 0;
}

}  // namespace

// Never destroyed: tensors of static lifetime are freed after any static of this file.
CachingAllocator& allocator_of(int device) {
  struct Slot {
    std::once_flag once;
    std::unique_ptr<CachingAllocator> allocator;
  };
  static auto* const slots = new std::array<Slot, kMaxDevices>;
  check_device(device);
  Slot& slot = (*slots)[static_cast<size_t>(device)];
  std::call_once(slot.once, [&] {
    slot.allocator =
        std::make_unique<CachingAllocator>(fmt::format("cuda:{}", device), driver_memory(device), keeps_memory());
  });
  return *slot.allocator;
}

void* allocate(size_t bytes, int device) {
  return allocator_of(device).allocate(bytes, current_stream(device), recorded_pool(device));
}

void deallocate(void* data, size_t, int device) noexcept {
  allocator_of(device).deallocate(data, recorded_pool(device));
}

MemoryStats memory_stats(int device) { return device_count() > 0 ? allocator_of(device).stats() : MemoryStats(); }

void reset_peak_memory_stats(int device) {
  if (device_count() > 0) allocator_of(device).reset_peak();
}

void empty_cache(int device) {
  if (device_count() > 0) allocator_of(device).empty_cache();
}

}  // namespace cuda

void* CudaBackend::allocate(size_t bytes, int device) { return cuda::allocate(bytes, device); }
void CudaBackend::deallocate(void* data, size_t bytes, int device) noexcept { cuda::deallocate(data, bytes, device); }

void CudaBackend::synchronize(int device) {
  refuse_to_record("synchronize", "captured work is not done before a replay");
  const cuda::DeviceGuard guard(device);
  cuda::check(cudaDeviceSynchronize(), "synchronize");
  cuda::raise_index_error(device);
}

void CudaBackend::raise_pending_errors(int device) {
  if (Recording::current()) return;
  const cuda::DeviceGuard guard(device);
  cuda::check(cudaStreamSynchronize(cuda::current_stream(device)), "synchronize");
  cuda::raise_index_error(device);
}

}  // namespace mote
