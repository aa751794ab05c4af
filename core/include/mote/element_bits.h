// Elements that are only moved: one kernel serves every dtype of the same size.
#pragma once

#include <cstdint>
#include <cstring>

#include "mote/scalar.h"

namespace mote {

// Calls f with a null pointer to an unsigned integer as large as an element.
template <class F>
decltype(auto) dispatch_size(DType dtype, F&& f) {
  switch (size_of(dtype)) {
    case 1:
      return f(static_cast<uint8_t*>(nullptr));
    case 2:
      return f(static_cast<uint16_t*>(nullptr));
    case 4:
      return f(static_cast<uint32_t*>(nullptr));
    default:
      return f(static_cast<uint64_t*>(nullptr));
  }
}

// The bits of `value` as an element of `dtype`, which has the size of Bits.
template <class Bits>
Bits bits_of(const Scalar& value, DType dtype) {
  Bits bits{};
  dispatch(dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    const T element = value.to<T>();
    if constexpr (sizeof(T) == sizeof(Bits)) std::memcpy(&bits, &element, sizeof(Bits));
  });
  return bits;
}

}  // namespace mote
