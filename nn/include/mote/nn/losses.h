// Losses as modules; the functions are in mote/loss.h.
#pragma once

#include "mote/loss.h"
#include "mote/nn/module.h"

namespace mote::nn {

// From logits [N, classes, ...] and int64 targets, or the probabilities of the classes. A class weight is a buffer, so
// that it moves with the module.
class CrossEntropyLoss : public Module {
 public:
  explicit CrossEntropyLoss(const CrossEntropyOptions& options = {});
  Tensor forward(const Tensor& logits, const Tensor& target) const;
  Tensor operator()(const Tensor& logits, const Tensor& target) const { return forward(logits, target); }

  Buffer weight;

 private:
  CrossEntropyOptions options_;
};

// The same from log-probabilities.
class NLLLoss : public Module {
 public:
  explicit NLLLoss(const CrossEntropyOptions& options = {});
  Tensor forward(const Tensor& log_probs, const Tensor& target) const;
  Tensor operator()(const Tensor& log_probs, const Tensor& target) const { return forward(log_probs, target); }

  Buffer weight;

 private:
  CrossEntropyOptions options_;
};

struct LossOptions {
  Reduction reduction = Reduction::Mean;
};

class MSELoss : public Module {
 public:
  explicit MSELoss(const LossOptions& options = {}) : reduction_(options.reduction) {}
  Tensor forward(const Tensor& input, const Tensor& target) const { return mote::mse_loss(input, target, reduction_); }
  Tensor operator()(const Tensor& input, const Tensor& target) const { return forward(input, target); }

 private:
  Reduction reduction_;
};

class L1Loss : public Module {
 public:
  explicit L1Loss(const LossOptions& options = {}) : reduction_(options.reduction) {}
  Tensor forward(const Tensor& input, const Tensor& target) const { return mote::l1_loss(input, target, reduction_); }
  Tensor operator()(const Tensor& input, const Tensor& target) const { return forward(input, target); }

 private:
  Reduction reduction_;
};

// The weights are buffers, so that they move with the module.
class BCEWithLogitsLoss : public Module {
 public:
  explicit BCEWithLogitsLoss(const BCEWithLogitsOptions& options = {});
  Tensor forward(const Tensor& logits, const Tensor& target) const;
  Tensor operator()(const Tensor& logits, const Tensor& target) const { return forward(logits, target); }

  Buffer weight;
  Buffer pos_weight;

 private:
  Reduction reduction_;
};

}  // namespace mote::nn
