// Losses between numbers, written with public operations.
#include "mote/loss.h"

#include <fmt/format.h>

#include "ops/autocast_operand.h"
#include "ops/loss_reduction.h"
#include "ops/support.h"

namespace mote {

namespace {

void check_same_shape(const char* op, const Tensor& input, const Tensor& target) {
  check_same_device(op, "input", input, "target", target);
  if (input.shape() != target.shape())
    throw ShapeError(fmt::format("{}: expected input and target to have one shape, but got {} and {}", op,
                                 input.shape().str(), target.shape().str()));
}

// d/dx = sigmoid(x) - z, d/dz = -x. With a factor p on the part of z, where s(x) = log(1 + exp(-x)):
// (1 - z) x + (1 + (p - 1) z) s(x), d/dx = 1 - z - (1 + (p - 1) z) sigmoid(-x), d/dz = (p - 1) s(x) - x.
std::array<Tensor, 2> binary_gradients(const Tensor& g, const Needs& needs, const Tensor& x, const Tensor& z,
                                       const Tensor& p) {
  std::array<Tensor, 2> gradients;
  if (!p.defined()) {
    if (needs[0]) gradients[0] = g * (sigmoid(x) - z);
    if (needs[1]) gradients[1] = -g * x;
    return gradients;
  }
  if (needs[0]) gradients[0] = g * (1.0 - z - ((p - 1.0) * z + 1.0) * sigmoid(-x));
  if (needs[1]) gradients[1] = g * ((p - 1.0) * (relu(-x) + log1p(exp(-abs(x)))) - x);
  return gradients;
}

// The losses of the elements: max(x, 0) - x z + log(1 + exp(-|x|)), or the form above; neither overflows.
Tensor binary_losses(const Tensor& x, const Tensor& z, const Tensor& pos_weight) {
  Tensor loss;
  const Tensor p = pos_weight.defined() ? pos_weight.detach() : Tensor();
  {
    const NoGradGuard no_grad;
    const Tensor tail = log1p(exp(-abs(x)));
    loss = p.defined() ? (1.0 - z) * x + ((p - 1.0) * z + 1.0) * (relu(-x) + tail) : relu(x) - x * z + tail;
  }
  if (needs_grad(x, z))
    record("binary_cross_entropy_with_logits", loss, {&x, &z},
           [x = Saved(x), z = Saved(z), p = Saved(p, p.defined())](const Tensor& g, Needs needs) {
             return binary_gradients(g, needs, x(), z(), p ? p() : Tensor());
           });
  return loss;
}

void check_element_weight(const char* op, const char* name, const Tensor& weight, const Tensor& target) {
  if (!weight.defined()) return;
  check_same_device(op, "target", target, name, weight);
  if (broadcast_shapes(op, weight.shape(), target.shape()) != target.shape())
    throw ShapeError(fmt::format("{}: {} of shape {} does not broadcast to the target of shape {}", op, name,
                                 weight.shape().str(), target.shape().str()));
}

}  // namespace

Tensor mse_loss(const Tensor& input, const Tensor& target, Reduction reduction) {
  check_same_device("mse_loss", "input", input, "target", target);
  return reduced(square(sub(Autocast(kLosses, input), Autocast(kLosses, target))), reduction);
}

Tensor l1_loss(const Tensor& input, const Tensor& target, Reduction reduction) {
  check_same_device("l1_loss", "input", input, "target", target);
  return reduced(abs(sub(Autocast(kLosses, input), Autocast(kLosses, target))), reduction);
}

Tensor binary_cross_entropy_with_logits(const Tensor& own_logits, const Tensor& own_target,
                                        const BCEWithLogitsOptions& options) {
  const Autocast cast_logits(kLosses, own_logits), cast_target(kLosses, own_target);
  const Tensor &logits = cast_logits, &target = cast_target;
  const char* op = "binary_cross_entropy_with_logits";
  check_same_shape(op, logits, target);
  check_floating_point(op, logits);
  check_element_weight(op, "weight", options.weight, target);
  check_element_weight(op, "pos_weight", options.pos_weight, target);
  const Tensor loss = binary_losses(logits, target, options.pos_weight);
  return reduced(options.weight.defined() ? loss * options.weight.detach() : loss, options.reduction);
}

Tensor binary_cross_entropy_with_logits(const Tensor& logits, const Tensor& target, Reduction reduction) {
  return binary_cross_entropy_with_logits(logits, target, {.reduction = reduction});
}

}  // namespace mote
