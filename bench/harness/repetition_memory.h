// What one repetition asks of the allocator of tensors.
#pragma once

#include <mote/device.h>

#include <cstdint>
#include <functional>

#include "bench_row.h"

namespace bench {

struct Memory {
  int64_t peak_bytes = 0;  // live at the most, above what was live before
  int64_t allocations = 0;
};

// The peak is exact, in whole blocks of the allocator. The first of two repetitions is not counted. `release`, where
// there is one, is called between the two.
Memory memory_of(const Loop& loop, const std::function<void()>& release, const mote::Device& device);

}  // namespace bench
