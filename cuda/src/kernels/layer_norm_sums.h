// The gradients of weight and bias of layer_norm and rms_norm, sums over all rows.
#pragma once

#include <optional>

#include "mote/backend.h"

namespace mote::cuda {

// grad_weight = sum over rows of g (x - mean) rstd, grad_bias = sum of g; [width] each, those that are present. Without
// mean it is 0.
void layer_norm_sums(const char* op, const std::optional<View>& grad_weight, const std::optional<View>& grad_bias,
                     const View& grad_out, const View* mean, const View& rstd, const View& x);

}  // namespace mote::cuda
