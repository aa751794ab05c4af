// Blocks above kSmallLimit, each a piece of its own from the system. Freed ones are kept, with their links inside of
// them, and the one that was freed last is given out first, because caches still hold it.
//
// What is kept and what is in use together stay within one and a half times the most that was ever in use, or 64 MiB
// above it, so that sizes that are not asked for again do not pile up: the ones that were freed first go.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "cpu/size_classes.h"

namespace mote::cpu {

class LargeBlocks {
 public:
  // Never destroyed, because tensors in static storage are freed late.
  static LargeBlocks& instance();

  // Null where there is no memory.
  void* allocate(size_t bytes) noexcept;
  void deallocate(void* memory, size_t bytes) noexcept;
  // Gives back what is kept.
  void empty() noexcept;

  void set_limit(size_t bytes) noexcept;
  size_t limit() const noexcept;
  // The three largest sizes in use, and how many blocks there are of each.
  std::vector<std::pair<size_t, int64_t>> largest_in_use() const;

 private:
  // At the start of a block that is kept.
  struct Kept {
    int index;             // of its class
    Kept *above, *below;   // in its class, the latest on top
    Kept *before, *after;  // in the order in which all were freed
  };

  LargeBlocks();
  // A kept block, counted as in use; where it is null and the system has none either, give_up takes that back.
  void* take(int index) noexcept;
  void give_up(int index) noexcept;
  void unlink(Kept* block) noexcept;
  // Gives back the oldest until what is kept is within its limits, with `bytes` more in use.
  void make_room(size_t bytes) noexcept;
  void evict_oldest() noexcept;

  mutable std::mutex mutex_;
  std::array<Kept*, kClasses> tops_{};
  std::array<int64_t, kClasses> in_use_{};
  Kept *oldest_ = nullptr, *latest_ = nullptr;
  size_t kept_ = 0;  // bytes
  size_t limit_;
};

}  // namespace mote::cpu
