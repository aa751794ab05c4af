#include "stream.h"

#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "report.h"
#include "sim_config.h"
#include "simt/graph_api.h"

namespace {

using Clock = std::chrono::steady_clock;

struct Queue;

// "The first `count` operations of that queue are done."
struct Ticket {
  std::shared_ptr<Queue> queue;
  uint64_t count = 0;
};

struct Operation {
  std::function<int()> work;
  std::vector<Ticket> after;
};

// Work of a stream between cudaStreamBeginCapture and cudaStreamEndCapture.
struct Capture {
  std::vector<std::function<int()>> work;
  bool invalid = false;
};

struct Queue {
  std::deque<Operation> waiting;
  std::unique_ptr<Capture> capture;
  uint64_t pushed = 0, done = 0;
  bool blocking = true;  // takes turns with the null stream
};

struct Streams {
  std::recursive_mutex mutex;
  std::shared_ptr<Queue> null = std::make_shared<Queue>();
  std::vector<std::shared_ptr<Queue>> others;
  int last_error = cudaSuccess;
};

Streams& streams() {
  static Streams* streams = new Streams;
  return *streams;
}

int run_until(Queue& queue, uint64_t count) {
  int error = cudaSuccess;
  while (queue.done < count && !queue.waiting.empty()) {
    const Operation operation = std::move(queue.waiting.front());
    queue.waiting.pop_front();
    for (const Ticket& ticket : operation.after) run_until(*ticket.queue, ticket.count);
    int result = simt::sticky_error();
    if (!result) result = operation.work();
    ++queue.done;
    if (result) error = result;
  }
  return error;
}

}  // namespace

struct CUstream_st {
  std::shared_ptr<Queue> queue = std::make_shared<Queue>();
};

struct CUevent_st {
  Ticket ticket;
  std::shared_ptr<Clock::time_point> when;
};

struct CUgraph_st {
  std::vector<std::function<int()>> work;
};

struct CUgraphExec_st {
  std::shared_ptr<const CUgraph_st> graph;
  Ticket last;  // launches of one graph run in turn
};

namespace {

std::shared_ptr<Queue> queue_of(cudaStream_t stream) { return stream ? stream->queue : streams().null; }

// A call that a capture does not allow: the capture fails with it.
cudaError_t invalidate(Queue& queue, cudaError error) {
  queue.capture->invalid = true;
  return simt::remember(error);
}

cudaError_t push(cudaStream_t stream, std::function<int()> work, std::vector<Ticket> after) {
  const std::lock_guard lock(streams().mutex);
  const std::shared_ptr<Queue> queue = queue_of(stream);
  if (queue->capture) {
    if (!after.empty()) return invalidate(*queue, cudaErrorStreamCaptureIsolation);
    queue->capture->work.push_back(std::move(work));
    return cudaSuccess;
  }
  if (queue == streams().null) {
    for (const auto& other : streams().others)
      if (other->blocking) after.push_back({other, other->pushed});
  } else if (queue->blocking) {
    after.push_back({streams().null, streams().null->pushed});
  }
  queue->waiting.push_back({std::move(work), std::move(after)});
  ++queue->pushed;
  return simt::config().deferred_streams ? cudaSuccess : simt::remember(run_until(*queue, queue->pushed));
}

}  // namespace

namespace simt {

cudaError_t remember(int error) {
  const std::lock_guard lock(streams().mutex);
  if (error) streams().last_error = error;
  return static_cast<cudaError_t>(error);
}

cudaError_t enqueue(cudaStream_t stream, std::function<int()> work) { return push(stream, std::move(work), {}); }

bool is_capturing(cudaStream_t stream) {
  const std::lock_guard lock(streams().mutex);
  return queue_of(stream)->capture != nullptr;
}

cudaError_t drain(cudaStream_t stream) {
  const std::lock_guard lock(streams().mutex);
  const std::shared_ptr<Queue> queue = queue_of(stream);
  if (queue->capture) return invalidate(*queue, cudaErrorStreamCaptureUnsupported);
  const int error = run_until(*queue, queue->pushed);
  return remember(error ? error : sticky_error());
}

cudaError_t drain_all() {
  const std::lock_guard lock(streams().mutex);
  int error = run_until(*streams().null, streams().null->pushed);
  for (const auto& queue : streams().others)
    if (const int result = run_until(*queue, queue->pushed)) error = result;
  return remember(error ? error : sticky_error());
}

}  // namespace simt

using simt::remember;

