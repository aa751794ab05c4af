// MOTE_CUDA=OFF: the device does not exist, and says so.
#include "mote/backend.h"
#include "mote/cuda.h"
#include "mote/cuda_graph.h"
#include "mote/cuda_stream.h"
#include "mote/error.h"
#include "mote/tensor.h"

namespace mote {

Backend* cuda_backend() { return nullptr; }

namespace cuda {

bool is_available() { return has_backend(DeviceType::CUDA); }
bool is_simulated() { return false; }
int device_count() { return is_available() ? 1 : 0; }
// backend_of says that there is no such device, and how to get one.
DeviceProperties get_device_properties(int device) {
  backend_of(Device(DeviceType::CUDA, device));
  return {};
}
MemoryStats memory_stats(int) { return {}; }
void reset_peak_memory_stats(int) {}
void empty_cache(int) {}
MemoryStats host_memory_stats() { return {}; }
void reset_peak_host_memory_stats() {}
void empty_host_cache() {}
void synchronize(int device) {
  if (is_available()) backend_of(Device(DeviceType::CUDA, device)).synchronize(device);
}

struct Stream::Impl {
  explicit Impl(int device) { backend_of(Device(DeviceType::CUDA, device)); }
};
struct Graph::Impl {
  explicit Impl(int device) { backend_of(Device(DeviceType::CUDA, device)); }
};
struct Event::Impl {
  explicit Impl(int device) { backend_of(Device(DeviceType::CUDA, device)); }
};

Stream::Stream(int device) : impl_(std::make_shared<Impl>(device)) {}
Stream Stream::current(int device) { return Stream(device); }
int Stream::device() const { return 0; }
void Stream::synchronize() const {}
bool Stream::query() const { return true; }
void Stream::wait(const Event&) const {}
void* Stream::native_handle() const { return nullptr; }

StreamGuard::StreamGuard(const Stream& stream) : stream_(stream), previous_(nullptr) {}
StreamGuard::~StreamGuard() = default;

Event::Event(int device) : impl_(std::make_shared<Impl>(device)) {}
void Event::record() {}
void Event::record(const Stream&) {}
void Event::synchronize() const {}
bool Event::query() const { return true; }
float Event::elapsed_ms(const Event&) const { return 0.0f; }
void* Event::native_handle() const { return nullptr; }

Graph::Graph(int device) : impl_(std::make_shared<Impl>(device)) {}
void Graph::capture(const std::function<void()>&) {
  throw NotImplementedError("Graph::capture: this build has no CUDA; configure with MOTE_CUDA=ON or SIM");
}
void Graph::replay() { throw StateError("Graph::replay: nothing was captured; call capture first"); }
bool Graph::is_captured() const { return false; }
int Graph::device() const { return 0; }
bool is_capturing() { return false; }

}  // namespace cuda

void detail::record_stream(const Tensor&, const cuda::Stream&) {}  // there are no streams to come here

}  // namespace mote
