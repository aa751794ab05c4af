// Cross-entropy over one dense row of logits, for the vector unit of this machine's CPU.
#pragma once

#include <cstdint>

namespace mote::cpu {

template <class C>
struct CrossEntropyKernels {
  struct Sums {
    C maximum;
    C log_sum;  // of e^(x - maximum)
    C total;    // of x - maximum, where asked for
  };
  // Reads a long row once, another twice, and again for the total.
  using Forward = Sums (*)(const C* x, int64_t n, bool with_total);
  // out = (e^(x - maximum - log_sum) - shift) * g; out may be x, unless it is written past the caches.
  using Backward = void (*)(const C* x, C maximum, C log_sum, C shift, C g, C* out, int64_t n, bool streamed);

  Forward forward;
  Backward backward;
};

// C is float or double.
template <class C>
const CrossEntropyKernels<C>& cross_entropy_kernels();

}  // namespace mote::cpu
