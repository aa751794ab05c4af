// Statistics of the CPU's memory to the byte, for measuring.
#pragma once

namespace mote::cpu {

// Threads count small blocks on their own, so that memory_stats() and its peaks may miss 64 KiB for each (cpu.h). While
// one of these lives, every thread hands in each count at once: a peak that was reset since misses nothing, and
// allocating small tensors takes a little longer. May be nested, on any threads. Other threads hand in what they had
// counted before when they next allocate or free.
class ExactMemoryStats {
 public:
  ExactMemoryStats();
  ~ExactMemoryStats();
  ExactMemoryStats(const ExactMemoryStats&) = delete;
  ExactMemoryStats& operator=(const ExactMemoryStats&) = delete;
};

}  // namespace mote::cpu
