// Batch normalisation.
#pragma once

#include <optional>

#include "mote/nn/module.h"

namespace mote::nn {

struct BatchNormOptions {
  double eps = 1e-5;
  std::optional<double> momentum = 0.1;  // nullopt: the running statistics are plain averages over all batches
  bool affine = true;                    // a weight of ones and a bias of zeros
  bool track_running_stats = true;       // else the batch's statistics are used in evaluation too
  DType dtype = float32;
  Device device = {};
};

// Normalises each of `num_features` channels over the batch (Ioffe and Szegedy 2015): x [N, C] or [N, C, L]. Its
// running_mean, running_var and num_batches_tracked (int64) are buffers, written in training mode.
class BatchNorm1d : public Module {
 public:
  explicit BatchNorm1d(int64_t num_features, const BatchNormOptions& options = {});

  Tensor forward(const Tensor& x) const;
  Tensor operator()(const Tensor& x) const { return forward(x); }
  // Mean 0, variance 1, no batches seen.
  void reset_running_stats();
  std::string extra_repr() const override;

  Parameter weight;
  Parameter bias;
  Buffer running_mean;
  Buffer running_var;
  Buffer num_batches_tracked;

 private:
  int64_t num_features_;
  double eps_;
  std::optional<double> momentum_;
};

}  // namespace mote::nn
