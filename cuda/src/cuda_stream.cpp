#include "mote/cuda_stream.h"

#include <fmt/format.h>

#include <array>

#include "caching_allocator.h"
#include "cuda_check.h"
#include "cuda_device.h"
#include "index_errors.h"
#include "mote/error.h"
#include "mote/recording.h"
#include "mote/tensor.h"

namespace mote::cuda {

struct Stream::Impl {
  explicit Impl(int on) : device(on) {
    check_device(device);
    const DeviceGuard guard(device);
    check(cudaStreamCreateWithFlags(&handle, cudaStreamNonBlocking), "Stream");
  }
  // Of mote's own, which outlives it.
  Impl(int on, cudaStream_t own) : device(on), handle(own), is_own(true) {}
  // Waits: memory that was freed on this stream is given to a later one of the same handle.
  ~Impl() {
    if (is_own) return;
    cudaStreamSynchronize(handle);
    cudaStreamDestroy(handle);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  int device;
  cudaStream_t handle = nullptr;
  bool is_own = false;
};

struct Event::Impl {
  explicit Impl(int on) : device(on) {
    check_device(device);
    const DeviceGuard guard(device);
    check(cudaEventCreate(&handle), "Event");
  }
  ~Impl() { cudaEventDestroy(handle); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  int device;
  cudaEvent_t handle = nullptr;
};

namespace {

// Of the innermost guards.
thread_local constinit std::array<const Stream*, kMaxDevices> guarded_streams{};

// Of a query of work on `device`. Who asks until it is true has waited as well.
bool is_done(cudaError_t status, const char* what, int device) {
  if (status == cudaErrorNotReady) {
    cudaGetLastError();
    return false;
  }
  check(status, what);
  raise_index_error(device);
  return true;
}

constexpr const char* kNotDoneYet = "captured work is not done before a replay";

}  // namespace

Stream::Stream(int device) : impl_(std::make_shared<Impl>(device)) {}
Stream Stream::current(int device) {
  auto* const handle = current_stream(device);
  const Stream* const guarded = guarded_streams[static_cast<size_t>(device)];
  return guarded ? *guarded : Stream(std::make_shared<Impl>(device, handle));
}
int Stream::device() const { return impl_->device; }
void Stream::synchronize() const {
  refuse_to_record("Stream::synchronize", kNotDoneYet);
  check(cudaStreamSynchronize(impl_->handle), "Stream::synchronize");
  raise_index_error(impl_->device);
}
bool Stream::query() const {
  refuse_to_record("Stream::query", kNotDoneYet);
  return is_done(cudaStreamQuery(impl_->handle), "Stream::query", impl_->device);
}
void Stream::wait(const Event& event) const {
  refuse_to_record("Stream::wait", "other streams are not captured");
  check(cudaStreamWaitEvent(impl_->handle, static_cast<cudaEvent_t>(event.native_handle()), 0), "Stream::wait");
}
void* Stream::native_handle() const { return impl_->handle; }

StreamGuard::StreamGuard(const Stream& stream) : stream_(stream), previous_(nullptr) {
  refuse_to_record("StreamGuard", "work on another stream would be done now and not in a replay");
  previous_ = exchange_stream(stream.device(), static_cast<cudaStream_t>(stream.native_handle()));
  outer_ = std::exchange(guarded_streams[static_cast<size_t>(stream.device())], &stream_);
}
StreamGuard::~StreamGuard() {
  exchange_stream(stream_.device(), static_cast<cudaStream_t>(previous_));
  guarded_streams[static_cast<size_t>(stream_.device())] = outer_;
}

Event::Event(int device) : impl_(std::make_shared<Impl>(device)) {}
void Event::record() {
  refuse_to_record("Event::record", "an event of captured work says nothing of its replays; record one after replay()");
  check(cudaEventRecord(impl_->handle, current_stream(impl_->device)), "Event::record");
}
void Event::record(const Stream& stream) {
  refuse_to_record("Event::record", "other streams are not captured");
  check(cudaEventRecord(impl_->handle, static_cast<cudaStream_t>(stream.native_handle())), "Event::record");
}
void Event::synchronize() const {
  check(cudaEventSynchronize(impl_->handle), "Event::synchronize");
  raise_index_error(impl_->device);
}
bool Event::query() const { return is_done(cudaEventQuery(impl_->handle), "Event::query", impl_->device); }
float Event::elapsed_ms(const Event& end) const {
  float milliseconds = 0.0f;
  check(cudaEventElapsedTime(&milliseconds, impl_->handle, end.impl_->handle), "Event::elapsed_ms");
  return milliseconds;
}
void* Event::native_handle() const { return impl_->handle; }

}  // namespace mote::cuda

void mote::detail::record_stream(const Tensor& x, const cuda::Stream& stream) {
  refuse_to_record("record_stream", "other streams are not captured");
  const Device of_stream(DeviceType::CUDA, stream.device());
  if (x.device() != of_stream)
    throw DeviceError(fmt::format("record_stream: expected a tensor on the stream's device {}, but got one on {}",
                                  of_stream.str(), x.device().str()));
  cuda::allocator_of(stream.device()).record_stream(x.get().storage->data(), stream);
}
