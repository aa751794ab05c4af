// Memory for the small objects behind a tensor and its history: a small operation must not pay for malloc.
#pragma once

#include <cstddef>

namespace mote {

// From the lists of this thread that the CPU's small tensors use too. An object may be freed on another thread than the
// one that made it: it then joins that thread's list. Throws OutOfMemoryError; std::bad_alloc where the allocator keeps
// no blocks, and for objects larger than its small blocks.
void* allocate_object(size_t size);
// `size` as it was asked for.
void deallocate_object(void* memory, size_t size) noexcept;

}  // namespace mote
