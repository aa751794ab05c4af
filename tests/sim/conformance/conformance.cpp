// Prints the value, size or type of everything in the CUDA runtime and cuBLASLt that mote uses. It is compiled against
// the CUDA Toolkit's headers and against the simulator's, and must print the same.
#include <cublasLt.h>
#include <cuda_runtime.h>
#include <cuda_runtime_api.h>
#include <cxxabi.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <typeinfo>

namespace {

void print_type(const char* name, const std::type_info& type) {
  const std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(type.name(), nullptr, nullptr, nullptr),
                                                         &std::free);
  std::printf("%s: %s\n", name, text ? text.get() : type.name());
}

#define VALUE(name) std::printf("%s = %lld\n", #name, static_cast<long long>(name))
#define SIZE(type) std::printf("sizeof(%s) = %zu, aligned to %zu\n", #type, sizeof(type), alignof(type))
#define FUNCTION(name) print_type(#name, typeid(decltype(&name)))

void print_values() {
  VALUE(cudaSuccess);
  VALUE(cudaErrorInvalidValue);
  VALUE(cudaErrorMemoryAllocation);
  VALUE(cudaErrorInvalidConfiguration);
  VALUE(cudaErrorInvalidDevicePointer);
  VALUE(cudaErrorInvalidMemcpyDirection);
  VALUE(cudaErrorInvalidDevice);
  VALUE(cudaErrorInvalidResourceHandle);
  VALUE(cudaErrorNotReady);
  VALUE(cudaErrorIllegalAddress);
  VALUE(cudaErrorLaunchFailure);
  VALUE(cudaErrorIllegalState);
  VALUE(cudaErrorStreamCaptureUnsupported);
  VALUE(cudaErrorStreamCaptureInvalidated);
  VALUE(cudaErrorStreamCaptureIsolation);
  VALUE(cudaStreamCaptureModeGlobal);
  VALUE(cudaStreamCaptureModeThreadLocal);
  VALUE(cudaStreamCaptureModeRelaxed);
  VALUE(cudaStreamCaptureStatusNone);
  VALUE(cudaStreamCaptureStatusActive);
  VALUE(cudaStreamCaptureStatusInvalidated);
  VALUE(cudaMemcpyHostToHost);
  VALUE(cudaMemcpyHostToDevice);
  VALUE(cudaMemcpyDeviceToHost);
  VALUE(cudaMemcpyDeviceToDevice);
  VALUE(cudaMemcpyDefault);
  VALUE(cudaFuncAttributeMaxDynamicSharedMemorySize);
  VALUE(cudaDevAttrMultiProcessorCount);
  VALUE(cudaDevAttrComputeCapabilityMajor);
  VALUE(cudaDevAttrComputeCapabilityMinor);
  VALUE(cudaDevAttrMaxSharedMemoryPerBlockOptin);
  VALUE(cudaStreamNonBlocking);
  VALUE(cudaEventDisableTiming);
  VALUE(cudaHostAllocMapped);
  VALUE(cudaHostAllocPortable);
  VALUE(cudaMemoryTypeUnregistered);
  VALUE(cudaMemoryTypeHost);
  VALUE(cudaMemoryTypeDevice);
  VALUE(cudaMemoryTypeManaged);
  VALUE(offsetof(cudaPointerAttributes, type));
  VALUE(offsetof(cudaPointerAttributes, device));
  VALUE(offsetof(cudaPointerAttributes, devicePointer));
  VALUE(offsetof(cudaPointerAttributes, hostPointer));
  VALUE(CUDA_R_32F);
  VALUE(CUDA_R_64F);
  VALUE(CUDA_R_16F);
  VALUE(CUDA_R_16BF);
  VALUE(CUBLAS_COMPUTE_32F);
  VALUE(CUBLAS_COMPUTE_64F);
  VALUE(CUBLAS_COMPUTE_32F_FAST_TF32);
  VALUE(CUBLAS_OP_N);
  VALUE(CUBLAS_OP_T);
  VALUE(CUBLAS_STATUS_SUCCESS);
  VALUE(CUBLAS_STATUS_NOT_INITIALIZED);
  VALUE(CUBLAS_STATUS_INVALID_VALUE);
  VALUE(CUBLAS_STATUS_EXECUTION_FAILED);
  VALUE(CUBLAS_STATUS_NOT_SUPPORTED);
  VALUE(CUBLASLT_MATMUL_DESC_TRANSA);
  VALUE(CUBLASLT_MATMUL_DESC_TRANSB);
  VALUE(CUBLASLT_MATMUL_DESC_EPILOGUE);
  VALUE(CUBLASLT_MATMUL_DESC_BIAS_POINTER);
  VALUE(CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT);
  VALUE(CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET);
  VALUE(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES);
  VALUE(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES);
  VALUE(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES);
  VALUE(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES);
  VALUE(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES);
  VALUE(CUBLASLT_EPILOGUE_DEFAULT);
  VALUE(CUBLASLT_EPILOGUE_BIAS);
}

