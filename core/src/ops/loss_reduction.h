#pragma once

#include "mote/loss.h"

namespace mote {

// The mean or the sum of the elements' losses, or these themselves. Differentiable.
inline Tensor reduced(const Tensor& loss, Reduction reduction) {
  switch (reduction) {
    case Reduction::Mean:
      return loss.mean();
    case Reduction::Sum:
      return loss.sum();
    case Reduction::None:
      break;
  }
  return loss;
}

}  // namespace mote
