// Softmax of one dense row, for the vector unit of this machine's CPU. A row is read for the maximum, and again for the
// exponentials and their sum, which then are divided; what fits into a cache comes from there the second time.
#pragma once

#include <cstdint>

#include "cpu/streaming.h"

namespace mote::cpu {

// C is float or double; n is at least 1.
template <class C>
struct SoftmaxKernels {
  // y from x, which may be the same. A row whose maximum is infinite or NaN gives NaN. What is not yet divided is kept
  // in `work`, of n elements: y itself, or other memory, and then y is written past the caches.
  void (*softmax)(const C* x, C* work, C* y, int64_t n);
  void (*log_softmax)(const C* x, C* y, int64_t n, bool streamed);
  // y = softmax(scale x) over the places where `filled` is 0; 0 at the others, and everywhere if there are no others.
  void (*masked_softmax)(const C* x, const uint8_t* filled, C scale, C* work, C* y, int64_t n);

  // The gradient of x from g, that of y, and y; it may be written over either, unless it is written past the caches:
  // scale y (g - sum(g y)), and g - e^y sum(g).
  void (*softmax_backward)(const C* g, const C* y, C scale, C* out, int64_t n, bool streamed);
  void (*log_softmax_backward)(const C* g, const C* y, C* out, int64_t n, bool streamed);
};

template <class C>
const SoftmaxKernels<C>& softmax_kernels();

// Whether softmax is to be given other memory than the result to work in: it must stay in the first cache.
inline bool works_apart(const Writing& writing, int64_t row_bytes) {
  constexpr int64_t kLeast = 4096, kMost = 32768;
  return row_bytes <= kMost && writing.streams_rows_of(row_bytes, kLeast);
}

}  // namespace mote::cpu
