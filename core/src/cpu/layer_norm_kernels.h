// Layer normalisation and root mean square normalisation of one dense row, for the vector unit of this machine's CPU.
#pragma once

#include <cstdint>

namespace mote::cpu {

template <class C>
struct LayerNormKernels {
  struct Row {
    const C* x;
    const C* weight;  // null for 1
    const C* bias;    // null for 0
    int64_t width;
  };
  // out = (x - mean) * rstd * weight + bias. The row is read once from memory, and then from the cache; `streamed` is
  // whether out is written past the caches.
  using Forward = void (*)(const Row& row, double eps, C* out, bool streamed, C* mean, C* rstd);

  struct Gradients {
    C* x;           // written,
    bool streamed;  // past the caches or not
    C* weight;      // added to, as is the next; each may be null
    C* bias;
  };
  using Backward = void (*)(const Row& row, const C* g, C mean, C rstd, const Gradients& gradients);

  Forward forward;
  Backward backward;
};

// C is float or double. Those that are not centred have no mean: theirs is not written, and taken as 0.
template <class C>
const LayerNormKernels<C>& layer_norm_kernels(bool centred);

}  // namespace mote::cpu
