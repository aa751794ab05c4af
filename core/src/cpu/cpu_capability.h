// Which instruction set the CPU's kernels use.
#pragma once

namespace mote::cpu {

// Keeps to the instruction set that the environment variable MOTE_CPU_CAPABILITY names, where it is set. To be called
// before the first kernel is chosen. Throws ValueError for a name that is none.
void limit_capability();

}  // namespace mote::cpu
