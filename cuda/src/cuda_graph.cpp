#include "mote/cuda_graph.h"

#include <cuda_runtime_api.h>

#include "cuda_check.h"
#include "cuda_device.h"
#include "graph_recording.h"
#include "index_errors.h"
#include "mote/autocast.h"
#include "mote/cuda_stream.h"
#include "mote/error.h"

namespace mote::cuda {

namespace {

// A capture under way. It ends with the scope, whatever happens.
class Capture {
 public:
  explicit Capture(cudaStream_t stream) : stream_(stream) {
    check(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeRelaxed), "Graph::capture");
  }
  ~Capture() {
    if (!ended_) end();
    if (graph_) cudaGraphDestroy(graph_);
  }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  cudaGraphExec_t finish() {
    check(end(), "Graph::capture");
    cudaGraphExec_t exec = nullptr;
    check(cudaGraphInstantiate(&exec, graph_, 0), "Graph::capture");
    return exec;
  }

 private:
  cudaError_t end() {
    ended_ = true;
    const cudaError_t status = cudaStreamEndCapture(stream_, &graph_);
    if (status != cudaSuccess) cudaGetLastError();
    return status;
  }

  cudaStream_t stream_;
  cudaGraph_t graph_ = nullptr;
  bool ended_ = false;
};

// Takes back what a capture drew from the generator.
class Rewind {
 public:
  explicit Rewind(GraphRecording& recording) : recording_(recording) {}
  ~Rewind() { recording_.rewind_generator(); }
  Rewind(const Rewind&) = delete;
  Rewind& operator=(const Rewind&) = delete;

 private:
  GraphRecording& recording_;
};

}  // namespace

struct Graph::Impl {
  explicit Impl(int device) : stream(device), done(device) {}
  ~Impl() { reset(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void reset() {
    if (!exec) return;
    cudaEventSynchronize(static_cast<cudaEvent_t>(done.native_handle()));
    cudaGraphExecDestroy(exec);
    exec = nullptr;
    recording.reset();
  }

  Stream stream;
  Event done;  // after the last replay
  cudaGraphExec_t exec = nullptr;
  std::unique_ptr<GraphRecording> recording;
};

Graph::Graph(int device) : impl_(std::make_shared<Impl>(device)) {}

int Graph::device() const { return impl_->stream.device(); }
bool Graph::is_captured() const { return impl_->exec != nullptr; }

void Graph::capture(const std::function<void()>& step) {
  refuse_to_record("Graph::capture", "this thread is capturing another one");
  if (is_autocast_enabled(DeviceType::CUDA))
    throw StateError(
        "Graph::capture: an AutocastGuard is open, and keeps casts of parameters that a replay would not make anew; "
        "put the guard inside of the step");
  impl_->reset();
  pending_index_error(device());  // its memory is got outside of the capture
  const DeviceGuard device_guard(device());
  auto recording = std::make_unique<GraphRecording>(device(), current_stream(device()));
  const StreamGuard stream_guard(impl_->stream);
  const Rewind rewind(*recording);
  Capture capture(static_cast<cudaStream_t>(impl_->stream.native_handle()));
  {
    const RecordingScope scope(*recording);
    step();
  }
  impl_->exec = capture.finish();
  impl_->recording = std::move(recording);
}

void Graph::replay() {
  refuse_to_record("Graph::replay", "this thread is capturing");
  if (!impl_->exec) throw StateError("Graph::replay: nothing was captured; call capture first");
  const DeviceGuard guard(device());
  raise_index_error(device());
  auto* const stream = current_stream(device());
  // A replay on another stream may still be running, with the same memory.
  check(cudaStreamWaitEvent(stream, static_cast<cudaEvent_t>(impl_->done.native_handle()), 0), "Graph::replay");
  impl_->recording->prepare(stream);
  check(cudaGraphLaunch(impl_->exec, stream), "Graph::replay");
  impl_->done.record();
  impl_->recording->bump_versions();
  if (synchronizes_each_launch()) check(cudaStreamSynchronize(stream), "Graph::replay");
  raise_index_error(device());
}

bool is_capturing() { return Recording::current() != nullptr; }

}  // namespace mote::cuda
