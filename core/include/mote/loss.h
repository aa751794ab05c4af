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
// target int64 without the class dimension. The mean is over targets that are not ignored, each counted with its
// weight. IndexError for a target outside [0, classes). Differentiable in logits.
//
// A floating-point target of the shape of logits holds the probabilities of the classes, and the loss is
// -sum(weight * target * log softmax(logits)) over the classes; its mean is over rows, whatever their weight, and
// ignore_index does not apply (ValueError where it is 0 or more). Differentiable in logits and target.
Tensor cross_entropy(const Tensor& logits, const Tensor& target, const CrossEntropyOptions& options = {});

// -log_probs[target], from log-probabilities.
Tensor nll_loss(const Tensor& log_probs, const Tensor& target, const CrossEntropyOptions& options = {});

Tensor mse_loss(const Tensor& input, const Tensor& target, Reduction reduction = Reduction::Mean);
Tensor l1_loss(const Tensor& input, const Tensor& target, Reduction reduction = Reduction::Mean);

// Both weights broadcast to the target and are constants: no gradient goes into them.
struct BCEWithLogitsOptions {
  Tensor weight = {};  // rescales the loss of each element
  Reduction reduction = Reduction::Mean;
  Tensor pos_weight = {};  // rescales the part of the positive class: above 1 it raises recall, below 1 precision
};

// -(pos_weight * z * log sigmoid(x) + (1 - z) * log(1 - sigmoid(x))) of logits x and targets z of one shape, without
// overflow. Differentiable in logits and target.
Tensor binary_cross_entropy_with_logits(const Tensor& logits, const Tensor& target,
                                        const BCEWithLogitsOptions& options = {});
Tensor binary_cross_entropy_with_logits(const Tensor& logits, const Tensor& target, Reduction reduction);

}  // namespace mote
