// Normal values from uniform ones, for the vector unit of this machine's CPU.
#pragma once

#include <cstdint>

namespace mote::cpu {

// Box and Muller (1958) on `blocks` blocks of 16 values in [0, 1): the first 8 give radii, the last 8 angles. x becomes
// std * (radius * cos(angle)) + mean in the first 8 places and the same with the sine in the last 8.
void normal_from_uniform(float* x, int64_t blocks, float mean, float std);

}  // namespace mote::cpu
