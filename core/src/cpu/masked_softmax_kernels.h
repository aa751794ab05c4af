// Masked softmax of one dense row, for the vector unit of this machine's CPU.
#pragma once

#include <cstdint>

namespace mote::cpu {

template <class C>
struct MaskedSoftmaxKernels {
  // y = softmax(scale * x) over the places where `filled` is 0; 0 at the others, and everywhere if there are no others.
  // `filled` is null for none. y may be x.
  using Forward = void (*)(const C* x, const uint8_t* filled, C scale, C* y, int64_t n);
  // out = scale * y * (g - sum(g * y)); out may be g or y.
  using Backward = void (*)(const C* g, const C* y, C scale, C* out, int64_t n);

  Forward forward;
  Backward backward;
};

// C is float or double.
template <class C>
const MaskedSoftmaxKernels<C>& masked_softmax_kernels();

}  // namespace mote::cpu
