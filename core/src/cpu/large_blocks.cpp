#include "cpu/large_blocks.h"

#include <unistd.h>

#include <algorithm>
#include <new>

#include "cpu/memory_counters.h"
#include "cpu/system_memory.h"

namespace mote::cpu {

namespace {

constexpr int64_t kFreely = int64_t{64} << 20;  // kept whatever was in use

size_t quarter_of_memory() {
  const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  return pages > 0 && page > 0 ? static_cast<size_t>(pages) / 4 * static_cast<size_t>(page) : size_t{1} << 30;
}

bool has_class(size_t bytes) { return kKeepsBlocks && bytes <= kClassLimit; }

size_t block_size(size_t bytes) { return has_class(bytes) ? class_size(class_of(bytes)) : bytes; }

}  // namespace

LargeBlocks& LargeBlocks::instance() {
  static LargeBlocks* const blocks = new LargeBlocks;
  return *blocks;
}

LargeBlocks::LargeBlocks() : limit_(quarter_of_memory()) {}

void* LargeBlocks::allocate(size_t bytes) noexcept {
  const size_t size = block_size(bytes);
  void* memory = has_class(bytes) ? take(class_of(bytes)) : nullptr;
  if (!memory) {
    memory = system_allocate(size);
    if (memory) memory_counters.add_miss();
  }
  if (!memory) {
    if (has_class(bytes)) give_up(class_of(bytes));
    return nullptr;
  }
  memory_counters.add_allocated(static_cast<int64_t>(size));
  memory_counters.add_calls(1, 0);
  return memory;
}

void LargeBlocks::deallocate(void* memory, size_t bytes) noexcept {
  const size_t size = block_size(bytes);
  memory_counters.remove_allocated(static_cast<int64_t>(size));
  memory_counters.add_calls(0, 1);
  if (!has_class(bytes)) return system_free(memory, size);
  const int index = class_of(bytes);
  const std::lock_guard lock(mutex_);
  --in_use_[static_cast<size_t>(index)];
  Kept*& top = tops_[static_cast<size_t>(index)];
  Kept* const block = new (memory) Kept{index, nullptr, top, latest_, nullptr};
  if (top) top->above = block;
  top = block;
  (latest_ ? latest_->after : oldest_) = block;
  latest_ = block;
  kept_ += size;
  make_room(0);
}

void* LargeBlocks::take(int index) noexcept {
  const std::lock_guard lock(mutex_);
  ++in_use_[static_cast<size_t>(index)];
  Kept* const block = tops_[static_cast<size_t>(index)];
  if (block)
    unlink(block);
  else
    make_room(class_size(index));
  return block;
}

void LargeBlocks::give_up(int index) noexcept {
  const std::lock_guard lock(mutex_);
  --in_use_[static_cast<size_t>(index)];
}

void LargeBlocks::unlink(Kept* block) noexcept {
  (block->above ? block->above->below : tops_[static_cast<size_t>(block->index)]) = block->below;
  if (block->below) block->below->above = block->above;
  (block->before ? block->before->after : oldest_) = block->after;
  (block->after ? block->after->before : latest_) = block->before;
  kept_ -= class_size(block->index);
}

void LargeBlocks::make_room(size_t bytes) noexcept {
  const int64_t in_use = memory_counters.allocated() + static_cast<int64_t>(bytes);
  const int64_t most = std::max(memory_counters.high_water(), in_use);
  const int64_t allowed = std::max(most / 2 * 3, most + kFreely) - in_use;
  while (oldest_ && (kept_ > limit_ || static_cast<int64_t>(kept_) > allowed)) evict_oldest();
}

void LargeBlocks::evict_oldest() noexcept {
  Kept* const block = oldest_;
  const size_t size = class_size(block->index);
  unlink(block);
  system_free(block, size);
}

void LargeBlocks::empty() noexcept {
  const std::lock_guard lock(mutex_);
  while (oldest_) evict_oldest();
}

void LargeBlocks::set_limit(size_t bytes) noexcept {
  const std::lock_guard lock(mutex_);
  limit_ = bytes;
  make_room(0);
}

size_t LargeBlocks::limit() const noexcept {
  const std::lock_guard lock(mutex_);
  return limit_;
}

std::vector<std::pair<size_t, int64_t>> LargeBlocks::largest_in_use() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<size_t, int64_t>> largest;
  for (int index = kClasses - 1; index >= kSmallClasses && largest.size() < 3; --index)
    if (const int64_t count = in_use_[static_cast<size_t>(index)]; count > 0)
      largest.emplace_back(class_size(index), count);
  return largest;
}

}  // namespace mote::cpu
