// A block of memory on one device, shared by all tensors that view it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "mote/device.h"
#include "mote/ref.h"

namespace mote {

class Backend;

class Storage : public RefCounted {
 public:
  // Allocates `bytes` from the backend of `device`. Throws OutOfMemoryError.
  Storage(size_t bytes, Device device);
  // Memory of the CPU that `pinning`, the backend of another device, has pinned. Throws OutOfMemoryError.
  Storage(size_t bytes, Backend& pinning);
  // Wraps memory owned by somebody else; `deleter` (may be empty) runs when the last view is gone.
  Storage(void* data, size_t bytes, Device device, std::function<void(void*)> deleter);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  // From lists of this thread, like TensorImpl.
  static void* operator new(size_t size);
  static void operator delete(void* memory, size_t size) noexcept;

  void* data() const { return data_; }
  size_t bytes() const { return bytes_; }
  Device device() const { return device_; }
  // Whether somebody else allocated the memory, who may look at it without a tensor.
  bool is_borrowed() const { return !backend_; }

  // Whether it was made as pinned memory.
  bool is_pinned() const { return pinned_; }

  // Counts in-place changes. Autograd compares it with the value it saw when it saved a view of this memory.
  uint32_t version() const { return version_; }
  void bump_version();
  // Whether a program was given its address (data_ptr, DLPack, from_blob), through which it may write unseen.
  bool is_exposed() const { return is_borrowed() || exposed_.load(std::memory_order_relaxed); }
  void expose() { exposed_.store(true, std::memory_order_relaxed); }
  // The number of the Recording (recording.h) during which it was allocated; 0 for none.
  uint32_t made_in_recording() const { return made_in_recording_; }

 private:
  void* data_ = nullptr;
  size_t bytes_ = 0;
  Device device_;
  uint32_t version_ = 0;
  uint32_t made_in_recording_ = 0;
  bool pinned_ = false;
  std::atomic<bool> exposed_{false};
  Backend* backend_ = nullptr;  // that gave the memory
  std::function<void(void*)> deleter_;
};

}  // namespace mote
