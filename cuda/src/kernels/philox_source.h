// Where a kernel's random words come from.
#pragma once

#include <cstdint>

#include "mote/backend.h"
#include "mote/philox.h"

namespace mote::cuda {

// Calls of Philox that belong to one operation. In a captured graph, whose arguments stay, the seed and the counter
// that `first` counts from lie on the device.
struct PhiloxSource {
  uint64_t seed, first;
  const uint64_t* recorded = nullptr;
  MOTE_HD PhiloxWords words(int64_t call) const {
    const uint64_t counter = first + static_cast<uint64_t>(call);
    return recorded ? philox4x32(recorded[0], recorded[1] + counter, 0) : philox4x32(seed, counter, 0);
  }
};

// The next `calls` of the generator, which moves on. Throws StateError for a generator of the user's own while a graph
// is captured.
PhiloxSource take_calls(Generator& generator, int64_t calls);

}  // namespace mote::cuda
