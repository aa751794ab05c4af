#include "cpu/small_blocks.h"

#include <array>
#include <atomic>
#include <mutex>
#include <new>

#include "cpu/cpu_allocator.h"
#include "cpu/memory_counters.h"
#include "cpu/slab_pool.h"
#include "cpu/system_memory.h"
#include "mote/exact_memory_stats.h"
#include "small_objects.h"

namespace mote::cpu {

namespace {

constexpr int64_t kUncounted = int64_t{64} << 10;  // bytes that a thread counts on its own
constinit std::atomic<int> exact_statistics{0};    // how many want every byte counted at once

// A count of one thread that others may read.
class OwnCount {
 public:
  void add(int64_t n) { value_.store(get() + n, std::memory_order_relaxed); }
  int64_t get() const { return value_.load(std::memory_order_relaxed); }
  int64_t take() {
    const int64_t value = get();
    value_.store(0, std::memory_order_relaxed);
    return value;
  }

 private:
  std::atomic<int64_t> value_{0};
};

// The lists of one thread and what it counted: constant-initialised and without a destructor, so that reaching them
// costs nothing.
struct Front {
  std::array<BlockList, kSmallClasses> lists;
  OwnCount bytes, allocations, frees;
  Front *previous = nullptr, *next = nullptr;  // the fronts of other threads
  enum class State : uint8_t { New, Open, Closed } state = State::New;

  void hand_in() {
    const int64_t held = bytes.take();
    held >= 0 ? memory_counters.add_allocated(held) : memory_counters.remove_allocated(-held);
    const int64_t taken = allocations.take();
    memory_counters.add_calls(taken, frees.take());
  }
};
thread_local constinit Front front;

// All open fronts. Threads leave it when they end.
struct Fronts {
  std::mutex mutex;
  Front* first = nullptr;

  static Fronts& instance() {
    static Fronts* const fronts = new Fronts;  // never destroyed: threads may end late
    return *fronts;
  }
  void enter(Front& one) {
    const std::lock_guard lock(mutex);
    one.next = first;
    if (first) first->previous = &one;
    first = &one;
  }
  void leave(Front& one) {
    const std::lock_guard lock(mutex);
    (one.previous ? one.previous->next : first) = one.next;
    if (one.next) one.next->previous = one.previous;
    one.hand_in();
  }
};

// Hands the lists to the pool when the thread ends.
struct FrontCloser {
  FrontCloser() { Fronts::instance().enter(front); }
  ~FrontCloser() {
    front.state = Front::State::Closed;
    Fronts::instance().leave(front);
    for (int index = 0; index < kSmallClasses; ++index)
      SlabPool::instance().take_back(index, front.lists[static_cast<size_t>(index)], 0);
  }
};

// Called before the lists of a thread first hold something, and where they are empty.
void watch_thread_end() {
  if (front.state != Front::State::New) return;
  static thread_local FrontCloser closer;
  (void)closer;
  front.state = Front::State::Open;
}

// An ending thread may still free tensors: its lists stay empty.
void settle_if_closed(int index, BlockList& list) noexcept {
  if (front.state != Front::State::Closed) return;
  SlabPool::instance().take_back(index, list, 0);
  front.hand_in();
}

[[gnu::noinline]] void* take_from_pool(int index, BlockList& list, bool counted) noexcept {
  watch_thread_end();
  if (SlabPool::instance().refill(index, list) && counted) memory_counters.add_miss();
  void* const memory = list.count > 0 ? list.pop() : nullptr;
  settle_if_closed(index, list);
  return memory;
}

[[gnu::noinline]] void give_to_pool(int index, BlockList& list) noexcept {
  watch_thread_end();
  if (list.count > kFrontLimit) SlabPool::instance().take_back(index, list, kFrontLimit / 2);
  settle_if_closed(index, list);
}

void* take(int index, bool counted) noexcept {
  BlockList& list = front.lists[static_cast<size_t>(index)];
  return list.count > 0 ? list.pop() : take_from_pool(index, list, counted);
}

void give(int index, void* memory) noexcept {
  BlockList& list = front.lists[static_cast<size_t>(index)];
  list.push(memory);
  if (list.count == 1 || list.count > kFrontLimit) give_to_pool(index, list);
}

// Before the lists are reached, so that an ending thread hands in everything there.
void count(int64_t bytes) noexcept {
  front.bytes.add(bytes);
  const int64_t held = front.bytes.get();
  const int64_t limit = exact_statistics.load(std::memory_order_relaxed) > 0 ? 0 : kUncounted;
  if (held > limit || held < -limit) front.hand_in();
}

}  // namespace

void* allocate_small(size_t bytes) noexcept {
  const int index = class_of(bytes);
  const auto size = static_cast<int64_t>(class_size(index));
  front.allocations.add(1);
  count(size);
  void* const memory = take(index, true);
  if (!memory) {
    front.allocations.add(-1);
    count(-size);
  }
  return memory;
}

void deallocate_small(void* memory, size_t bytes) noexcept {
  const int index = class_of(bytes);
  front.frees.add(1);
  count(-static_cast<int64_t>(class_size(index)));
  give(index, memory);
}

void* take_object(size_t bytes) noexcept { return take(class_of(bytes), false); }

void release_free_slabs() {
  for (int index = 0; index < kSmallClasses; ++index)
    SlabPool::instance().take_back(index, front.lists[static_cast<size_t>(index)], 0);
  SlabPool::instance().release_free_slabs();
}

ExactMemoryStats::ExactMemoryStats() { ++exact_statistics; }
ExactMemoryStats::~ExactMemoryStats() { --exact_statistics; }

PendingCounts pending_counts() {
  PendingCounts sum;
  const std::lock_guard lock(Fronts::instance().mutex);
  for (const Front* one = Fronts::instance().first; one; one = one->next) {
    sum.bytes += one->bytes.get();
    sum.allocations += one->allocations.get();
    sum.frees += one->frees.get();
  }
  return sum;
}

}  // namespace mote::cpu

namespace mote {

void* allocate_object(size_t size) {
  if (!cpu::kKeepsBlocks || size > cpu::kSmallLimit) return ::operator new(size);
  if (void* const memory = cpu::take(cpu::class_of(size), false)) [[likely]]
    return memory;
  return cpu::allocate_object_after_release(size);
}

void deallocate_object(void* memory, size_t size) noexcept {
  if (!cpu::kKeepsBlocks || size > cpu::kSmallLimit) return ::operator delete(memory);
  cpu::give(cpu::class_of(size), memory);
}

}  // namespace mote
