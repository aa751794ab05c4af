#include "cpu/system_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <new>

#include "cpu/memory_counters.h"

namespace mote::cpu {

namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kHugePage = size_t{2} << 20;
// From here on a block is a mapping of its own: malloc would keep what is freed for itself.
constexpr size_t kMapped = kKeepsBlocks ? size_t{1} << 20 : SIZE_MAX;

size_t in_pages(size_t bytes) {
  static const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return (bytes + page - 1) / page * page;
}

// A mapping that begins at a huge page where it is as large as one.
void* map(size_t bytes) {
  const size_t size = in_pages(bytes), slack = size >= kHugePage ? kHugePage : 0;
  if (size < bytes || size + slack < size) return nullptr;
  void* memory = mmap(nullptr, size + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  if (slack == 0) return memory;
  char* const start = static_cast<char*>(memory);
  const size_t before = (kHugePage - reinterpret_cast<uintptr_t>(start) % kHugePage) % kHugePage;
  if (before > 0) munmap(start, before);
  if (before < slack) munmap(start + before + size, slack - before);
#ifdef MADV_HUGEPAGE
  madvise(start + before, size, MADV_HUGEPAGE);  // advice only: failing is no error
#endif
  return start + before;
}

}  // namespace

void* system_allocate(size_t bytes, size_t alignment) noexcept {
  const auto size = static_cast<int64_t>(bytes);
  if (size < 0 || !memory_counters.reserve(size)) return nullptr;
  void* memory = bytes >= kMapped ? map(bytes) : ::operator new(bytes, std::align_val_t(alignment), std::nothrow);
  if (!memory) memory_counters.unreserve(size);
  return memory;
}

void system_free(void* memory, size_t bytes, size_t alignment) noexcept {
  if (bytes >= kMapped)
    munmap(memory, in_pages(bytes));
  else
    ::operator delete(memory, std::align_val_t(alignment));
  memory_counters.unreserve(static_cast<int64_t>(bytes));
}

void* system_allocate(size_t bytes) noexcept { return system_allocate(bytes, kAlignment); }
void system_free(void* memory, size_t bytes) noexcept { system_free(memory, bytes, kAlignment); }

}  // namespace mote::cpu
