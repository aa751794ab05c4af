// Runs one block of CUDA threads on one OS thread. Each CUDA thread is a fiber that runs until it has to wait at a
// barrier or for its warp; the schedule decides who goes on.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "fiber.h"
#include "sim_config.h"
#include "simt/core.h"
#include "simt/runtime_api.h"

namespace simt {

inline constexpr unsigned kMaxWarps = kMaxThreads / 32;
inline constexpr size_t kSharedWindow = 256 * 1024;

// A launch while its blocks are being run.
struct Grid {
  LaunchInfo info;
  Task task;
  uint32_t id = 0;
  uint64_t blocks = 0;
  std::atomic<uint64_t> next{0};
  std::atomic<int> error{cudaSuccess};
};

// A cp.async that has not been waited for.
struct PendingCopy {
  unsigned char* to;
  const unsigned char* from;
  unsigned bytes;         // of the destination
  unsigned source_bytes;  // the rest is zero-filled
  bool landed;
  void* caller;
};

struct Fiber {
  enum class State : uint8_t { Ready, AtBarrier, AtWarp, Done };

  void* context = nullptr;
  int stack = -1;              // -1: not started, or ended
  void* fake_stack = nullptr;  // AddressSanitizer's
  State state = State::Ready;
  Place place;  // where it waits, and in what
  const char* what = nullptr;
  std::vector<PendingCopy> copies;
  std::vector<unsigned> groups;  // sizes of the committed groups of copies, oldest first
};

// Lanes of one warp on their way to meet.
struct Meeting {
  unsigned mask = 0, arrived = 0;
  Combine combine = nullptr;
  const char* what = nullptr;
  Place place;
  std::array<void*, 32> lanes{};
};

class Block {
 public:
  Block();
  ~Block();
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  // The block that this OS thread is running, or null outside a kernel.
  static Block* current();

  void run(Grid& grid, uint64_t index);

  // Called by the running CUDA thread.
  int barrier(BarrierOp op, int predicate, Place place);
  void meet(unsigned mask, Combine combine, void* mine, const char* what, bool orders_memory, Place place);
  void give_way();
  [[noreturn]] void abort(int error);
  Fiber& running() { return fibers_[running_]; }
  bool copy_lands_late();

  // For reports and the checker.
  const Grid& grid() const { return *grid_; }
  uint64_t index() const { return index_; }
  uint32_t serial() const { return serial_; }
  uint16_t barrier_epoch() const { return barrier_epoch_; }
  const uint32_t* warp_clocks() const { return warp_clocks_.data(); }
  const char* stack_low() const { return stacks_.low(fibers_[running_].stack); }
  bool on_any_stack(const void* address) const;
  std::string describe_running() const;

 private:
  static void fiber_entry();
  [[noreturn]] void run_threads();
  void begin(Grid& grid, uint64_t index);
  void begin_shared_memory();
  int pick();
  int pick_forward();
  int pick_by_priority();
  void make_ready(unsigned thread);
  void make_unready(unsigned thread);
  void start(unsigned thread);
  void become(unsigned thread);
  void resume(int next, Fiber* from);  // -1: back to run()
  void suspend();
  void open_barrier();
  [[noreturn]] void deadlock();
  uint32_t random();

  std::vector<Fiber> fibers_{kMaxThreads};
  std::vector<uint3> thread_indices_{kMaxThreads};
  StackPool stacks_;
  unsigned char* shared_;
  std::array<uint32_t, kMaxWarps> ready_{};  // a bit for each lane that may run
  uint32_t ready_warps_ = 0;
  std::array<uint8_t, kMaxWarps> priority_{};
  bool random_lanes_ = false;
  std::array<std::array<Meeting, 4>, kMaxWarps> meetings_{};
  std::vector<uint32_t> warp_clocks_ = std::vector<uint32_t>(kMaxThreads);

  Grid* grid_ = nullptr;
  uint64_t index_ = 0;
  uint32_t serial_ = 0;  // unique for each run of a block
  unsigned threads_ = 0, warps_ = 0, live_ = 0, running_ = 0;
  unsigned at_barrier_ = 0, predicates_ = 0, barrier_result_ = 0;
  unsigned reported_line_ = 0;
  uint16_t barrier_epoch_ = 0;
  bool aborted_ = false;
  uint64_t random_state_ = 1;
  void* main_context_ = nullptr;
  void* main_fake_stack_ = nullptr;
  const void* main_stack_ = nullptr;
  size_t main_stack_size_ = 0;
};

// Runs all blocks of a launch. Gives a cudaError_t.
int run_grid(const LaunchInfo& info, Task task);

}  // namespace simt
