#include "index_errors.h"

#include <cuda_runtime.h>
#include <fmt/format.h>

#include <array>
#include <atomic>
#include <mutex>
#include <new>
#include <string>

#include "cuda_check.h"
#include "cuda_device.h"
#include "mote/backend.h"
#include "mote/error.h"
#include "mote/recording.h"

namespace mote::cuda {

namespace {

// One for each device that was asked for it. It lives as long as the process, as its kernels may.
struct DeviceErrors {
  explicit DeviceErrors(int device) {
    const DeviceGuard guard(device);
    void* memory = nullptr;
    check(cudaHostAlloc(&memory, sizeof(IndexErrorRecord), cudaHostAllocMapped), "cudaHostAlloc");
    record = new (memory) IndexErrorRecord{};
    check(cudaHostGetDevicePointer(&memory, record, 0), "cudaHostGetDevicePointer");
    mapped = static_cast<IndexErrorRecord*>(memory);
    check(cudaMalloc(&memory, sizeof(uint32_t)), "cudaMalloc");
    pending = static_cast<uint32_t*>(memory);
    forget(current_stream(device));
  }

  bool has_one() const { return std::atomic_ref(record->state).load(std::memory_order_acquire) != 0; }
  // The record first: a kernel that finds the word 0 writes there.
  void forget(cudaStream_t stream) const {
    std::atomic_ref(record->state).store(0, std::memory_order_release);
    check(cudaMemsetAsync(pending, 0, sizeof(uint32_t), stream), "index error");
    check(cudaStreamSynchronize(stream), "index error");
  }

  std::mutex mutex;
  IndexErrorRecord *record, *mapped;
  uint32_t* pending;
};

struct Slot {
  std::once_flag once;
  std::atomic<DeviceErrors*> errors{nullptr};
};

Slot& slot_of(int device) {
  static auto* const slots = new std::array<Slot, kMaxDevices>;
  check_device(device);
  return (*slots)[static_cast<size_t>(device)];
}

DeviceErrors& errors_of(int device) {
  Slot& slot = slot_of(device);
  std::call_once(slot.once, [&] { slot.errors = new DeviceErrors(device); });
  return *slot.errors;
}

std::string message_of(const IndexErrorRecord& found) {
  return found.kind == IndexErrorKind::Target
             ? fmt::format("{}: target {} at row {} is outside [0, {})", found.op, found.index, found.place, found.size)
             : out_of_range_message(found.op, found.index, found.place, found.size);
}

}  // namespace

IndexErrorSlot index_error_slot(IndexErrorKind kind, const char* op, int device) {
  static std::atomic<uint64_t> calls{0};
  const DeviceErrors& errors = errors_of(device);
  const char* const name = index_error_name();
  return {errors.mapped, errors.pending, kind, name ? name : op, ++calls};
}

const uint32_t* pending_index_error(int device) { return errors_of(device).pending; }

void raise_index_error(int device, uint64_t call) {
  DeviceErrors* const errors = slot_of(device).errors;
  if (!errors || !errors->has_one() || Recording::current()) return;
  const std::lock_guard lock(errors->mutex);
  if (!errors->has_one()) return;
  const IndexErrorRecord found = *errors->record;
  // What this thread has asked for goes by first: it has to see that an error is pending.
  const DeviceGuard guard(device);
  auto* const stream = current_stream(device);
  check(cudaStreamSynchronize(stream), "index error");
  errors->forget(stream);
  std::string message = message_of(found);
  if (found.call != call)
    message += "\nAn earlier call met this; with MOTE_CUDA_SYNC=1 in the environment that call itself throws it.";
  throw IndexError(message);
}

}  // namespace mote::cuda
