#include "block.h"

#include <sys/mman.h>

#include <bit>
#include <cstdio>
#include <cstring>
#include <new>

#include "checker.h"
#include "device_memory.h"
#include "report.h"

#if defined(SIMT_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

constinit thread_local uint3 threadIdx{}, blockIdx{};
constinit thread_local dim3 blockDim{}, gridDim{};

namespace simt {

constinit thread_local Self self{};

namespace {

thread_local constinit Block* current_block = nullptr;
std::atomic<uint32_t> next_serial{16};  // smaller ones mean "host" and the like to the checker

}  // namespace

Block* Block::current() { return current_block; }

Block::Block() {
  void* memory =
      mmap(nullptr, kSharedWindow + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  shared_ = static_cast<unsigned char*>(memory);
  mprotect(shared_ + kSharedWindow, 4096, PROT_NONE);
}

Block::~Block() { munmap(shared_, kSharedWindow + 4096); }

// Fresh shared memory holds NaNs, so that a read before a write shows in the result.
void Block::begin_shared_memory() {
  const size_t bytes = grid_->info.shared_bytes;
#if defined(SIMT_ASAN)
  __asan_unpoison_memory_region(shared_, kSharedWindow);
#endif
  std::memset(shared_, 0xff, bytes);
#if defined(SIMT_ASAN)
  __asan_poison_memory_region(shared_ + bytes, kSharedWindow - bytes);
#endif
  self.shared = shared_;
  self.shared_bytes = static_cast<uint32_t>(bytes);
}

void Block::begin(Grid& grid, uint64_t index) {
  grid_ = &grid;
  index_ = index;
  serial_ = next_serial.fetch_add(1);
  const dim3 g = grid.info.grid, b = grid.info.block;
  blockIdx = {static_cast<unsigned>(index % g.x), static_cast<unsigned>(index / g.x % g.y),
              static_cast<unsigned>(index / (uint64_t{g.x} * g.y))};
  gridDim = g;
  blockDim = b;
  threads_ = live_ = b.x * b.y * b.z;
  warps_ = (threads_ + 31) / 32;
  at_barrier_ = predicates_ = reported_line_ = 0;
  barrier_epoch_ = 0;
  aborted_ = false;
  random_state_ = ((config().seed + 1) * 0x9e3779b97f4a7c15ull ^ (index + 1) * 0xd1b54a32d192ed03ull ^ grid.id) | 1;
  for (unsigned i = 0; i < threads_; ++i) {
    thread_indices_[i] = {i % b.x, i / b.x % b.y, i / (b.x * b.y)};
    fibers_[i].state = Fiber::State::Ready;
    fibers_[i].stack = -1;
    fibers_[i].copies.clear();
    fibers_[i].groups.clear();
    warp_clocks_[i] = 1;
  }
  for (unsigned w = 0; w < warps_; ++w) {
    const unsigned lanes = std::min(32u, threads_ - w * 32);
    ready_[w] = lanes == 32 ? ~0u : (1u << lanes) - 1;
    for (Meeting& meeting : meetings_[w]) meeting.arrived = 0;
    priority_[w] = static_cast<uint8_t>(w);
  }
  ready_warps_ = warps_ == 32 ? ~0u : (1u << warps_) - 1;
  for (unsigned i = warps_; i > 1; --i) std::swap(priority_[i - 1], priority_[random() % i]);
  random_lanes_ = random() & 1;
  begin_shared_memory();
}

void Block::run(Grid& grid, uint64_t index) {
  current_block = this;
  begin(grid, index);
  checker_begin_block(*this);
  running_ = 0;
  const int first = config().schedule == Config::Schedule::Forward ? 0 : pick();
  start(static_cast<unsigned>(first));
  become(static_cast<unsigned>(first));
#if defined(SIMT_ASAN)
  __sanitizer_start_switch_fiber(&main_fake_stack_, stacks_.low(fibers_[first].stack), StackPool::usable());
#endif
  simt_switch(&main_context_, fibers_[first].context);
#if defined(SIMT_ASAN)
  __sanitizer_finish_switch_fiber(main_fake_stack_, nullptr, nullptr);
#endif
  checker_end_block();
  if (aborted_) stacks_.reset();  // fibers were left in the middle of their work
  current_block = nullptr;
}

void Block::fiber_entry() {
#if defined(SIMT_ASAN)
  const void* bottom;
  size_t size;
  __sanitizer_finish_switch_fiber(nullptr, &bottom, &size);
  if (!current_block->main_stack_) {
    current_block->main_stack_ = bottom;
    current_block->main_stack_size_ = size;
  }
#endif
  current_block->run_threads();
}

// The body of every fiber: it runs CUDA threads to their end one after another, as long as new ones are to be started.
void Block::run_threads() {
  for (;;) {
    make_unready(running_);
    grid_->task.run(grid_->task.arguments);
    Fiber& ended = fibers_[running_];
    if (!ended.copies.empty()) async_wait(0);
    ended.state = Fiber::State::Done;
    --live_;
    if (at_barrier_ > 0 && at_barrier_ == live_) open_barrier();  // threads that ended do not hold up a barrier
    const int stack = std::exchange(ended.stack, -1);
    const int next = pick();
    if (next < 0 && live_ > 0) deadlock();
    if (next >= 0 && fibers_[next].stack < 0) {
      fibers_[next].stack = stack;
      become(static_cast<unsigned>(next));
      continue;
    }
    stacks_.give(stack);
    resume(next, nullptr);
  }
}

void Block::start(unsigned thread) {
  fibers_[thread].stack = stacks_.take();
  fibers_[thread].context = stacks_.prepare(fibers_[thread].stack, &Block::fiber_entry);
}

void Block::become(unsigned thread) {
  running_ = thread;
  threadIdx = thread_indices_[thread];
  self.linear = thread;
  self.lane = thread % 32;
  self.warp = thread / 32;
}

// Leaves `from` (null: its frames are dead) for thread `next`, or for run() where next is -1.
void Block::resume(int next, Fiber* from) {
  void* dead;
  void** save = from ? &from->context : &dead;
  void* target = main_context_;
  if (next >= 0) {
    if (fibers_[next].stack < 0) start(static_cast<unsigned>(next));
    become(static_cast<unsigned>(next));
    target = fibers_[next].context;
  }
#if defined(SIMT_ASAN)
  void** fake = from ? &from->fake_stack : nullptr;
  if (next >= 0)
    __sanitizer_start_switch_fiber(fake, stacks_.low(fibers_[next].stack), StackPool::usable());
  else
    __sanitizer_start_switch_fiber(fake, main_stack_, main_stack_size_);
#endif
  simt_switch(save, target);
#if defined(SIMT_ASAN)
  const void* bottom;
  size_t size;
  __sanitizer_finish_switch_fiber(from ? from->fake_stack : nullptr, &bottom, &size);
#endif
}

// The running thread has to wait: somebody else goes on.
void Block::suspend() {
  const unsigned me = running_;
  const int next = pick();
  if (next < 0) deadlock();
  if (static_cast<unsigned>(next) != me) resume(next, &fibers_[me]);
  make_unready(me);
}

void Block::give_way() {
  const unsigned me = running_;
  make_ready(me);
  int next = pick();
  if (static_cast<unsigned>(next) == me)  // be fair to other warps in forward order
    if (const uint32_t others = ready_warps_ & ~(1u << (me / 32))) {
      const int warp = std::countr_zero(others);
      next = warp * 32 + std::countr_zero(ready_[static_cast<unsigned>(warp)]);
    }
  if (static_cast<unsigned>(next) != me) resume(next, &fibers_[me]);
  make_unready(me);
}

void Block::abort(int error) {
  aborted_ = true;
  int none = cudaSuccess;
  grid_->error.compare_exchange_strong(none, error);
  grid_->next.store(grid_->blocks);  // no further block begins
  resume(-1, nullptr);
  __builtin_unreachable();
}

bool Block::on_any_stack(const void* address) const {
  const auto* p = static_cast<const char*>(address);
  return p >= stacks_.low(0) && p < stacks_.low(static_cast<int>(kMaxThreads) - 1) + StackPool::usable();
}

std::string Block::describe_running() const {
  char text[256];
  std::snprintf(text, sizeof text, "kernel %s block (%u,%u,%u) thread (%u,%u,%u)", grid_->info.name, blockIdx.x,
                blockIdx.y, blockIdx.z, threadIdx.x, threadIdx.y, threadIdx.z);
  return text;
}

void Block::deadlock() {
  std::string message = "deadlock: no thread of the block can go on;";
  const auto waits = [&](unsigned i) {
    return fibers_[i].state == Fiber::State::AtBarrier || fibers_[i].state == Fiber::State::AtWarp;
  };
  for (unsigned i = 0, shown = 0; i < threads_ && shown < 6; ++i) {
    if (!waits(i)) continue;
    unsigned last = i;
    while (last + 1 < threads_ && waits(last + 1) && fibers_[last + 1].place.line == fibers_[i].place.line) ++last;
    message += " threads " + std::to_string(i) + " to " + std::to_string(last) + " wait in " + fibers_[i].what +
               " at " + fibers_[i].place.file + ":" + std::to_string(fibers_[i].place.line) + ";";
    ++shown;
    i = last;
  }
  report(message + " " + describe_running());
  std::string().swap(message);  // this frame is never left
  abort(cudaErrorLaunchFailure);
}

}  // namespace simt
