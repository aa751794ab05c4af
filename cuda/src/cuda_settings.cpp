// What a user sets for the whole process.
#include <atomic>
#include <cstdlib>
#include <string_view>

#include "mote/cuda.h"

namespace mote::cuda {

namespace {

std::atomic<bool> tf32_allowed{false};

AttentionKernel attention_kernel_of_environment() {
  const char* value = std::getenv("MOTE_CUDA_ATTENTION");
  const std::string_view name = value ? value : "";
  if (name == "naive") return AttentionKernel::Naive;
  if (name == "tiled") return AttentionKernel::Tiled;
  if (name == "tensor_core") return AttentionKernel::TensorCore;
  return AttentionKernel::Automatic;
}

std::atomic<AttentionKernel>& chosen_attention_kernel() {
  static std::atomic<AttentionKernel> kernel{attention_kernel_of_environment()};
  return kernel;
}

}  // namespace

void set_allow_tf32(bool allow) { tf32_allowed = allow; }
bool allow_tf32() { return tf32_allowed; }

void set_attention_kernel(AttentionKernel kernel) { chosen_attention_kernel() = kernel; }
AttentionKernel attention_kernel() { return chosen_attention_kernel(); }

}  // namespace mote::cuda
