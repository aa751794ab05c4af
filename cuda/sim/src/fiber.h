// Stacks and the switch between them. Every CUDA thread that waits owns a stack; one that has ended hands its stack on.
#pragma once

#include <cstddef>
#include <vector>

namespace simt {

inline constexpr unsigned kMaxThreads = 1024;

// Saves the running context's stack pointer in *save and continues the context whose pointer is `load`.
extern "C" void simt_switch(void** save, void* load);

// Address space for the stacks of a block's threads, each with a guard page below it.
class StackPool {
 public:
  StackPool();
  ~StackPool();
  StackPool(const StackPool&) = delete;
  StackPool& operator=(const StackPool&) = delete;

  int take();
  void give(int stack) { free_.push_back(stack); }
  // All stacks are free again; their contents are dead.
  void reset();

  char* low(int stack) const { return base_ + static_cast<size_t>(stack) * kStride + kGuard; }
  static constexpr size_t usable() { return kStride - kGuard; }
  // A saved context on `stack` that begins in `entry`.
  void* prepare(int stack, void (*entry)());

 private:
#if defined(SIMT_ASAN)
  static constexpr size_t kStride = 256 * 1024;
#else
  static constexpr size_t kStride = 64 * 1024;
#endif
  static constexpr size_t kGuard = 4096;

  char* base_;
  std::vector<int> free_;
};

}  // namespace simt
