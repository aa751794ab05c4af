// The CPU allocator. Asking the system for memory costs page faults, more than most operations do themselves; so freed
// blocks are kept and given out again.
//   small (up to 4 KiB)  carved from slabs; each thread has lists of its own and trades with a shared pool in batches
//   large                kept one by one in a shared cache that holds at most a quarter of the machine's memory
// Sizes are rounded up to classes: multiples of 64 bytes up to 1 KiB, then four to each doubling.
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cstring>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#include "backends.h"
#include "cpu/cpu_backend.h"
#include "cpu/cpu_capability.h"
#include "mote/error.h"

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

namespace mote {

namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kSmallLimit = 4096;
constexpr size_t kClassLimit = size_t{1} << 46;  // what lies above is never kept
constexpr int kSmallClasses = 24;
constexpr int kClasses = 16 + 4 * 36;
constexpr size_t kSlab = size_t{64} << 10;
constexpr uint32_t kFrontLimit = 256;  // blocks of one class that a thread keeps
constexpr uint32_t kBatch = 32;        // blocks that it takes from the pool at once

int class_of(size_t bytes) {
  if (bytes <= 64) return 0;
  if (bytes <= 1024) return static_cast<int>((bytes + 63) / 64) - 1;
  const int exponent = std::bit_width(bytes - 1) - 1;
  const int quarter = static_cast<int>((bytes - 1) >> (exponent - 2)) & 3;
  return 16 + (exponent - 10) * 4 + quarter;
}

size_t class_size(int index) {
  if (index < 16) return 64 * static_cast<size_t>(index + 1);
  const int exponent = 10 + (index - 16) / 4;
  return static_cast<size_t>(5 + (index - 16) % 4) << (exponent - 2);
}

std::align_val_t alignment_of(size_t bytes) {
  return std::align_val_t(bytes >= 2 * kHugePage ? kHugePage : kAlignment);
}

// Null where there is no memory.
void* system_allocate(size_t bytes) {
  void* memory = ::operator new(bytes, alignment_of(bytes), std::nothrow);
#ifdef MADV_HUGEPAGE
  if (memory && bytes >= 2 * kHugePage) madvise(memory, bytes, MADV_HUGEPAGE);  // advice only: failing is no error
#endif
  return memory;
}

void system_free(void* memory, size_t bytes) noexcept { ::operator delete(memory, alignment_of(bytes)); }

struct Block {
  Block* next;
};

struct BlockList {
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

// What all threads share. Never destroyed, because tensors in static storage are freed late.
class Pool {
 public:
  static Pool& instance() {
    static Pool* pool = new Pool;
    return *pool;
  }

  // Moves some blocks into `front`. Leaves it empty where there is no memory.
  void refill(int index, BlockList& front) {
    const std::lock_guard lock(mutex_);
    const size_t size = class_size(index);
    BlockList& list = small_[static_cast<size_t>(index)];
    while (front.count < kBatch && list.count > 0) front.push(list.pop());
    if (front.count > 0) return;
    auto* slab = static_cast<char*>(system_allocate(kSlab));
    if (!slab) return;
    for (size_t at = 0; at + size <= kSlab; at += size) (front.count < kBatch ? front : list).push(slab + at);
  }

  // Takes blocks out of `front` until `keep` are left.
  void take_back(int index, BlockList& front, uint32_t keep) noexcept {
    const std::lock_guard lock(mutex_);
    while (front.count > keep) small_[static_cast<size_t>(index)].push(front.pop());
  }

  void* take_large(int index) {
    const std::lock_guard lock(mutex_);
    std::vector<void*>& list = large_[static_cast<size_t>(index)];
    if (list.empty()) return nullptr;
    void* memory = list.back();
    list.pop_back();
    cached_ -= class_size(index);
    return memory;
  }

