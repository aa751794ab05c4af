// cuBLASLt as mote uses it. The library is opened when the first product needs it: linked plainly it would cost every
// process its load time and memory, those that never touch a GPU included.
#pragma once

#include <cublasLt.h>

namespace mote::cuda {

// The entry points, found by name.
struct CublasLt {
  decltype(&cublasLtGetStatusString) status_string;
  decltype(&cublasLtCreate) create;
  decltype(&cublasLtMatmulDescCreate) desc_create;
  decltype(&cublasLtMatmulDescDestroy) desc_destroy;
  decltype(&cublasLtMatmulDescSetAttribute) desc_set;
  decltype(&cublasLtMatrixLayoutCreate) layout_create;
  decltype(&cublasLtMatrixLayoutDestroy) layout_destroy;
  decltype(&cublasLtMatrixLayoutSetAttribute) layout_set;
  decltype(&cublasLtMatmulPreferenceCreate) preference_create;
  decltype(&cublasLtMatmulPreferenceDestroy) preference_destroy;
  decltype(&cublasLtMatmulPreferenceSetAttribute) preference_set;
  decltype(&cublasLtMatmulAlgoGetHeuristic) find_algorithm;
  decltype(&cublasLtMatmul) matmul;
};

// Throws CudaError where the library or one of the names is missing.
const CublasLt& cublas_lt();

// Throws CudaError "<op>: cuBLASLt: <its text>" unless status is CUBLAS_STATUS_SUCCESS.
void check(cublasStatus_t status, const char* op);

// The handle of a device, made on first use.
cublasLtHandle_t cublas_lt_handle(int device);

}  // namespace mote::cuda
