// A C++ number on its way into an operation: it remembers whether it was a bool, an integer or a floating-point value,
// because type promotion asks.
#pragma once

#include <concepts>
#include <cstdint>
#include <type_traits>

#include "mote/dtype.h"

namespace mote {

class Scalar {
 public:
  Scalar() : Scalar(0) {}
  template <class T>
  requires std::is_arithmetic_v<T> Scalar(T value) {
    if constexpr (std::is_same_v<T, bool>) {
      kind_ = DType::Bool;
      int_ = value;
    } else if constexpr (std::is_integral_v<T>) {
      kind_ = DType::Int64;
      int_ = static_cast<int64_t>(value);
    } else {
      kind_ = DType::Float64;
      double_ = static_cast<double>(value);
    }
  }
  Scalar(Half value) : Scalar(static_cast<float>(value)) {}
  Scalar(BFloat16 value) : Scalar(static_cast<float>(value)) {}

  bool is_bool() const { return kind_ == DType::Bool; }
  bool is_integral() const { return kind_ == DType::Int64; }
  bool is_floating_point() const { return kind_ == DType::Float64; }

  // The value as an element of type T.
  template <class T>
  T to() const {
    return kind_ == DType::Float64 ? cast_to<T>(double_) : cast_to<T>(int_);
  }

  // The dtype that `tensor_dtype` combined with this number gives: a number never widens a tensor of its own kind.
  DType promoted_with(DType tensor_dtype) const {
    if (is_floating_point()) return mote::is_floating_point(tensor_dtype) ? tensor_dtype : default_dtype();
    if (is_integral()) return tensor_dtype == DType::Bool ? DType::Int64 : tensor_dtype;
    return tensor_dtype;
  }

 private:
  DType kind_ = DType::Int64;
  union {
    int64_t int_ = 0;
    double double_;
  };
};

}  // namespace mote
