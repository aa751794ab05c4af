// For tests of what a program does where cuBLASLt has no algorithm: the stand-in has one for everything, unless told
// otherwise.
#pragma once

#include <cublasLt.h>

namespace simt {

// What cublasLtMatmulAlgoGetHeuristic is asked for: D [rows, columns], as cuBLASLt sees it, in a batch.
struct AskedProduct {
  cublasLtEpilogue_t epilogue;
  cudaDataType_t type;
  uint64_t rows, columns;
  int batch;
};

// From now on the products for which `refuse` is true have no algorithm; null refuses none. Gives what was set before.
using Refusal = bool (*)(const AskedProduct& product);
Refusal refuse_products(Refusal refuse);

}  // namespace simt
