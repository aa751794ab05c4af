// What the allocator of the CPU holds, counted for the whole process. Threads count small blocks on their own and hand
// the sums in now and then (small_blocks.cpp).
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>

namespace mote::cpu {

// Sizes are signed: what a thread hands in may be negative, because blocks are freed on other threads.
class MemoryCounters {
 public:
  void add_allocated(int64_t bytes) { raise(peak_allocated_, allocated_.fetch_add(bytes, kRelaxed) + bytes); }
  void remove_allocated(int64_t bytes) { allocated_.fetch_sub(bytes, kRelaxed); }
  int64_t allocated() const { return allocated_.load(kRelaxed); }
  int64_t peak_allocated() const { return peak_allocated_.load(kRelaxed); }
  // The most that was ever allocated: unlike the peak it is never reset.
  int64_t high_water() const { return std::max(high_water_.load(kRelaxed), peak_allocated()); }

  void add_calls(int64_t allocations, int64_t frees) {
    allocations_.fetch_add(allocations, kRelaxed);
    frees_.fetch_add(frees, kRelaxed);
  }
  int64_t allocations() const { return allocations_.load(kRelaxed); }
  // An allocation for which the system was asked.
  void add_miss() { misses_.fetch_add(1, kRelaxed); }
  int64_t misses() const { return misses_.load(kRelaxed); }
  int64_t frees() const { return frees_.load(kRelaxed); }

  // False where the limit forbids it.
  bool reserve(int64_t bytes) {
    int64_t before = reserved_.load(kRelaxed);
    do {
      if (bytes > limit.load(kRelaxed) - before) return false;
    } while (!reserved_.compare_exchange_weak(before, before + bytes, kRelaxed));
    raise(peak_reserved_, before + bytes);
    segments_.fetch_add(1, kRelaxed);
    return true;
  }
  void unreserve(int64_t bytes) {
    reserved_.fetch_sub(bytes, kRelaxed);
    segments_.fetch_sub(1, kRelaxed);
  }
  int64_t reserved() const { return reserved_.load(kRelaxed); }
  int64_t peak_reserved() const { return peak_reserved_.load(kRelaxed); }
  int64_t segments() const { return segments_.load(kRelaxed); }

  // `allocated` includes what threads have not handed in.
  void reset_peaks(int64_t allocated) {
    raise(high_water_, peak_allocated());
    peak_allocated_.store(allocated, kRelaxed);
    peak_reserved_.store(reserved(), kRelaxed);
  }

  std::atomic<int64_t> limit{std::numeric_limits<int64_t>::max()};  // of reserved()

 private:
  static constexpr std::memory_order kRelaxed = std::memory_order_relaxed;

  static void raise(std::atomic<int64_t>& peak, int64_t value) {
    for (int64_t seen = peak.load(kRelaxed); value > seen;)
      if (peak.compare_exchange_weak(seen, value, kRelaxed)) return;
  }

  std::atomic<int64_t> allocated_{0}, peak_allocated_{0}, high_water_{0}, reserved_{0}, peak_reserved_{0};
  std::atomic<int64_t> allocations_{0}, frees_{0}, segments_{0}, misses_{0};
};

inline constinit MemoryCounters memory_counters;

}  // namespace mote::cpu
