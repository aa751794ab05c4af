#include "graph_recording.h"
#include "kernels/philox_source.h"
#include "mote/random.h"

namespace mote::cuda {

PhiloxSource take_calls(Generator& generator, int64_t calls) {
  if (GraphRecording* recording = graph_recording()) return recording->take_calls(generator, calls);
  return {generator.initial_seed(), generator.take_counters(static_cast<uint64_t>(calls))};
}

}  // namespace mote::cuda
