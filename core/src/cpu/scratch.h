// Memory that a kernel needs while it runs: aligned for vectors, not cleared.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "cpu/cpu_allocator.h"

namespace mote::cpu {

template <class T>
class Scratch {
 public:
  Scratch() = default;
  explicit Scratch(int64_t size) : bytes_(static_cast<size_t>(size) * sizeof(T)) {
    if (bytes_ > 0) data_ = static_cast<T*>(allocate(bytes_));
  }
  Scratch(Scratch&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  Scratch& operator=(Scratch&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Scratch() {
    if (data_) deallocate(data_, bytes_);
  }

  T* get() const { return data_; }
  T& operator[](int64_t i) const { return data_[i]; }

 private:
  T* data_ = nullptr;
  size_t bytes_ = 0;
};

// For vectors whose size is found on the way.
template <class T>
struct ScratchAllocator {
  using value_type = T;

  ScratchAllocator() = default;
  template <class U>
  ScratchAllocator(const ScratchAllocator<U>&) {}

  T* allocate(size_t count) { return static_cast<T*>(cpu::allocate(count * sizeof(T))); }
  void deallocate(T* data, size_t count) noexcept { cpu::deallocate(data, count * sizeof(T)); }
  friend bool operator==(ScratchAllocator, ScratchAllocator) { return true; }
};
template <class T>
using ScratchVector = std::vector<T, ScratchAllocator<T>>;

}  // namespace mote::cpu
