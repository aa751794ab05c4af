// Memory that a kernel needs while it runs: aligned for vectors, not cleared.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

namespace mote::cpu {

template <class T>
class Scratch {
 public:
  Scratch() = default;
  explicit Scratch(int64_t size)
      : data_(static_cast<T*>(::operator new(static_cast<size_t>(size) * sizeof(T), kAlignment))) {}

  T* get() const { return data_.get(); }
  T& operator[](int64_t i) const { return data_.get()[i]; }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Free {
    void operator()(T* data) const { ::operator delete(data, kAlignment); }
  };
  std::unique_ptr<T, Free> data_;
};

}  // namespace mote::cpu
