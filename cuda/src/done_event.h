// A point in a stream's work, to ask whether the device has passed it.
#pragma once

#include <cuda_runtime.h>

#include <utility>

#include "cuda_check.h"
#include "cuda_device.h"

namespace mote::cuda {

class DoneEvent {
 public:
  // Of a stream of `device`. Passed from the start.
  explicit DoneEvent(int device) {
    const DeviceGuard guard(device);
    check(cudaEventCreateWithFlags(&handle_, cudaEventDisableTiming), "cudaEventCreate");
  }
  ~DoneEvent() {
    if (handle_) cudaEventDestroy(handle_);
  }
  DoneEvent(DoneEvent&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  DoneEvent& operator=(DoneEvent&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }

  // Stands behind all that the stream was given so far.
  void record(cudaStream_t stream) { check(cudaEventRecord(handle_, stream), "cudaEventRecord"); }
  // False, too, once the device has failed.
  bool is_done() const {
    const bool done = cudaEventQuery(handle_) == cudaSuccess;
    if (!done) cudaGetLastError();
    return done;
  }
  void wait() const { check(cudaEventSynchronize(handle_), "cudaEventSynchronize"); }

 private:
  cudaEvent_t handle_ = nullptr;
};

}  // namespace mote::cuda
