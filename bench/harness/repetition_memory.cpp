#include "repetition_memory.h"

#include <mote/cpu.h>
#include <mote/cuda.h>
#include <mote/exact_memory_stats.h>

namespace bench {

namespace {

mote::MemoryStats stats_of(const mote::Device& device) {
  if (!device.is_cuda()) return mote::cpu::memory_stats();
  mote::cuda::synchronize(device.index());
  return mote::cuda::memory_stats(device.index());
}

void reset_peaks_of(const mote::Device& device) {
  device.is_cuda() ? mote::cuda::reset_peak_memory_stats(device.index()) : mote::cpu::reset_peak_memory_stats();
}

}  // namespace

Memory memory_of(const Loop& loop, const std::function<void()>& release, const mote::Device& device) {
  const mote::cpu::ExactMemoryStats exact;
  loop(1);
  if (release) release();
  reset_peaks_of(device);
  const mote::MemoryStats before = stats_of(device);
  loop(1);
  const mote::MemoryStats after = stats_of(device);
  return {static_cast<int64_t>(after.peak_allocated_bytes) - static_cast<int64_t>(before.allocated_bytes),
          after.allocations - before.allocations};
}

}  // namespace bench
