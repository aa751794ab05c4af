#include "cuda_check.h"

#include <fmt/format.h>

#include <cstdlib>
#include <string_view>

#include "mote/error.h"
#include "mote/recording.h"

namespace mote::cuda {

bool synchronizes_each_launch() {
  static const bool wanted = [] {
    const char* value = std::getenv("MOTE_CUDA_SYNC");
    return value && std::string_view(value) != "0" && !std::string_view(value).empty();
  }();
  return wanted && !Recording::current();  // what is captured does not run yet
}

void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // an error that does not stick must not be reported twice
  const char* hint = synchronizes_each_launch()
                         ? ""
                         : "; the cause may be an earlier operation: MOTE_CUDA_SYNC=1 in the environment finds it";
  throw CudaError(fmt::format("{}: {} ({}){}", what, cudaGetErrorString(status), cudaGetErrorName(status), hint));
}

void throw_not_for(const char* op, DType dtype) {
  throw DTypeError(fmt::format("{} is not implemented for {} on cuda", op, name_of(dtype)));
}

}  // namespace mote::cuda
