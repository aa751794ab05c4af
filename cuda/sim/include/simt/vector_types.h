// CUDA's built-in vector types, with their sizes and alignments.
#pragma once

#include "simt/core.h"

#define SIMT_VECTOR2(T, name)             \
  struct alignas(2 * sizeof(T)) name##2 { \
    T x, y;                               \
  };                                      \
  inline name##2 make_##name##2(T x, T y) { return {x, y}; }
#define SIMT_VECTOR3(T, name) \
  struct name##3 {            \
    T x, y, z;                \
  };                          \
  inline name##3 make_##name##3(T x, T y, T z) { return {x, y, z}; }
#define SIMT_VECTOR4(T, name)                                       \
  struct alignas(4 * sizeof(T) > 16 ? 16 : 4 * sizeof(T)) name##4 { \
    T x, y, z, w;                                                   \
  };                                                                \
  inline name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }
#define SIMT_VECTORS(T, name) SIMT_VECTOR2(T, name) SIMT_VECTOR3(T, name) SIMT_VECTOR4(T, name)

SIMT_VECTORS(float, float)
SIMT_VECTORS(double, double)
SIMT_VECTORS(int, int)
SIMT_VECTORS(unsigned char, uchar)
SIMT_VECTORS(short, short)
SIMT_VECTORS(unsigned short, ushort)
SIMT_VECTORS(long long, longlong)
SIMT_VECTOR2(unsigned, uint)
SIMT_VECTOR4(unsigned, uint)
inline uint3 make_uint3(unsigned x, unsigned y, unsigned z) { return {x, y, z}; }

#undef SIMT_VECTOR2
#undef SIMT_VECTOR3
#undef SIMT_VECTOR4
#undef SIMT_VECTORS
