// The sizes of blocks: multiples of 64 bytes up to 1 KiB, then eight to each doubling, so that at most an eighth of a
// block lies idle.
#pragma once

#include <bit>
#include <cstddef>

namespace mote::cpu {

inline constexpr size_t kSmallLimit = 4096;             // blocks up to here are carved from slabs
inline constexpr size_t kClassLimit = size_t{1} << 46;  // what lies above has no class
inline constexpr int kSmallClasses = 16 + 8 * 2;
inline constexpr int kClasses = 16 + 8 * 36;

constexpr int class_of(size_t bytes) {
  if (bytes <= 64) return 0;
  if (bytes <= 1024) return static_cast<int>((bytes + 63) / 64) - 1;
  const int exponent = std::bit_width(bytes - 1) - 1;
  const int eighth = static_cast<int>((bytes - 1) >> (exponent - 3)) & 7;
  return 16 + (exponent - 10) * 8 + eighth;
}

constexpr size_t class_size(int index) {
  if (index < 16) return 64 * static_cast<size_t>(index + 1);
  const int exponent = 10 + (index - 16) / 8;
  return static_cast<size_t>(9 + (index - 16) % 8) << (exponent - 3);
}

}  // namespace mote::cpu
