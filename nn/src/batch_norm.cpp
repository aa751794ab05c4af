#include "mote/nn/batch_norm.h"

#include <fmt/format.h>

#include "mote/creation.h"
#include "mote/error.h"
#include "mote/normalization.h"

namespace mote::nn {

BatchNorm1d::BatchNorm1d(int64_t num_features, const BatchNormOptions& options)
    : num_features_(num_features), eps_(options.eps), momentum_(options.momentum) {
  const TensorOptions of_features{.dtype = options.dtype, .device = options.device};
  const bool affine = options.affine, tracks = options.track_running_stats;
  weight = register_parameter("weight", affine ? mote::ones({num_features}, of_features) : Tensor());
  bias = register_parameter("bias", affine ? mote::zeros({num_features}, of_features) : Tensor());
  running_mean = register_buffer("running_mean", tracks ? mote::zeros({num_features}, of_features) : Tensor());
  running_var = register_buffer("running_var", tracks ? mote::ones({num_features}, of_features) : Tensor());
  num_batches_tracked = register_buffer(
      "num_batches_tracked", tracks ? mote::zeros({}, {.dtype = int64, .device = options.device}) : Tensor());
}

Tensor BatchNorm1d::forward(const Tensor& x) const {
  if ((x.dim() != 2 && x.dim() != 3) || x.size(1) != num_features_)
    throw ShapeError(fmt::format("BatchNorm1d: expected an input of shape [N, {0}] or [N, {0}, L], but got {1}",
                                 num_features_, x.shape().str()));
  const bool tracks = running_mean.defined();
  double average = momentum_.value_or(0.0);
  if (is_training() && tracks) {
    num_batches_tracked.add_(1);
    if (!momentum_) average = 1.0 / static_cast<double>(num_batches_tracked.item<int64_t>());
  }
  return mote::batch_norm(x, running_mean, running_var, weight, bias, is_training() || !tracks, average, eps_);
}

void BatchNorm1d::reset_running_stats() {
  if (!running_mean.defined()) return;
  running_mean.zero_();
  running_var.fill_(1.0);
  num_batches_tracked.zero_();
}

std::string BatchNorm1d::extra_repr() const {
  return fmt::format("{}, eps={}, momentum={}, affine={}, track_running_stats={}", num_features_, eps_,
                     momentum_ ? fmt::format("{}", *momentum_) : "none", weight.defined(), running_mean.defined());
}

}  // namespace mote::nn
