// Products of integer matrices, which cuBLASLt does not multiply in their own width.
#pragma once

#include "mote/backend.h"

namespace mote::cuda {

// out = a b (+ out) for uint8, int32 and int64, wrapping around; any strides.
void multiply_integers(const View& out, const View& a, const View& b, bool accumulate);

}  // namespace mote::cuda
