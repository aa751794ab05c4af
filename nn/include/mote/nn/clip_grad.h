// Clipping of gradients, and parameters as one vector.
#pragma once

#include <vector>

#include "mote/nn/slot.h"

namespace mote::nn {

// Scales all gradients by one factor, so that their norm taken together is at most max_norm (Pascanu et al. 2013).
// norm_type is the p of the norm; infinity takes the largest absolute value. Returns the norm before, as a tensor of no
// dimensions on the device of the first gradient. With error_if_nonfinite a StateError for NaN or infinity, in which
// case nothing is scaled. Parameters without a gradient are passed over.
Tensor clip_grad_norm_(const std::vector<Parameter>& parameters, double max_norm, double norm_type = 2.0,
                       bool error_if_nonfinite = false);

// Limits every element of every gradient to [-clip_value, clip_value].
void clip_grad_value_(const std::vector<Parameter>& parameters, double clip_value);

// All elements in a row, in the order of `parameters`; differentiable. And back: the data is copied.
Tensor parameters_to_vector(const std::vector<Parameter>& parameters);
void vector_to_parameters(const Tensor& vector, const std::vector<Parameter>& parameters);

}  // namespace mote::nn
