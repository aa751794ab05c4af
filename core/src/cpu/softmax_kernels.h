// Softmax of one dense row, for the vector unit of this machine's CPU. Every row is read from memory once and then lies
// in the cache: for the maximum, for the exponentials and their sum, to divide.
#pragma once

#include <cstdint>

namespace mote::cpu {

// C is float or double; n is at least 1.
template <class C>
struct SoftmaxKernels {
  // y from x, which may be the same. A row whose maximum is infinite or NaN gives NaN. What is not yet divided is kept
  // in `work`, of n elements: y itself, or memory that stays in the cache, and then y is written past the caches.
  using Forward = void (*)(const C* x, C* work, C* y, int64_t n);
  Forward softmax, log_softmax;
  // y = softmax(scale x) over the places where `filled` is 0; 0 at the others, and everywhere if there are no others.
  void (*masked_softmax)(const C* x, const uint8_t* filled, C scale, C* work, C* y, int64_t n);

  // The gradient of x from that of y, and y; it may be written over either, unless it is written past the caches.
  void (*softmax_backward)(const C* g, const C* y, C scale, C* out, int64_t n, bool streamed);
  void (*log_softmax_backward)(const C* g, const C* y, C* out, int64_t n, bool streamed);
};

template <class C>
const SoftmaxKernels<C>& softmax_kernels();

}  // namespace mote::cpu
