// The fully connected layer.
#pragma once

#include "mote/nn/module.h"

namespace mote::nn {

struct LinearOptions {
  bool bias = true;
  DType dtype = float32;
  Device device = {};
};

// x W^T + b over the last dimension: [..., in_features] -> [..., out_features]. weight [out, in] and bias [out] start
// uniform in ±1/sqrt(in) (He et al. 2015 with a = sqrt(5), as PyTorch), the weight drawn first.
class Linear : public Module {
 public:
  Linear(int64_t in_features, int64_t out_features, const LinearOptions& options = {});

  Tensor forward(const Tensor& x) const;
  Tensor operator()(const Tensor& x) const { return forward(x); }
  std::string extra_repr() const override;

  Parameter weight;
  Parameter bias;  // undefined without a bias
};

}  // namespace mote::nn
