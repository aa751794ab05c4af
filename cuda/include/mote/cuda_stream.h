// Streams and events of CUDA devices. Work on one stream runs in order; work on two may overlap. Every thread works on
// the device's own stream unless a StreamGuard says otherwise.
//
// Where the build or the machine has no CUDA device, making one throws DeviceError.
#pragma once

#include <memory>
#include <utility>

namespace mote::cuda {

class Event;

// A queue of work. Copies are the same stream.
class Stream {
 public:
  explicit Stream(int device = 0);
  // The one that this thread works on: that of the innermost StreamGuard, or else the device's own.
  static Stream current(int device = 0);

  int device() const;
  // Waits until all work that was put here is done. Throws CudaError where some of it failed, IndexError where an index
  // was out of range.
  void synchronize() const;
  // Whether all of it is done. Throws as synchronize() where it is.
  bool query() const;
  // Lets later work of this stream wait for an event that was recorded on another.
  void wait(const Event& event) const;
  // The cudaStream_t, for calls of the CUDA runtime by the program itself.
  void* native_handle() const;

 private:
  struct Impl;
  explicit Stream(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<Impl> impl_;
};

// Until the guard ends, the operations of this thread on the stream's device go to that stream. A tensor made under the
// guard and used outside it needs a wait in between, and the other way round; and it must live until the other stream
// is done with it, since its memory goes back to the stream that it was made on, unless record_stream named the other
// one.
class StreamGuard {
 public:
  explicit StreamGuard(const Stream& stream);
  ~StreamGuard();
  StreamGuard(const StreamGuard&) = delete;
  StreamGuard& operator=(const StreamGuard&) = delete;

 private:
  Stream stream_;
  [[maybe_unused]] void* previous_;  // without CUDA there is nothing to put back
  [[maybe_unused]] const Stream* outer_ = nullptr;
};

// A point in a stream's work. Copies are the same event.
class Event {
 public:
  explicit Event(int device = 0);

  // Marks what this thread's current stream of the device has been given so far.
  void record();
  void record(const Stream& stream);
  // Both throw as those of Stream.
  void synchronize() const;
  bool query() const;
  // Milliseconds from this event to `end`; both must be done. Not in the simulator, which has no times worth knowing:
  // there it is the time that the simulation took.
  float elapsed_ms(const Event& end) const;
  void* native_handle() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace mote::cuda