  // False where the cache is full.
  bool keep_large(int index, void* memory) noexcept {
    const std::lock_guard lock(mutex_);
    const size_t size = class_size(index);
    if (cached_ + size > limit_) return false;
    std::vector<void*>& list = large_[static_cast<size_t>(index)];
    try {
      list.push_back(memory);
    } catch (const std::bad_alloc&) {
      return false;
    }
    cached_ += size;
    return true;
  }

  // Gives the large blocks back to the system.
  void release() {
    const std::lock_guard lock(mutex_);
    for (int index = 0; index < kClasses; ++index) {
      for (void* memory : large_[static_cast<size_t>(index)]) system_free(memory, class_size(index));
      large_[static_cast<size_t>(index)].clear();
    }
    cached_ = 0;
  }

 private:
  static size_t quarter_of_memory() {
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    return pages > 0 && page > 0 ? static_cast<size_t>(pages) / 4 * static_cast<size_t>(page) : size_t{1} << 30;
  }

  std::mutex mutex_;
  std::array<BlockList, kSmallClasses> small_;
  std::array<std::vector<void*>, kClasses> large_;
  size_t cached_ = 0;
  const size_t limit_ = quarter_of_memory();
};

// The lists of one thread: constant-initialised and without a destructor, so that reaching them costs nothing.
struct Front {
  std::array<BlockList, kSmallClasses> lists;
  bool closed = false;  // the thread is ending
};
thread_local constinit Front front;

// Hands the lists to the pool when the thread ends.
struct FrontCloser {
  ~FrontCloser() {
    front.closed = true;
    for (int index = 0; index < kSmallClasses; ++index)
      Pool::instance().take_back(index, front.lists[static_cast<size_t>(index)], 0);
  }
};

// Called before the lists of a thread first hold something.
void watch_thread_end() {
  static thread_local FrontCloser closer;
  (void)closer;
}

void* allocate_small(int index) {
  BlockList& list = front.lists[static_cast<size_t>(index)];
  if (list.count > 0) return list.pop();
  if (!front.closed) watch_thread_end();
  Pool::instance().refill(index, list);
  if (list.count == 0) return nullptr;
  void* memory = list.pop();
  if (front.closed) Pool::instance().take_back(index, list, 0);
  return memory;
}

void free_small(int index, void* memory) noexcept {
  BlockList& list = front.lists[static_cast<size_t>(index)];
  if (list.count == 0 && !front.closed) watch_thread_end();
  list.push(memory);
  if (list.count > kFrontLimit || front.closed)
    Pool::instance().take_back(index, list, front.closed ? 0 : kFrontLimit / 2);
}

void* allocate_large(size_t bytes) {
  const int index = class_of(bytes);
  if (void* memory = Pool::instance().take_large(index)) return memory;
  if (void* memory = system_allocate(class_size(index))) return memory;
  Pool::instance().release();
  return system_allocate(class_size(index));
}

bool is_kept(size_t bytes) { return MOTE_CACHE_BLOCKS && bytes <= kClassLimit; }

}  // namespace

void* CpuBackend::allocate(size_t bytes, int) {
  void* memory = !is_kept(bytes)        ? system_allocate(bytes)
                 : bytes <= kSmallLimit ? allocate_small(class_of(bytes))
                                        : allocate_large(bytes);
  if (!memory) throw OutOfMemoryError(fmt::format("allocate: out of memory on cpu: cannot get {} bytes", bytes));
  return memory;
}

void CpuBackend::deallocate(void* data, size_t bytes, int) noexcept {
  if (!is_kept(bytes)) return system_free(data, bytes);
  const int index = class_of(bytes);
  if (bytes <= kSmallLimit) return free_small(index, data);
  if (!Pool::instance().keep_large(index, data)) system_free(data, class_size(index));
}

Backend* cpu_backend() {
  // Never destroyed: tensors in static storage are freed late.
  static CpuBackend* backend = (cpu::limit_capability(), new CpuBackend);
  return backend;
}

}  // namespace mote
