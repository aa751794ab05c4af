// What this thread records while a CUDA graph is captured: the pool that its memory comes from, and where its random
// numbers begin.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "device_buffer.h"
#include "kernels/philox_source.h"
#include "mote/recording.h"
#include "mote/tensor.h"

namespace mote::cuda {

class GraphRecording final : public Recording {
 public:
  // Freed memory of the pool joins that of `home` at the end.
  GraphRecording(int device, cudaStream_t home);
  ~GraphRecording() override;

  int64_t pool() const { return pool_; }

  // Random numbers of recorded work are counted from where the device's default generator stands at a replay. Throws
  // StateError for any other generator.
  PhiloxSource take_calls(Generator& generator, int64_t calls);
  // After the capture, done or failed: nothing was drawn yet.
  void rewind_generator();
  // Before each replay, on its stream.
  void prepare(cudaStream_t stream);

 private:
  Generator& generator() const;

  const int64_t pool_;
  cudaStream_t home_;
  Tensor generator_state_;  // at the beginning
  uint64_t seed_, first_;
  uint64_t drawn_ = 0;
  DeviceBuffer words_;  // seed and first counter of a replay; only where numbers are drawn
};

// This thread's; null nearly always.
inline GraphRecording* graph_recording() {
  return static_cast<GraphRecording*>(Recording::current());  // only this backend records
}

}  // namespace mote::cuda
