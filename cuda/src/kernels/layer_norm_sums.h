// The gradients of layer_norm's weight and bias, sums over all rows.
#pragma once

#include <optional>

#include "mote/backend.h"

namespace mote::cuda {

// grad_weight = sum over rows of g (x - mean) rstd, grad_bias = sum of g; [width] each, those that are present.
void layer_norm_sums(const std::optional<View>& grad_weight, const std::optional<View>& grad_bias, const View& grad_out,
                     const View& mean, const View& rstd, const View& x);

}  // namespace mote::cuda
