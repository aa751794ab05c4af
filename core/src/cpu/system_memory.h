// Memory of the operating system for the allocator: counted, and within the limit of the process.
#pragma once

#include <cstddef>

// AddressSanitizer is to see every block, so under it nothing is kept.
#if defined(__SANITIZE_ADDRESS__)
#define MOTE_CACHE_BLOCKS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MOTE_CACHE_BLOCKS 0
#endif
#endif
#ifndef MOTE_CACHE_BLOCKS
#define MOTE_CACHE_BLOCKS 1
#endif

namespace mote::cpu {

inline constexpr bool kKeepsBlocks = MOTE_CACHE_BLOCKS != 0;

// Aligned to 64 bytes, and to 2 MiB from that size on; not cleared. Null where there is no memory or the limit is
// reached.
void* system_allocate(size_t bytes) noexcept;
// `bytes` as they were asked for.
void system_free(void* memory, size_t bytes) noexcept;

// The same with an alignment of its own, for sizes below 1 MiB.
void* system_allocate(size_t bytes, size_t alignment) noexcept;
void system_free(void* memory, size_t bytes, size_t alignment) noexcept;

}  // namespace mote::cpu
