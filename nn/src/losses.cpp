#include "mote/nn/losses.h"

namespace mote::nn {

CrossEntropyLoss::CrossEntropyLoss(const CrossEntropyOptions& options)
    : weight(register_buffer("weight", options.weight)), options_(options) {}

Tensor CrossEntropyLoss::forward(const Tensor& logits, const Tensor& target) const {
  CrossEntropyOptions options = options_;
  options.weight = weight;
  return mote::cross_entropy(logits, target, options);
}

NLLLoss::NLLLoss(const CrossEntropyOptions& options)
    : weight(register_buffer("weight", options.weight)), options_(options) {}

Tensor NLLLoss::forward(const Tensor& log_probs, const Tensor& target) const {
  CrossEntropyOptions options = options_;
  options.weight = weight;
  return mote::nll_loss(log_probs, target, options);
}

BCEWithLogitsLoss::BCEWithLogitsLoss(const BCEWithLogitsOptions& options)
    : weight(register_buffer("weight", options.weight)),
      pos_weight(register_buffer("pos_weight", options.pos_weight)),
      reduction_(options.reduction) {}

Tensor BCEWithLogitsLoss::forward(const Tensor& logits, const Tensor& target) const {
  return mote::binary_cross_entropy_with_logits(logits, target,
                                                {.weight = weight, .reduction = reduction_, .pos_weight = pos_weight});
}

}  // namespace mote::nn
