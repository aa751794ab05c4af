// Normalisation over features or over a batch. Differentiable in x, weight and bias.
#pragma once

#include <optional>

#include "mote/tensor.h"

namespace mote {

// (x - mean) / sqrt(var + eps) * weight + bias over the last dimensions, which are `normalized_shape` (Ba et al. 2016).
// weight and bias have that shape or are undefined. Statistics of 16-bit types are float32.
Tensor layer_norm(const Tensor& x, const Shape& normalized_shape, const Tensor& weight = {}, const Tensor& bias = {},
                  double eps = 1e-5);
// x / sqrt(mean(x^2) + eps) * weight over the last dimensions (Zhang and Sennrich 2019). Without a number, eps is the
// machine epsilon of the type that is computed in: 2^-52 for float64, 2^-23 for the others.
Tensor rms_norm(const Tensor& x, const Shape& normalized_shape, const Tensor& weight = {},
                std::optional<double> eps = std::nullopt);

// Batch normalisation over all dimensions but 1 (Ioffe and Szegedy 2015): x [N, C] or [N, C, ...]. In training the
// statistics are the batch's, and running_mean and running_var (unbiased) move by `momentum` toward them, in place;
// otherwise the running ones are used. Any of the four tensors may be undefined, as in torch.batch_norm.
Tensor batch_norm(const Tensor& x, const Tensor& running_mean, const Tensor& running_var, const Tensor& weight = {},
                  const Tensor& bias = {}, bool training = false, double momentum = 0.1, double eps = 1e-5);

}  // namespace mote
