#include "cublas_lt.h"

#ifndef MOTE_SIM
#include <dlfcn.h>
#endif
#include <fmt/format.h>

#include <map>
#include <mutex>

#include "cuda_device.h"
#include "mote/error.h"

namespace mote::cuda {

namespace {

#ifdef MOTE_SIM
// The simulator's own are linked.
#define MOTE_CUBLAS_SYMBOL(member, name) api.member = &name
CublasLt open_library() {
  CublasLt api;
#else
void* open_shared_object() {
  const std::string versioned = fmt::format("libcublasLt.so.{}", CUDART_VERSION / 1000);
  if (void* library = dlopen(versioned.c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
  throw CudaError(
      fmt::format("matrix products on cuda need {}, which cannot be opened ({}); put the CUDA Toolkit's "
                  "library folder on LD_LIBRARY_PATH",
                  versioned, dlerror()));
}

void* find_symbol(void* library, const char* name) {
  if (void* symbol = dlsym(library, name)) return symbol;
  throw CudaError(fmt::format("cuBLASLt has no {}: its version is not the one that mote was compiled for", name));
}

#define MOTE_CUBLAS_SYMBOL(member, name) api.member = reinterpret_cast<decltype(&name)>(find_symbol(library, #name))
CublasLt open_library() {
  void* const library = open_shared_object();
  CublasLt api;
#endif
  MOTE_CUBLAS_SYMBOL(status_string, cublasLtGetStatusString);
  MOTE_CUBLAS_SYMBOL(create, cublasLtCreate);
  MOTE_CUBLAS_SYMBOL(desc_create, cublasLtMatmulDescCreate);
  MOTE_CUBLAS_SYMBOL(desc_destroy, cublasLtMatmulDescDestroy);
  MOTE_CUBLAS_SYMBOL(desc_set, cublasLtMatmulDescSetAttribute);
  MOTE_CUBLAS_SYMBOL(layout_create, cublasLtMatrixLayoutCreate);
  MOTE_CUBLAS_SYMBOL(layout_destroy, cublasLtMatrixLayoutDestroy);
  MOTE_CUBLAS_SYMBOL(layout_set, cublasLtMatrixLayoutSetAttribute);
  MOTE_CUBLAS_SYMBOL(preference_create, cublasLtMatmulPreferenceCreate);
  MOTE_CUBLAS_SYMBOL(preference_destroy, cublasLtMatmulPreferenceDestroy);
  MOTE_CUBLAS_SYMBOL(preference_set, cublasLtMatmulPreferenceSetAttribute);
  MOTE_CUBLAS_SYMBOL(find_algorithm, cublasLtMatmulAlgoGetHeuristic);
  MOTE_CUBLAS_SYMBOL(matmul, cublasLtMatmul);
  return api;
}
#undef MOTE_CUBLAS_SYMBOL

}  // namespace

const CublasLt& cublas_lt() {
  static const CublasLt api = open_library();
  return api;
}

void check(cublasStatus_t status, const char* op) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  throw CudaError(
      fmt::format("{}: cuBLASLt: {} (status {})", op, cublas_lt().status_string(status), static_cast<int>(status)));
}

cublasLtHandle_t cublas_lt_handle(int device) {
  static std::mutex mutex;
  static auto* const handles = new std::map<int, cublasLtHandle_t>;
  const std::lock_guard lock(mutex);
  cublasLtHandle_t& handle = (*handles)[device];
  if (!handle) {
    const DeviceGuard guard(device);
    check(cublas_lt().create(&handle), "matmul");
  }
  return handle;
}

}  // namespace mote::cuda
