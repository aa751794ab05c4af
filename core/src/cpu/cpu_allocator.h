// The allocator of the CPU, for tensors and for the scratch memory of kernels. Asking the system for memory costs page
// faults, more than most operations do themselves; so freed blocks are kept and given out again.
#pragma once

#include <cstddef>

namespace mote::cpu {

// 64-byte aligned, not cleared. Throws OutOfMemoryError that says what holds the memory; a failure to get memory frees
// what is kept and tries again first.
void* allocate(size_t bytes);
// `bytes` as they were asked for.
void deallocate(void* memory, size_t bytes) noexcept;

// For allocate_object, which found no memory: frees what is kept and asks again. Throws OutOfMemoryError.
void* allocate_object_after_release(size_t bytes);

}  // namespace mote::cpu
