#include "stream.h"

#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "report.h"
#include "sim_config.h"

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

struct Queue {
  std::deque<Operation> waiting;
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

namespace {

std::shared_ptr<Queue> queue_of(cudaStream_t stream) { return stream ? stream->queue : streams().null; }

cudaError_t push(cudaStream_t stream, std::function<int()> work, std::vector<Ticket> after) {
  const std::lock_guard lock(streams().mutex);
  const std::shared_ptr<Queue> queue = queue_of(stream);
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

cudaError_t drain(cudaStream_t stream) {
  const std::lock_guard lock(streams().mutex);
  const std::shared_ptr<Queue> queue = queue_of(stream);
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
cudaError_t cudaDeviceSynchronize() { return simt::drain_all(); }

cudaError_t cudaStreamQuery(cudaStream_t stream) {
  const std::lock_guard lock(streams().mutex);
  const std::shared_ptr<Queue> queue = queue_of(stream);
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

}  // extern "C"
