// Whether a device has the shared memory that the tiles of the ladder's second rung take.
#pragma once

#include <cstdint>

#include "mote/dtype.h"

namespace mote::cuda {

bool tiled_attention_fits(DType dtype, int64_t head_size, int device);
bool tiled_attention_backward_fits(DType dtype, int64_t head_size, int device);

}  // namespace mote::cuda
