// Kernels that run one instruction each, for its test. All pointers are of device memory; results come lane by lane.
#pragma once

#include <cstdint>

#include "mote/half.h"

namespace mote::test {

// 32 lanes copy 16 bytes each in two groups of lanes' halves: bytes[lane] of them, the rest zeros.
void run_cp_async(const uint32_t* in, const uint32_t* bytes, uint32_t* out);
// count (2 or 4) matrices of 8 x 8 from 8 * count rows; out [32][count].
void run_ldmatrix(const uint16_t* in, int count, bool transposed, uint32_t* out);
// d = a b + d for a [16][16], b [16][8] and d [16][8].
template <class T>
void run_mma(const T* a, const T* b, float* d);
// 64 floats to 32 packed pairs.
template <class T>
void run_pack(const float* in, uint32_t* out);
// 32 powers of 2.
void run_ex2(const float* in, float* out);
// out[lane] = in[lane].
void run_load_here(const uint64_t* in, uint64_t* out);

}  // namespace mote::test
