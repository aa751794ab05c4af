// The slabs that small blocks are carved from, and the free blocks that no thread has for itself.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <new>
#include <utility>

#include "cpu/size_classes.h"

namespace mote::cpu {

inline constexpr uint32_t kFrontLimit = 256;  // blocks of one class that a thread keeps
inline constexpr uint32_t kBatch = 32;        // blocks that it takes from the pool at once

// Free blocks of one class, linked through their first bytes.
struct BlockList {
  struct Block {
    Block* next;
  };

  Block* head = nullptr;
  uint32_t count = 0;

  void push(void* memory) {
    head = new (memory) Block{head};
    ++count;
  }
  void* pop() {
    --count;
    return std::exchange(head, head->next);
  }
};

class SlabPool {
 public:
  // Never destroyed, because tensors in static storage are freed late.
  static SlabPool& instance();

  // Moves some blocks into `front`. Leaves it empty where there is no memory. True where the system gave a slab.
  bool refill(int index, BlockList& front) noexcept;
  // Takes blocks out of `front` until `keep` are left.
  void take_back(int index, BlockList& front, uint32_t keep) noexcept;
  // Gives back the slabs whose blocks are all here.
  void release_free_slabs();

 private:
  static void release_free_slabs(int index, BlockList& list);

  std::mutex mutex_;
  std::array<BlockList, kSmallClasses> lists_;
};

}  // namespace mote::cpu
