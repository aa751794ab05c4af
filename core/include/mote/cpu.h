// The memory that tensors on the CPU live in. docs/cpu.md tells how it is kept and given out again.
#pragma once

#include <cstddef>

#include "mote/memory_stats.h"

namespace mote::cpu {

// What mote's allocator holds in this process. Exact where one thread allocates; another that is just allocating small
// tensors may be off by 64 KiB, as may the peaks for each thread.
MemoryStats memory_stats();
// Makes the peaks what is held now.
void reset_peak_memory_stats();

// Gives memory that no tensor uses back to the operating system: large blocks, and of small ones those pieces of
// 64 KiB of which nothing is in use. Up to 256 small blocks of each size stay with each other thread.
void empty_cache();

// At most so many bytes are reserved: what would go beyond them throws OutOfMemoryError, after the cache was emptied.
// Memory in use is not touched. No limit at first, or that of MOTE_CPU_MEMORY_LIMIT in the environment: a number of
// bytes, or one with K, M or G behind it (powers of 1024). Anything else there makes the first operation throw
// ValueError.
void set_memory_limit(size_t bytes);
size_t memory_limit();

// At most so many bytes of large blocks (above 4 KiB) are kept for later; 0 keeps none. A quarter of the machine's
// memory at first, or what MOTE_CPU_CACHE_LIMIT in the environment says, written as above.
void set_cache_limit(size_t bytes);
size_t cache_limit();

}  // namespace mote::cpu
