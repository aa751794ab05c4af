// Device memory inside the backend: what tensors get, and scratch memory of a kernel.
#pragma once

#include <cstddef>
#include <utility>

namespace mote::cuda {

// Memory that follows the order of this thread's stream: freed after a launch, it is given out again only to work that
// comes later on that stream. Throws OutOfMemoryError.
void* allocate(size_t bytes, int device);
void deallocate(void* data, size_t bytes, int device) noexcept;

// Scratch memory for the length of a scope. Leaving the scope right after the launch that uses it is fine.
class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  DeviceBuffer(size_t bytes, int device)
      : data_(bytes > 0 ? allocate(bytes, device) : nullptr), bytes_(bytes), device_(device) {}
  ~DeviceBuffer() {
    if (data_) deallocate(data_, bytes_, device_);
  }
  DeviceBuffer(DeviceBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(other.bytes_), device_(other.device_) {}
  DeviceBuffer& operator=(DeviceBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(device_, other.device_);
    return *this;
  }

  void* data() const { return data_; }
  template <class T>
  T* as() const {
    return static_cast<T*>(data_);
  }

 private:
  void* data_ = nullptr;
  size_t bytes_ = 0;
  int device_ = 0;
};

}  // namespace mote::cuda
