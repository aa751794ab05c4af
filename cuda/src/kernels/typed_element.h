// One element of a dtype that is known only at run time.
#pragma once

#include "mote/dtype.h"
#include "mote/host_device.h"

namespace mote::cuda {

// A floating-point element as C.
template <class C>
MOTE_HD C load_as(const char* from, DType dtype) {
  switch (dtype) {
    case DType::Float16:
      return cast_to<C>(*reinterpret_cast<const Half*>(from));
    case DType::BFloat16:
      return cast_to<C>(*reinterpret_cast<const BFloat16*>(from));
    case DType::Float32:
      return cast_to<C>(*reinterpret_cast<const float*>(from));
    default:
      return cast_to<C>(*reinterpret_cast<const double*>(from));
  }
}

// Writes bool and integers; nothing for another dtype.
template <class Value>
MOTE_HD void store_as_integer(char* to, DType dtype, Value value) {
  if (dtype == DType::Bool) *reinterpret_cast<bool*>(to) = cast_to<bool>(value);
  if (dtype == DType::UInt8) *reinterpret_cast<uint8_t*>(to) = cast_to<uint8_t>(value);
  if (dtype == DType::Int32) *reinterpret_cast<int32_t*>(to) = cast_to<int32_t>(value);
  if (dtype == DType::Int64) *reinterpret_cast<int64_t*>(to) = cast_to<int64_t>(value);
}

// Writes floating-point dtypes; nothing for another dtype.
template <class Value>
MOTE_HD void store_as_floating_point(char* to, DType dtype, Value value) {
  if (dtype == DType::Float16) *reinterpret_cast<Half*>(to) = cast_to<Half>(value);
  if (dtype == DType::BFloat16) *reinterpret_cast<BFloat16*>(to) = cast_to<BFloat16>(value);
  if (dtype == DType::Float32) *reinterpret_cast<float*>(to) = cast_to<float>(value);
  if (dtype == DType::Float64) *reinterpret_cast<double*>(to) = cast_to<double>(value);
}

// Writes an integer as bool or an integer, a floating-point value as a floating-point dtype.
template <class Value>
MOTE_HD void store_as(char* to, DType dtype, Value value) {
  if constexpr (std::is_integral_v<Value>)
    store_as_integer(to, dtype, value);
  else
    store_as_floating_point(to, dtype, value);
}

// Writes a number in any dtype.
template <class Value>
MOTE_HD void store_as_any(char* to, DType dtype, Value value) {
  store_as_integer(to, dtype, value);
  store_as_floating_point(to, dtype, value);
}

}  // namespace mote::cuda