void print_sizes() {
  SIZE(uint3);
  SIZE(dim3);
  SIZE(float2);
  SIZE(float3);
  SIZE(float4);
  SIZE(double2);
  SIZE(int2);
  SIZE(int4);
  SIZE(uint2);
  SIZE(uint4);
  SIZE(uchar4);
  SIZE(short2);
  SIZE(ushort4);
  SIZE(longlong2);
  SIZE(cudaStream_t);
  SIZE(cudaEvent_t);
  SIZE(cudaGraph_t);
  SIZE(cudaGraphExec_t);
  SIZE(cudaStreamCaptureMode);
  SIZE(cudaStreamCaptureStatus);
  SIZE(cudaError_t);
  SIZE(cublasStatus_t);
  SIZE(cublasOperation_t);
  SIZE(cublasLtEpilogue_t);
  SIZE(cublasLtMatmulAlgo_t);
  SIZE(cublasLtMatmulHeuristicResult_t);
}

void print_functions() {
  FUNCTION(cudaGetLastError);
  FUNCTION(cudaPeekAtLastError);
  FUNCTION(cudaGetErrorString);
  FUNCTION(cudaGetErrorName);
  FUNCTION(cudaGetDeviceCount);
  FUNCTION(cudaGetDevice);
  FUNCTION(cudaSetDevice);
  FUNCTION(cudaDeviceGetAttribute);
  FUNCTION(cudaDeviceSynchronize);
  FUNCTION(cudaMemGetInfo);
  FUNCTION(cudaFree);
  FUNCTION(cudaFreeAsync);
  print_type("cudaHostAlloc", typeid(static_cast<cudaError_t (*)(void**, size_t, unsigned)>(cudaHostAlloc)));
  FUNCTION(cudaFreeHost);
  FUNCTION(cudaPointerGetAttributes);
  print_type("cudaHostGetDevicePointer",
             typeid(static_cast<cudaError_t (*)(void**, void*, unsigned)>(cudaHostGetDevicePointer)));
  FUNCTION(cudaMemcpy);
  FUNCTION(cudaMemcpyAsync);
  FUNCTION(cudaMemset);
  FUNCTION(cudaMemsetAsync);
  FUNCTION(cudaStreamCreate);
  FUNCTION(cudaStreamCreateWithFlags);
  FUNCTION(cudaStreamDestroy);
  FUNCTION(cudaStreamSynchronize);
  FUNCTION(cudaStreamQuery);
  FUNCTION(cudaStreamWaitEvent);
  FUNCTION(cudaStreamBeginCapture);
  FUNCTION(cudaStreamEndCapture);
  FUNCTION(cudaStreamIsCapturing);
  print_type(
      "cudaGraphInstantiate",
      typeid(static_cast<cudaError_t (*)(cudaGraphExec_t*, cudaGraph_t, unsigned long long)>(cudaGraphInstantiate)));
  FUNCTION(cudaGraphLaunch);
  FUNCTION(cudaGraphDestroy);
  FUNCTION(cudaGraphExecDestroy);
  FUNCTION(cudaEventCreateWithFlags);
  FUNCTION(cudaEventDestroy);
  FUNCTION(cudaEventSynchronize);
  FUNCTION(cudaEventQuery);
  FUNCTION(cudaEventElapsedTime);
  FUNCTION(cublasLtGetStatusString);
  FUNCTION(cublasLtCreate);
  FUNCTION(cublasLtMatmulDescCreate);
  FUNCTION(cublasLtMatmulDescDestroy);
  FUNCTION(cublasLtMatmulDescSetAttribute);
  FUNCTION(cublasLtMatrixLayoutCreate);
  FUNCTION(cublasLtMatrixLayoutDestroy);
  FUNCTION(cublasLtMatrixLayoutSetAttribute);
  FUNCTION(cublasLtMatmulPreferenceCreate);
  FUNCTION(cublasLtMatmulPreferenceDestroy);
  FUNCTION(cublasLtMatmulPreferenceSetAttribute);
  FUNCTION(cublasLtMatmulAlgoGetHeuristic);
  FUNCTION(cublasLtMatmul);
}

}  // namespace

int main() {
  print_values();
  print_sizes();
  print_functions();
}
