// The instructions that CUDA C++ has no function for, as in the PTX ISA: the only home of inline assembly. In the
// simulator each has a twin, a meeting of the warp's lanes in ordinary C++.
//
// Layouts, for lane l of a warp with g = l / 4 and t = l % 4; a register holds two neighbours, the first in its low
// half:
//   8 x 8 matrix   of ldmatrix: row g, columns 2t and 2t + 1; transposed: rows 2t and 2t + 1, column g
//   A 16 x 16      a[0]: row g, columns 2t, 2t + 1; a[1]: row g + 8; a[2], a[3]: the same rows, columns + 8
//   B 16 x 8       b0: rows 2t, 2t + 1 of column g; b1: rows + 8
//   D 16 x 8       d[0], d[1]: row g, columns 2t, 2t + 1; d[2], d[3]: row g + 8
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "mote/half.h"

#ifdef MOTE_SIM
#include <bit>
#include <cmath>

#include "simt/tensor_core.h"
#endif

namespace mote::cuda::ptx {

#ifdef MOTE_SIM

inline void cp_async(void* shared, const void* global, unsigned source_bytes = 16) {
  simt::async_copy(shared, global, 16, source_bytes, __builtin_return_address(0));
}
inline void cp_async_commit() { simt::async_commit(); }
template <int kPending>
void cp_async_wait() {
  simt::async_wait(kPending);
}

using simt::Place;
inline void ldmatrix(uint32_t (&r)[4], const void* row, Place place = Place::current()) {
  simt::load_matrices(r, 4, row, false, place);
}
inline void ldmatrix_trans(uint32_t (&r)[4], const void* row, Place place = Place::current()) {
  simt::load_matrices(r, 4, row, true, place);
}
inline void ldmatrix(uint32_t (&r)[2], const void* row, Place place = Place::current()) {
  simt::load_matrices(r, 2, row, false, place);
}
inline void ldmatrix_trans(uint32_t (&r)[2], const void* row, Place place = Place::current()) {
  simt::load_matrices(r, 2, row, true, place);
}

template <class T>
void mma(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1, Place place = Place::current()) {
  const uint32_t b[2] = {b0, b1};
  simt::multiply_accumulate(
      d, a, b, [](uint16_t bits) -> float { return static_cast<float>(std::bit_cast<T>(bits)); }, place);
}

template <class T>
uint32_t pack(float low, float high) {
  return T(low).bits | static_cast<uint32_t>(T(high).bits) << 16;
}

inline float ex2(float x) { return std::exp2(x); }

inline uint64_t load_here(const uint64_t* global) { return *global; }

#else

__device__ __forceinline__ uint32_t shared_address(const void* address) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(address));
}

// Copies `source_bytes` (0 to 16) from global to shared memory and fills up to 16 bytes with zeros, without waiting.
// Both addresses are multiples of 16.
__device__ __forceinline__ void cp_async(void* shared, const void* global, unsigned source_bytes = 16) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)), "l"(global),
               "r"(source_bytes)
               : "memory");
}
// Ends a group of this thread's copies.
__device__ __forceinline__ void cp_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Waits until all but the last kPending groups have landed.
template <int kPending>
__device__ __forceinline__ void cp_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
}

// Matrices of 8 x 8 16-bit elements from shared memory: lanes 8 i to 8 i + 7 give the addresses of matrix i's rows,
// each of 16 bytes. Four matrices, or two, for which lanes from 16 on do not matter.
__device__ __forceinline__ void ldmatrix(uint32_t (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
}
__device__ __forceinline__ void ldmatrix_trans(uint32_t (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
}
__device__ __forceinline__ void ldmatrix(uint32_t (&r)[2], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
               : "=r"(r[0]), "=r"(r[1])
               : "r"(shared_address(row))
               : "memory");
}
__device__ __forceinline__ void ldmatrix_trans(uint32_t (&r)[2], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
               : "=r"(r[0]), "=r"(r[1])
               : "r"(shared_address(row))
               : "memory");
}

// d += a b on tensor cores: 16 x 16 times 16 x 8 of Half or BFloat16, summed in float32.
template <class T>
__device__ __forceinline__ void mma(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1);
template <>
__device__ __forceinline__ void mma<Half>(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
      "%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
template <>
__device__ __forceinline__ void mma<BFloat16>(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
      "%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Two floats rounded to nearest, ties to even, in one register.
template <class T>
__device__ __forceinline__ uint32_t pack(float low, float high);
template <>
__device__ __forceinline__ uint32_t pack<Half>(float low, float high) {
  uint32_t packed;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  return packed;
}
template <>
__device__ __forceinline__ uint32_t pack<BFloat16>(float low, float high) {
  uint32_t packed;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  return packed;
}

// 2^x to about 22 bits; subnormal arguments and results are 0.
__device__ __forceinline__ float ex2(float x) {
  float result;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
}

// Loads what no kernel writes meanwhile, at this place and each time: the value takes no registers between its uses.
__device__ __forceinline__ uint64_t load_here(const uint64_t* global) {
  uint64_t value;
  asm volatile("ld.global.nc.u64 %0, [%1];" : "=l"(value) : "l"(global));
  return value;
}

#endif

}  // namespace mote::cuda::ptx
