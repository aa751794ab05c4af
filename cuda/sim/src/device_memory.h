// Device memory: one reserved range of addresses that the host can touch only while somebody opened it for this thread.
#pragma once

#include <cstddef>

namespace simt {

// Lets this OS thread touch device memory until the end of the scope.
class OpenDeviceMemory {
 public:
  OpenDeviceMemory();
  ~OpenDeviceMemory();
  OpenDeviceMemory(const OpenDeviceMemory&) = delete;
  OpenDeviceMemory& operator=(const OpenDeviceMemory&) = delete;
};

inline constexpr size_t kArenaBytes = size_t{64} << 30;

int allocate_device(void** memory, size_t bytes);  // gives a cudaError_t
int free_device(void* memory);
bool in_device_memory(const void* address);
// Whether the whole range lies inside one live allocation.
bool device_range_ok(const void* address, size_t bytes);
size_t device_bytes_in_use();
const char* device_memory_base();

int allocate_pinned(void** memory, size_t bytes, bool mapped = false);
void free_pinned(void* memory);
bool is_pinned(const void* address);
// Whether kernels may use this memory of the host.
bool is_mapped(const void* address);

}  // namespace simt
