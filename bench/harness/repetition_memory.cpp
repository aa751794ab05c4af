#include "repetition_memory.h"

#include <mote/cuda.h>

namespace bench {

std::optional<Memory> memory_of(const Loop& loop, const mote::Device& device) {
  if (!device.is_cuda()) return std::nullopt;
  const int index = device.index();
  loop(1);
  mote::cuda::synchronize(index);
  mote::cuda::reset_peak_memory_stats(index);
  const mote::cuda::MemoryStats before = mote::cuda::memory_stats(index);
  loop(1);
  const mote::cuda::MemoryStats after = mote::cuda::memory_stats(index);
  return Memory{static_cast<int64_t>(after.peak_allocated_bytes) - static_cast<int64_t>(before.allocated_bytes),
                after.allocations - before.allocations};
}

}  // namespace bench
