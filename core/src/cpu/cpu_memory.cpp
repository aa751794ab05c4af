// Memory of the CPU backend: small blocks by small_blocks.h, the rest by large_blocks.h.
#include <fmt/format.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <string>

#include "backends.h"
#include "cpu/cpu_allocator.h"
#include "cpu/cpu_backend.h"
#include "cpu/cpu_capability.h"
#include "cpu/large_blocks.h"
#include "cpu/memory_counters.h"
#include "cpu/memory_limits.h"
#include "cpu/small_blocks.h"
#include "cpu/system_memory.h"
#include "mote/cpu.h"
#include "out_of_memory.h"

namespace mote {

namespace cpu {

namespace {

constexpr size_t kNoLimit = std::numeric_limits<int64_t>::max();

constexpr bool is_small(size_t bytes) { return kKeepsBlocks && bytes <= kSmallLimit; }

void* allocate_or_null(size_t bytes) {
  return is_small(bytes) ? allocate_small(bytes) : LargeBlocks::instance().allocate(bytes);
}

std::string situation() {
  const size_t limit = memory_limit();
  if (limit < kNoLimit) return fmt::format("its limit is {}", in_words(limit));
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return fmt::format("{} of its {} are free", in_words(static_cast<size_t>(sysconf(_SC_AVPHYS_PAGES)) * page),
                     in_words(static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * page));
}

// Frees what is kept and asks once more.
[[gnu::noinline]] void* ask_after_release(void* (*ask)(size_t), size_t bytes) {
  empty_cache();
  void* const memory = ask(bytes);
  if (!memory) throw_out_of_memory("cpu", bytes, situation(), memory_stats(), LargeBlocks::instance().largest_in_use());
  return memory;
}

void set_limit_of_process(size_t bytes) { memory_counters.limit = static_cast<int64_t>(std::min(bytes, kNoLimit)); }

}  // namespace

void* allocate(size_t bytes) {
  if (void* const memory = allocate_or_null(bytes)) [[likely]]
    return memory;
  return ask_after_release(allocate_or_null, bytes);
}

void* allocate_object_after_release(size_t bytes) {
  return ask_after_release([](size_t size) { return take_object(size); }, bytes);
}

void deallocate(void* memory, size_t bytes) noexcept {
  if (is_small(bytes)) return deallocate_small(memory, bytes);
  LargeBlocks::instance().deallocate(memory, bytes);
}

MemoryStats memory_stats() {
  const PendingCounts pending = pending_counts();
  const int64_t allocated = std::max<int64_t>(0, memory_counters.allocated() + pending.bytes);
  MemoryStats stats;
  stats.allocated_bytes = static_cast<size_t>(allocated);
  stats.peak_allocated_bytes = static_cast<size_t>(std::max(allocated, memory_counters.peak_allocated()));
  stats.reserved_bytes = static_cast<size_t>(std::max(memory_counters.reserved(), allocated));
  stats.peak_reserved_bytes =
      static_cast<size_t>(std::max(memory_counters.peak_reserved(), memory_counters.reserved()));
  stats.allocations = memory_counters.allocations() + pending.allocations;
  stats.live_blocks = stats.allocations - memory_counters.frees() - pending.frees;
  stats.segments = memory_counters.segments();
  stats.cache_hits = std::max<int64_t>(0, stats.allocations - memory_counters.misses());
  return stats;
}

void reset_peak_memory_stats() {
  memory_counters.reset_peaks(std::max<int64_t>(0, memory_counters.allocated() + pending_counts().bytes));
}

void empty_cache() {
  LargeBlocks::instance().empty();
  release_free_slabs();
#ifdef __GLIBC__
  malloc_trim(0);  // blocks below 1 MiB and slabs are malloc's, which keeps them
#endif
}

void set_memory_limit(size_t bytes) {
  cpu_backend();  // reads the environment, which is not to replace what is set here
  set_limit_of_process(bytes);
}

size_t memory_limit() {
  cpu_backend();
  return static_cast<size_t>(memory_counters.limit.load());
}

void set_cache_limit(size_t bytes) {
  cpu_backend();
  LargeBlocks::instance().set_limit(bytes);
}

size_t cache_limit() {
  cpu_backend();
  return LargeBlocks::instance().limit();
}

}  // namespace cpu

void* CpuBackend::allocate(size_t bytes, int) { return cpu::allocate(bytes); }
void CpuBackend::deallocate(void* data, size_t bytes, int) noexcept { cpu::deallocate(data, bytes); }

Backend* cpu_backend() {
  static CpuBackend* const backend = [] {
    const auto memory = cpu::size_of_environment("MOTE_CPU_MEMORY_LIMIT");
    const auto cache = cpu::size_of_environment("MOTE_CPU_CACHE_LIMIT");
    if (memory) cpu::set_limit_of_process(*memory);
    if (cache) cpu::LargeBlocks::instance().set_limit(*cache);
    cpu::limit_capability();
    return new CpuBackend;  // never destroyed: tensors in static storage are freed late
  }();
  return backend;
}

}  // namespace mote
