// Normalisation over the features of each row. BatchNorm1d is in batch_norm.h.
#pragma once

#include "mote/nn/module.h"

namespace mote::nn {

struct LayerNormOptions {
  double eps = 1e-5;
  bool elementwise_affine = true;  // a weight of ones and, with `bias`, a bias of zeros
  bool bias = true;
  DType dtype = float32;
  Device device = {};
};

// (x - mean) / sqrt(var + eps) * weight + bias over the last dimensions, which are `normalized_shape` (Ba et al. 2016).
class LayerNorm : public Module {
 public:
  explicit LayerNorm(int64_t width, const LayerNormOptions& options = {});
  explicit LayerNorm(const Shape& normalized_shape, const LayerNormOptions& options = {});

  Tensor forward(const Tensor& x) const;
  Tensor operator()(const Tensor& x) const { return forward(x); }
  std::string extra_repr() const override;

  Parameter weight;
  Parameter bias;

 private:
  Shape normalized_shape_;
  double eps_;
};

struct RMSNormOptions {
  std::optional<double> eps;  // the machine epsilon of the type that is computed in, where it is left out
  bool elementwise_affine = true;
  DType dtype = float32;
  Device device = {};
};

// x / sqrt(mean(x^2) + eps) * weight over the last dimensions (Zhang and Sennrich 2019).
class RMSNorm : public Module {
 public:
  explicit RMSNorm(int64_t width, const RMSNormOptions& options = {});
  explicit RMSNorm(const Shape& normalized_shape, const RMSNormOptions& options = {});

  Tensor forward(const Tensor& x) const;
  Tensor operator()(const Tensor& x) const { return forward(x); }
  std::string extra_repr() const override;

  Parameter weight;

 private:
  Shape normalized_shape_;
  std::optional<double> eps_;
};

}  // namespace mote::nn
