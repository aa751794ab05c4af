// Where a kernel's random words come from.
#pragma once

#include <cstdint>

#include "mote/backend.h"
#include "mote/philox.h"

namespace mote::cuda {

// Calls of Philox that belong to one operation.
struct PhiloxSource {
  uint64_t seed, first;
  MOTE_HD PhiloxWords words(int64_t call) const { return philox4x32(seed, first + static_cast<uint64_t>(call), 0); }
};

// The next `calls` of the generator, which moves on.
PhiloxSource take_calls(Generator& generator, int64_t calls);

}  // namespace mote::cuda
