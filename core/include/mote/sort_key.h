// Unsigned integers that order as values do: integers by value, floating point with both zeros equal and NaN greatest.
// g++ and nvcc both compile this.
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#include "mote/dtype.h"
#include "mote/host_device.h"

namespace mote {

template <class T>
using sort_key_t = std::conditional_t<sizeof(T) <= 2, uint16_t, std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>>;

// So many of a key's lowest bits differ between values.
template <class T>
inline constexpr int kSortKeyBits = 8 * sizeof(T);

template <class T>
MOTE_HD constexpr sort_key_t<T> sort_key(T value) {
  using Key = sort_key_t<T>;
  constexpr Key sign = static_cast<Key>(Key{1} << (8 * sizeof(Key) - 1));
  if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, uint8_t>) {
    return static_cast<Key>(value);
  } else if constexpr (std::is_integral_v<T>) {
    return static_cast<Key>(value) ^ sign;
  } else {
    // The bits of infinity: all those of the exponent.
    constexpr int mantissa = std::is_same_v<T, Half>       ? 10
                             : std::is_same_v<T, BFloat16> ? 7
                             : std::is_same_v<T, float>    ? 23
                                                           : 52;
    constexpr Key infinity = static_cast<Key>(static_cast<Key>(~sign) >> mantissa << mantissa);
    const Key bits = std::bit_cast<Key>(value), magnitude = static_cast<Key>(bits & ~sign);
    if (magnitude > infinity) return static_cast<Key>(~Key{0});
    if (magnitude == 0) return sign;
    return static_cast<Key>(bits & sign ? ~bits : bits | sign);
  }
}

}  // namespace mote
