// Losses. `reduction` is Mean unless said otherwise, as in PyTorch.
#pragma once

#include "mote/tensor.h"

namespace mote {

enum class Reduction { None, Mean, Sum };

struct CrossEntropyOptions {
  Tensor weight = {};           // [classes]: rescales each class
  int64_t ignore_index = -100;  // targets of this value count for nothing
  Reduction reduction = Reduction::Mean;
  double label_smoothing = 0.0;
};

// -log softmax(logits)[target], fused with its gradient. logits [rows, classes] or [classes] or [N, classes, ...];
// target int64 without the class dimension. The mean is over targets that are not ignored. IndexError for a target
// outside [0, classes). Differentiable in logits.
Tensor cross_entropy(const Tensor& logits, const Tensor& target, const CrossEntropyOptions& options = {});

// -log_probs[target], from log-probabilities.
Tensor nll_loss(const Tensor& log_probs, const Tensor& target, const CrossEntropyOptions& options = {});

Tensor mse_loss(const Tensor& input, const Tensor& target, Reduction reduction = Reduction::Mean);
Tensor l1_loss(const Tensor& input, const Tensor& target, Reduction reduction = Reduction::Mean);
Tensor binary_cross_entropy_with_logits(const Tensor& logits, const Tensor& target,
                                        Reduction reduction = Reduction::Mean);

}  // namespace mote
