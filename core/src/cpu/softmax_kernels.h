// Softmax of one dense row of float, for the vector unit of this machine's CPU. Every row is read while it lies in the
// cache: once for the maximum, once for the exponentials and their sum, once to divide.
#pragma once

#include <cstdint>

namespace mote::cpu {

struct SoftmaxKernels {
  // y[n] from x[n], n at least 1; y may be x. A row whose maximum is infinite or NaN gives NaN.
  using Forward = void (*)(const float* x, float* y, int64_t n);
  Forward softmax, log_softmax;
  // The gradient of x from that of y, and y; it may be written over either.
  using Backward = void (*)(const float* g, const float* y, float* out, int64_t n);
  Backward softmax_backward, log_softmax_backward;
};

const SoftmaxKernels& softmax_kernels();

}  // namespace mote::cpu
