// Blocks of up to kSmallLimit bytes, carved from slabs of 64 KiB. Each thread has lists of its own, which cost no lock,
// and trades with a shared pool in batches.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mote::cpu {

// For tensors: counted in memory_stats(). Null where there is no memory. At most kSmallLimit bytes.
void* allocate_small(size_t bytes) noexcept;
void deallocate_small(void* memory, size_t bytes) noexcept;

// For the small objects behind a tensor: not counted. Null as above.
void* take_object(size_t bytes) noexcept;

// Gives back the slabs of which nothing is in use, as far as the pool and this thread's lists show.
void release_free_slabs();

// What threads have counted and not yet handed in to memory_counters.
struct PendingCounts {
  int64_t bytes = 0, allocations = 0, frees = 0;
};
PendingCounts pending_counts();

}  // namespace mote::cpu
