// The instruction set of the CPU's own kernels.
#pragma once

namespace mote {

// "avx512", "avx2", "sse4" or, on other processors, "default": the best that this machine and the environment variable
// MOTE_CPU_CAPABILITY allow. The variable is read before the first operation and names the most that may be used, so
// that a result can be reproduced on another machine; the libraries for matrix products have variables of their own
// (ONEDNN_MAX_CPU_ISA, OPENBLAS_CORETYPE). Throws ValueError where it names none of these.
const char* cpu_capability();

}  // namespace mote
