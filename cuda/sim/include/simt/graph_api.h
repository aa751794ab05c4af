// The part of the runtime API that captures a stream's work in a graph, with the runtime's own names, types and values.
// Apart from the rest, because kernels have no use for it.
#pragma once

#include "simt/runtime_api.h"

inline constexpr cudaError cudaErrorIllegalState = cudaError{401};
inline constexpr cudaError cudaErrorStreamCaptureUnsupported = cudaError{900};
inline constexpr cudaError cudaErrorStreamCaptureInvalidated = cudaError{901};
inline constexpr cudaError cudaErrorStreamCaptureIsolation = cudaError{905};

enum cudaStreamCaptureMode {
  cudaStreamCaptureModeGlobal,
  cudaStreamCaptureModeThreadLocal,
  cudaStreamCaptureModeRelaxed
};
enum cudaStreamCaptureStatus {
  cudaStreamCaptureStatusNone,
  cudaStreamCaptureStatusActive,
  cudaStreamCaptureStatusInvalidated
};

struct CUgraph_st;
struct CUgraphExec_st;
using cudaGraph_t = CUgraph_st*;
using cudaGraphExec_t = CUgraphExec_st*;

extern "C" {
// Relaxed mode only: other calls are cudaErrorInvalidValue. Every captured stream stands alone: events that lead into
// or out of a capture are errors.
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph);
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long flags = 0);
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec);
}