extern "C" {

cudaError_t cudaGetLastError() {
  const std::lock_guard lock(streams().mutex);
  const auto error = static_cast<cudaError_t>(streams().last_error);
  if (!simt::sticky_error()) streams().last_error = cudaSuccess;
  return error;
}

cudaError_t cudaPeekAtLastError() {
  const std::lock_guard lock(streams().mutex);
  return static_cast<cudaError_t>(streams().last_error);
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  *stream = new CUstream_st;
  (*stream)->queue->blocking = !(flags & cudaStreamNonBlocking);
  const std::lock_guard lock(streams().mutex);
  streams().others.push_back((*stream)->queue);
  return cudaSuccess;
}

cudaError_t cudaStreamCreate(cudaStream_t* stream) { return cudaStreamCreateWithFlags(stream, 0); }

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  if (!stream) return remember(cudaErrorInvalidResourceHandle);
  const cudaError_t error = simt::drain(stream);
  const std::lock_guard lock(streams().mutex);
  std::erase(streams().others, stream->queue);
  delete stream;
  return error;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) { return simt::drain(stream); }

cudaError_t cudaDeviceSynchronize() {
  const std::lock_guard lock(streams().mutex);
  for (const auto& queue : streams().others)
    if (queue->capture) return invalidate(*queue, cudaErrorStreamCaptureUnsupported);
  return simt::drain_all();
}

cudaError_t cudaStreamQuery(cudaStream_t stream) {
  const std::lock_guard lock(streams().mutex);
  const std::shared_ptr<Queue> queue = queue_of(stream);
  if (queue->capture) return invalidate(*queue, cudaErrorStreamCaptureUnsupported);
  if (queue->done == queue->pushed) return cudaSuccess;
  run_until(*queue, queue->done + 1);
  return cudaErrorNotReady;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  if (!event->ticket.queue) return cudaSuccess;
  return push(stream, [] { return 0; }, {event->ticket});
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new CUevent_st;
  return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, 0); }

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const std::lock_guard lock(streams().mutex);
  const std::shared_ptr<Queue> queue = queue_of(stream);
  if (queue->capture) return invalidate(*queue, cudaErrorStreamCaptureUnsupported);
  event->ticket = {queue, queue->pushed + 1};
  event->when = std::make_shared<Clock::time_point>();
  return push(stream, [when = event->when] { return *when = Clock::now(), 0; }, {});
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const std::lock_guard lock(streams().mutex);
  if (event->ticket.queue) run_until(*event->ticket.queue, event->ticket.count);
  return remember(simt::sticky_error());
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  const std::lock_guard lock(streams().mutex);
  const Ticket& ticket = event->ticket;
  return !ticket.queue || ticket.queue->done >= ticket.count ? cudaSuccess : cudaErrorNotReady;
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  if (!start->when || !end->when) return remember(cudaErrorInvalidResourceHandle);
  *milliseconds = std::chrono::duration<float, std::milli>(*end->when - *start->when).count();
  return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  const std::lock_guard lock(streams().mutex);
  if (!stream) return remember(cudaErrorStreamCaptureUnsupported);
  if (mode != cudaStreamCaptureModeRelaxed) return remember(cudaErrorInvalidValue);
  if (stream->queue->capture) return remember(cudaErrorIllegalState);
  stream->queue->capture = std::make_unique<Capture>();
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const std::lock_guard lock(streams().mutex);
  *graph = nullptr;
  const std::unique_ptr<Capture> capture = std::move(queue_of(stream)->capture);
  if (!capture) return remember(cudaErrorIllegalState);
  if (capture->invalid) return remember(cudaErrorStreamCaptureInvalidated);
  *graph = new CUgraph_st{std::move(capture->work)};
  return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  const std::lock_guard lock(streams().mutex);
  const Capture* capture = queue_of(stream)->capture.get();
  *status = !capture           ? cudaStreamCaptureStatusNone
            : capture->invalid ? cudaStreamCaptureStatusInvalidated
                               : cudaStreamCaptureStatusActive;
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long flags) {
  if (!graph || flags != 0) return remember(cudaErrorInvalidValue);
  *exec = new CUgraphExec_st{std::make_shared<const CUgraph_st>(*graph), {}};
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  const std::lock_guard lock(streams().mutex);
  const auto run = [graph = exec->graph] {
    for (const std::function<int()>& work : graph->work)
      if (const int error = work()) return error;
    return 0;
  };
  std::vector<Ticket> after;
  if (exec->last.queue) after.push_back(exec->last);
  const std::shared_ptr<Queue> queue = queue_of(stream);
  exec->last = {queue, queue->pushed + 1};
  return push(stream, run, std::move(after));
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  delete exec;
  return cudaSuccess;
}

}  // extern "C"
