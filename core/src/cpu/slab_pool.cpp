#include "cpu/slab_pool.h"

#include <unordered_map>

#include "cpu/system_memory.h"

namespace mote::cpu {

namespace {

constexpr size_t kSlab = size_t{64} << 10;  // also the alignment, so that a block's address tells its slab

char* slab_of(void* block) { return static_cast<char*>(block) - reinterpret_cast<uintptr_t>(block) % kSlab; }

}  // namespace

SlabPool& SlabPool::instance() {
  static SlabPool* const pool = new SlabPool;
  return *pool;
}

bool SlabPool::refill(int index, BlockList& front) noexcept {
  const std::lock_guard lock(mutex_);
  const size_t size = class_size(index);
  BlockList& list = lists_[static_cast<size_t>(index)];
  while (front.count < kBatch && list.count > 0) front.push(list.pop());
  if (front.count > 0) return false;
  auto* slab = static_cast<char*>(system_allocate(kSlab, kSlab));
  if (!slab) return false;
  for (size_t at = 0; at + size <= kSlab; at += size) (front.count < kBatch ? front : list).push(slab + at);
  return true;
}

void SlabPool::take_back(int index, BlockList& front, uint32_t keep) noexcept {
  const std::lock_guard lock(mutex_);
  while (front.count > keep) lists_[static_cast<size_t>(index)].push(front.pop());
}

void SlabPool::release_free_slabs() {
  const std::lock_guard lock(mutex_);
  for (int index = 0; index < kSmallClasses; ++index) release_free_slabs(index, lists_[static_cast<size_t>(index)]);
}

void SlabPool::release_free_slabs(int index, BlockList& list) {
  std::unordered_map<char*, size_t> free_blocks;  // of each slab
  for (BlockList::Block* block = list.head; block; block = block->next) ++free_blocks[slab_of(block)];
  std::erase_if(free_blocks, [&](const auto& slab) { return slab.second < kSlab / class_size(index); });
  BlockList rest;
  while (list.count > 0) {
    void* const block = list.pop();
    if (!free_blocks.contains(slab_of(block))) rest.push(block);
  }
  list = rest;
  for (const auto& [slab, count] : free_blocks) system_free(slab, kSlab, kSlab);
}

}  // namespace mote::cpu
