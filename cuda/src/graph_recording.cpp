#include "graph_recording.h"

#include "caching_allocator.h"
#include "cuda_check.h"
#include "mote/error.h"
#include "mote/random.h"

namespace mote::cuda {

GraphRecording::GraphRecording(int device, cudaStream_t home)
    : Recording(Device(DeviceType::CUDA, device)),
      pool_(allocator_of(device).open_pool()),
      home_(home),
      generator_state_(generator().state()),
      seed_(generator().initial_seed()),
      first_(generator().take_counters(0)) {}

GraphRecording::~GraphRecording() {
  words_ = DeviceBuffer();
  allocator_of(device().index()).close_pool(pool_, home_);
}

Generator& GraphRecording::generator() const { return default_generator(device()); }

PhiloxSource GraphRecording::take_calls(Generator& from, int64_t calls) {
  if (&from != &generator())
    refuse_to_record("random", "a generator of one's own may be gone before a replay; use the device's default one");
  if (!words_.data()) words_ = DeviceBuffer(2 * sizeof(uint64_t), device().index());
  const uint64_t first = from.take_counters(static_cast<uint64_t>(calls)) - first_;
  if (from.initial_seed() != seed_) refuse_to_record("random", "the generator's state was set inside of the capture");
  return {0, first, words_.as<const uint64_t>()};
}

void GraphRecording::rewind_generator() {
  drawn_ = generator().take_counters(0) - first_;
  generator().set_state(generator_state_);
}

// The driver has read pageable memory when the call returns.
void GraphRecording::prepare(cudaStream_t stream) {
  prepare_replay();
  if (!words_.data()) return;
  const uint64_t words[] = {generator().initial_seed(), generator().take_counters(drawn_)};
  check(cudaMemcpyAsync(words_.data(), words, sizeof words, cudaMemcpyHostToDevice, stream), "Graph::replay");
}

}  // namespace mote::cuda
