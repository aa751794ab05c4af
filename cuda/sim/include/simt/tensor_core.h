// ldmatrix and mma.sync as meetings of a warp's lanes. The layouts of registers are those of the PTX ISA.
#pragma once

#include "simt/core.h"

namespace simt {

// ldmatrix.m8n8.x<count>.b16: lane 8 i + j gives row j of matrix i, 16 bytes in dynamic shared memory.
void load_matrices(uint32_t* registers, int count, const void* row, bool transposed, Place place);

// mma.sync.m16n8k16 with float32 accumulators: d += a b. `widen` gives a 16-bit element as a float.
void multiply_accumulate(float* d, const uint32_t* a, const uint32_t* b, float (*widen)(uint16_t), Place place);

}  // namespace simt
