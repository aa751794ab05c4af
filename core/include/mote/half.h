// The two 16-bit floating-point types as plain storage. Arithmetic on them happens in float32; these types only
// convert. Both conversions from float round to nearest, ties to even, and keep infinities and NaN (IEEE 754-2019); on
// a GPU they are its own instructions.
#pragma once

#include <bit>
#include <cstdint>

#include "mote/host_device.h"

namespace mote {

// IEEE binary16: 1 sign, 5 exponent and 10 mantissa bits.
struct Half {
  uint16_t bits = 0;

  Half() = default;
  MOTE_HD explicit Half(float value) : bits(from_float(value)) {}
  MOTE_HD explicit operator float() const { return to_float(bits); }

  MOTE_HD static uint16_t from_float(float value) {
#ifdef __CUDA_ARCH__
    uint16_t half;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(half) : "f"(value));
    return half;
#else
    const uint32_t x = std::bit_cast<uint32_t>(value);
    const auto sign = static_cast<uint16_t>((x >> 16) & 0x8000u);
    const uint32_t magnitude = x & 0x7fffffffu;
    if (magnitude > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u);   // NaN
    if (magnitude >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);  // rounds to infinity, or is it
    if (magnitude < 0x38800000u) {                                               // subnormal in binary16, or zero
      const float scaled = std::bit_cast<float>(magnitude) + 0.5f;               // the addition rounds to 2^-24
      return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(scaled) - 0x3f000000u));
    }
    const uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1u);
    return static_cast<uint16_t>(sign | ((rounded - 0x38000000u) >> 13));
#endif
  }

  MOTE_HD static float to_float(uint16_t half) {
#ifdef __CUDA_ARCH__
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(half));
    return value;
#else
    const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
    const uint32_t exponent = (half >> 10) & 0x1fu;
    const uint32_t mantissa = half & 0x3ffu;
    if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
    if (exponent == 0) {
      const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
      return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
    }
    return std::bit_cast<float>(sign | ((exponent + 112u) << 23) | (mantissa << 13));
#endif
  }
};

// bfloat16: the upper half of a float32, 1 sign, 8 exponent and 7 mantissa bits.
struct BFloat16 {
  uint16_t bits = 0;

  BFloat16() = default;
  MOTE_HD explicit BFloat16(float value) : bits(from_float(value)) {}
  MOTE_HD explicit operator float() const { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

  MOTE_HD static uint16_t from_float(float value) {
#ifdef __CUDA_ARCH__
    uint32_t pair;  // sm_80 converts two at once only
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(0.0f), "f"(value));
    return static_cast<uint16_t>(pair);
#else
    const uint32_t x = std::bit_cast<uint32_t>(value);
    if ((x & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((x >> 16) | 0x40u);  // a quiet NaN
    return static_cast<uint16_t>((x + 0x7fffu + ((x >> 16) & 1u)) >> 16);
#endif
  }
};

}  // namespace mote
