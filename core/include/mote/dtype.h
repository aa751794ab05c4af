// The eight element types, and PyTorch's rules for promoting them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "mote/half.h"
#include "mote/host_device.h"

namespace mote {

enum class DType : uint8_t { Bool, UInt8, Int32, Int64, Float16, BFloat16, Float32, Float64 };

inline constexpr int kDTypeCount = 8;

inline constexpr DType bool_ = DType::Bool;
inline constexpr DType uint8 = DType::UInt8;
inline constexpr DType int32 = DType::Int32;
inline constexpr DType int64 = DType::Int64;
inline constexpr DType float16 = DType::Float16;
inline constexpr DType bfloat16 = DType::BFloat16;
inline constexpr DType float32 = DType::Float32;
inline constexpr DType float64 = DType::Float64;

// Bytes of one element.
constexpr size_t size_of(DType dtype) {
  constexpr size_t sizes[kDTypeCount] = {1, 1, 4, 8, 2, 2, 4, 8};
  return sizes[static_cast<int>(dtype)];
}

// "bool", "uint8", …, "float64".
constexpr const char* name_of(DType dtype) {
  constexpr const char* names[kDTypeCount] = {"bool",    "uint8",    "int32",   "int64",
                                              "float16", "bfloat16", "float32", "float64"};
  return names[static_cast<int>(dtype)];
}

constexpr bool is_floating_point(DType dtype) { return dtype >= DType::Float16; }
// The 16-bit types, whose arithmetic happens in float32.
constexpr bool is_reduced_floating_point(DType dtype) { return dtype == DType::Float16 || dtype == DType::BFloat16; }
constexpr bool is_integral(DType dtype) { return dtype >= DType::UInt8 && dtype <= DType::Int64; }

// The smallest dtype that holds both, as PyTorch's torch.promote_types: any floating-point type beats any integer,
// float16 with bfloat16 gives float32, uint8 with a signed integer gives the signed one.
constexpr DType promote_types(DType a, DType b) {
  if (a == b) return a;
  const DType low = a < b ? a : b, high = a < b ? b : a;
  if (low == DType::Float16 && high == DType::BFloat16) return DType::Float32;
  return high;
}

// The dtype used for a floating-point result when an operand is an integer or a bool: float32 as in PyTorch.
constexpr DType default_dtype() { return DType::Float32; }

// The C++ element type of a dtype, and back.
template <class T>
struct DTypeOf;
template <>
struct DTypeOf<bool> {
  static constexpr DType value = DType::Bool;
};
template <>
struct DTypeOf<uint8_t> {
  static constexpr DType value = DType::UInt8;
};
template <>
struct DTypeOf<int32_t> {
  static constexpr DType value = DType::Int32;
};
template <>
struct DTypeOf<int64_t> {
  static constexpr DType value = DType::Int64;
};
template <>
struct DTypeOf<Half> {
  static constexpr DType value = DType::Float16;
};
template <>
struct DTypeOf<BFloat16> {
  static constexpr DType value = DType::BFloat16;
};
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::Float32;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::Float64;
};

template <class T>
inline constexpr DType dtype_of = DTypeOf<std::remove_cv_t<T>>::value;

// The type in which values of T are computed: float for the 16-bit types, T itself otherwise.
template <class T>
using compute_t = std::conditional_t<std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>, float, T>;

// Converts one element. Floating point to integer truncates; anything to bool is `!= 0`.
template <class To, class From>
MOTE_HD constexpr To cast_to(From value) {
  if constexpr (std::is_same_v<To, From>) {
    return value;
  } else if constexpr (std::is_same_v<From, Half> || std::is_same_v<From, BFloat16>) {
    return cast_to<To>(static_cast<float>(value));
  } else if constexpr (std::is_same_v<To, bool>) {
    return value != From(0);
  } else if constexpr (std::is_same_v<To, Half> || std::is_same_v<To, BFloat16>) {
    return To(static_cast<float>(value));
  } else if constexpr (std::is_floating_point_v<From> && std::is_same_v<To, uint8_t>) {
    return static_cast<To>(static_cast<int64_t>(value));  // wraps, as PyTorch does, where a direct cast is undefined
  } else {
    return static_cast<To>(value);
  }
}

// Calls f with a null pointer of the element type of `dtype`: dispatch(dtype, [&](auto* tag) { using T = ...; }).
template <class F>
decltype(auto) dispatch(DType dtype, F&& f) {
  switch (dtype) {
    case DType::Bool:
      return f(static_cast<bool*>(nullptr));
    case DType::UInt8:
      return f(static_cast<uint8_t*>(nullptr));
    case DType::Int32:
      return f(static_cast<int32_t*>(nullptr));
    case DType::Int64:
      return f(static_cast<int64_t*>(nullptr));
    case DType::Float16:
      return f(static_cast<Half*>(nullptr));
    case DType::BFloat16:
      return f(static_cast<BFloat16*>(nullptr));
    case DType::Float32:
      return f(static_cast<float*>(nullptr));
    case DType::Float64:
      break;
  }
  return f(static_cast<double*>(nullptr));
}

}  // namespace mote
