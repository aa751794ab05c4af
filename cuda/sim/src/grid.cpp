// Spreads the blocks of a launch over OS threads; the launching thread works too.
#include <condition_variable>
#include <mutex>
#include <thread>

#include "block.h"
#include "checker.h"
#include "device_memory.h"

namespace simt {

namespace {

thread_local constinit bool own_block_has_ended = false;

// That of an OS thread.
struct OwnBlock {
  ~OwnBlock() { own_block_has_ended = true; }
  Block block;
};

// Never destroyed: objects of static storage may still wait for their work at exit.
class Pool {
 public:
  void run(Grid& grid) {
    const int workers = checker_linked() ? 1 : config().workers;
    const int helpers = static_cast<int>(std::min<uint64_t>(static_cast<uint64_t>(workers), grid.blocks)) - 1;
    if (helpers > 0) {
      const std::lock_guard lock(mutex_);
      while (static_cast<int>(threads_.size()) < helpers) threads_.emplace_back([this] { serve(); });
      grid_ = &grid;
      wanted_ = working_ = helpers;
      wake_.notify_all();
    }
    work(grid);
    if (helpers <= 0) return;
    std::unique_lock lock(mutex_);
    done_.wait(lock, [&] { return working_ == 0; });
  }

 private:
  static void work(Grid& grid) {
    if (own_block_has_ended) {  // at exit, the main thread's ends before objects of static storage
      Block late;
      return work(grid, late);
    }
    static thread_local OwnBlock own;
    work(grid, own.block);
  }

  static void work(Grid& grid, Block& block) {
    const OpenDeviceMemory open;
    for (uint64_t i; (i = grid.next.fetch_add(1)) < grid.blocks;) block.run(grid, i);
  }

  [[noreturn]] void serve() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [&] { return wanted_ > 0; });
      --wanted_;
      Grid* grid = grid_;
      lock.unlock();
      work(*grid);
      lock.lock();
      if (--working_ == 0) done_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_, done_;
  std::vector<std::thread> threads_;
  Grid* grid_ = nullptr;
  int wanted_ = 0, working_ = 0;
};

}  // namespace

int run_grid(const LaunchInfo& info, Task task) {
  static auto* const pool = new Pool;
  static std::mutex one_at_a_time;
  static uint32_t launches = 0;
  const std::lock_guard lock(one_at_a_time);
  Grid grid;
  grid.info = info;
  grid.task = task;
  grid.id = ++launches;
  grid.blocks = uint64_t{info.grid.x} * info.grid.y * info.grid.z;
  pool->run(grid);
  return grid.error;
}

}  // namespace simt
