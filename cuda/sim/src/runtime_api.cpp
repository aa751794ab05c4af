// The rest of the runtime API: devices, memory, copies, launches.
#include "simt/runtime_api.h"

#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "block.h"
#include "checker.h"
#include "device_memory.h"
#include "report.h"
#include "simt/graph_api.h"
#include "stream.h"

namespace simt {

namespace {

constexpr size_t kStaticShared = 48 * 1024;

size_t shared_limit() {
  const int capability = config().compute_capability;
  const bool small = capability < 80 || capability == 86 || capability == 89;
  return (capability >= 90 ? 227 : (small ? 99 : 163)) * size_t{1024};
}

// Kernels that asked for more than 48 KiB of dynamic shared memory, and how much.
struct SharedLimits {
  std::mutex mutex;
  std::unordered_map<const void*, int> of_kernel;

  size_t find(const void* kernel) {
    const std::lock_guard lock(mutex);
    const auto found = of_kernel.find(kernel);
    return found == of_kernel.end() ? kStaticShared : static_cast<size_t>(found->second);
  }
};

SharedLimits& shared_limits() {
  static SharedLimits* limits = new SharedLimits;
  return *limits;
}

// Why a launch cannot be, or null.
const char* launch_fault(const LaunchInfo& info) {
  const dim3 g = info.grid, b = info.block;
  const uint64_t threads = uint64_t{b.x} * b.y * b.z;
  if (threads == 0 || threads > kMaxThreads || b.z > 64)
    return "a block has 1 to 1024 threads, at most 64 of them along z";
  if (!g.x || !g.y || !g.z || g.x > 0x7fffffffu || g.y > 65535 || g.z > 65535)
    return "a grid has at least one block and at most 65535 along y and z";
  if (info.shared_bytes > shared_limit()) return "dynamic shared memory exceeds the device's limit";
  if (info.shared_bytes > shared_limits().find(info.kernel))
    return "more than 48 KiB of dynamic shared memory without cudaFuncSetAttribute";
  return nullptr;
}

int copy_now(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  const bool to_device = in_device_memory(to), from_device = in_device_memory(from);
  const cudaMemcpyKind actual = to_device ? (from_device ? cudaMemcpyDeviceToDevice : cudaMemcpyHostToDevice)
                                          : (from_device ? cudaMemcpyDeviceToHost : cudaMemcpyHostToHost);
  if (kind != cudaMemcpyDefault && kind != actual) {
    report("cudaMemcpy: the direction does not fit the pointers");
    return cudaErrorInvalidMemcpyDirection;
  }
  if ((to_device && !device_range_ok(to, bytes)) || (from_device && !device_range_ok(from, bytes))) {
    report("cudaMemcpy: " + std::to_string(bytes) + " bytes do not lie inside one device allocation");
    return cudaErrorInvalidValue;
  }
  const OpenDeviceMemory open;
  std::memmove(to, from, bytes);
  if (to_device) checker_host_write(to, bytes);
  return cudaSuccess;
}

int set_now(void* memory, int value, size_t bytes) {
  if (!device_range_ok(memory, bytes)) return cudaErrorInvalidValue;
  const OpenDeviceMemory open;
  std::memset(memory, value, bytes);
  checker_host_write(memory, bytes);
  return cudaSuccess;
}

}  // namespace

cudaError_t malloc_device(void** memory, size_t bytes) { return remember(allocate_device(memory, bytes)); }
cudaError_t malloc_host(void** memory, size_t bytes) { return remember(allocate_pinned(memory, bytes)); }

cudaError_t set_max_shared(const void* kernel, int bytes) {
  if (bytes < 0 || static_cast<size_t>(bytes) > shared_limit()) return remember(cudaErrorInvalidValue);
  const std::lock_guard lock(shared_limits().mutex);
  shared_limits().of_kernel[kernel] = bytes;
  return cudaSuccess;
}

cudaError_t launch(const LaunchInfo& info, Task task) {
  if (const char* fault = launch_fault(info)) {
    report("launch of " + std::string(info.name) + " refused: " + fault);
    task.drop(task.arguments);
    return remember(cudaErrorInvalidConfiguration);
  }
  // The arguments last as long as the work does: in a graph it runs any number of times.
  return enqueue(info.stream, [info, task, arguments = std::shared_ptr<void>(task.arguments, task.drop)] {
    const int error = run_grid(info, task);
    if (error) set_sticky_error(error);
    return error;
  });
}

}  // namespace simt

extern "C" {

const char* cudaGetErrorName(cudaError_t error) {
  switch (static_cast<int>(error)) {
    case cudaSuccess:
      return "cudaSuccess";
    case cudaErrorInvalidValue:
      return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation:
      return "cudaErrorMemoryAllocation";
    case cudaErrorInvalidConfiguration:
      return "cudaErrorInvalidConfiguration";
    case cudaErrorInvalidDevicePointer:
      return "cudaErrorInvalidDevicePointer";
    case cudaErrorInvalidMemcpyDirection:
      return "cudaErrorInvalidMemcpyDirection";
    case cudaErrorInvalidDevice:
      return "cudaErrorInvalidDevice";
    case cudaErrorInvalidResourceHandle:
      return "cudaErrorInvalidResourceHandle";
    case cudaErrorNotReady:
      return "cudaErrorNotReady";
    case cudaErrorIllegalAddress:
      return "cudaErrorIllegalAddress";
    case cudaErrorLaunchFailure:
      return "cudaErrorLaunchFailure";
    case cudaErrorIllegalState:
      return "cudaErrorIllegalState";
    case cudaErrorStreamCaptureUnsupported:
      return "cudaErrorStreamCaptureUnsupported";
    case cudaErrorStreamCaptureInvalidated:
      return "cudaErrorStreamCaptureInvalidated";
    case cudaErrorStreamCaptureIsolation:
      return "cudaErrorStreamCaptureIsolation";
  }
  return "unrecognized error code";
}

const char* cudaGetErrorString(cudaError_t error) { return cudaGetErrorName(error); }

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}

cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) { return simt::remember(device == 0 ? cudaSuccess : cudaErrorInvalidDevice); }

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (device != 0) return simt::remember(cudaErrorInvalidDevice);
  *properties = {};
  std::snprintf(properties->name, sizeof properties->name, "simulated device");
  properties->totalGlobalMem = simt::kArenaBytes;
  properties->sharedMemPerBlock = simt::kStaticShared;
  properties->sharedMemPerBlockOptin = simt::shared_limit();
  properties->major = simt::config().compute_capability / 10;
  properties->minor = simt::config().compute_capability % 10;
  properties->multiProcessorCount = 4;
  properties->warpSize = 32;
  properties->maxThreadsPerBlock = static_cast<int>(simt::kMaxThreads);
  properties->regsPerBlock = 65536;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  cudaDeviceProp properties{};
  if (const cudaError_t error = cudaGetDeviceProperties(&properties, device)) return error;
  switch (attribute) {
    case cudaDevAttrMultiProcessorCount:
      *value = properties.multiProcessorCount;
      break;
    case cudaDevAttrComputeCapabilityMajor:
      *value = properties.major;
      break;
    case cudaDevAttrComputeCapabilityMinor:
      *value = properties.minor;
      break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = static_cast<int>(properties.sharedMemPerBlockOptin);
      break;
  }
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  *total = simt::kArenaBytes;
  *free = simt::kArenaBytes - simt::device_bytes_in_use();
  return cudaSuccess;
}

cudaError_t cudaFree(void* memory) {
  const cudaError_t error = simt::drain_all();
  const cudaError_t freed = simt::remember(simt::free_device(memory));
  return error ? error : freed;
}

cudaError_t cudaFreeAsync(void* memory, cudaStream_t stream) {
  if (simt::is_capturing(stream)) return simt::remember(cudaErrorStreamCaptureUnsupported);
  return simt::enqueue(stream, [memory] { return simt::free_device(memory); });
}

cudaError_t cudaHostAlloc(void** memory, size_t bytes, unsigned flags) {
  if (flags & ~(cudaHostAllocPortable | cudaHostAllocMapped)) return simt::remember(cudaErrorInvalidValue);
  return simt::remember(simt::allocate_pinned(memory, bytes, flags & cudaHostAllocMapped));
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* address) {
  *attributes = {};
  auto* const pointer = const_cast<void*>(address);
  attributes->hostPointer = pointer;
  if (simt::in_device_memory(address)) {
    attributes->type = cudaMemoryTypeDevice;
    attributes->devicePointer = std::exchange(attributes->hostPointer, nullptr);
  } else if (simt::is_pinned(address)) {
    attributes->type = cudaMemoryTypeHost;
    attributes->devicePointer = pointer;
  }
  return cudaSuccess;
}

cudaError_t cudaFreeHost(void* memory) {
  const cudaError_t error = simt::drain_all();
  simt::free_pinned(memory);
  return error;
}

cudaError_t cudaHostGetDevicePointer(void** device_memory, void* memory, unsigned flags) {
  if (flags != 0 || !simt::is_mapped(memory)) return simt::remember(cudaErrorInvalidValue);
  *device_memory = memory;
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  // In a graph a copy reads the host's memory at each launch.
  const bool deferred = simt::config().deferred_streams && !simt::is_capturing(stream);
  if (deferred && simt::in_device_memory(to) && !simt::in_device_memory(from) &&
      !simt::is_pinned(from)) {  // pageable memory is staged now
    const auto* begin = static_cast<const char*>(from);
    auto staged = std::make_shared<std::vector<char>>(begin, begin + bytes);
    return simt::enqueue(stream, [=] { return simt::copy_now(to, staged->data(), bytes, kind); });
  }
  const cudaError_t error = simt::enqueue(stream, [=] { return simt::copy_now(to, from, bytes, kind); });
  if (deferred && !simt::in_device_memory(to) && !simt::is_pinned(to)) return simt::drain(stream);
  return error;
}

cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  const cudaError_t error = simt::enqueue(nullptr, [=] { return simt::copy_now(to, from, bytes, kind); });
  const cudaError_t drained = simt::drain(nullptr);
  return error ? error : drained;
}

cudaError_t cudaMemsetAsync(void* memory, int value, size_t bytes, cudaStream_t stream) {
  return simt::enqueue(stream, [=] { return simt::set_now(memory, value, bytes); });
}

cudaError_t cudaMemset(void* memory, int value, size_t bytes) { return cudaMemsetAsync(memory, value, bytes, nullptr); }

}  // extern "C"
