// What a device's allocator holds.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mote {

// In bytes. Freed memory is kept for the next tensor: reserved, not allocated.
struct MemoryStats {
  size_t allocated_bytes = 0;  // in live tensors and scratch memory, rounded up to whole blocks
  size_t peak_allocated_bytes = 0;
  size_t reserved_bytes = 0;  // asked of the driver or the operating system
  size_t peak_reserved_bytes = 0;
  int64_t live_blocks = 0;
  int64_t segments = 0;     // pieces that the driver or the operating system gave
  int64_t allocations = 0;  // so far
  int64_t cache_hits = 0;   // of these, served from memory that was kept
};

}  // namespace mote
