#include "kernels/philox_source.h"
#include "mote/random.h"

namespace mote::cuda {

PhiloxSource take_calls(Generator& generator, int64_t calls) {
  return {generator.initial_seed(), generator.take_counters(static_cast<uint64_t>(calls))};
}

}  // namespace mote::cuda
