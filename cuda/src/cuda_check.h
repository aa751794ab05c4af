// Every call of the CUDA runtime goes through check(), so that a failure becomes a CudaError that names the operation.
#pragma once

#include <cuda_runtime.h>

#include "mote/dtype.h"

namespace mote::cuda {

// Throws CudaError "<what>: <the runtime's text> (<its name>)" unless status is cudaSuccess.
void check(cudaError_t status, const char* what);

// Throws DTypeError "<op> is not implemented for <dtype> on cuda".
[[noreturn]] void throw_not_for(const char* op, DType dtype);

// Whether each operation waits for the device, so that an error names the operation that caused it and not a later
// one. The environment variable MOTE_CUDA_SYNC=1.
bool synchronizes_each_launch();

}  // namespace mote::cuda
