// Losses.
#include "harness/operation.h"
#include "rows.h"

namespace bench {

namespace {

Tensor naive_cross_entropy(const std::vector<Tensor>& in) {
  const Tensor shifted = in[0] - in[0].detach().amax({-1}, true);
  const Tensor log_probabilities = shifted - mote::log(mote::exp(shifted).sum({-1}, true));
  return -log_probabilities.gather(-1, in[1].unsqueeze(-1)).mean();
}

void add_cross_entropy(Rows& rows, const Selection& selection, const Choice<Shape>& shape) {
  const auto n = static_cast<double>(shape.value.numel());
  add(rows,
      {.family = "loss",
       .name = "cross_entropy",
       .shape = shape_name(shape.value),
       .headline = shape.headline,
       .inputs = {normal(shape.value), integers(shape.value[1], {shape.value[0]})},
       .run = [](const auto& in) { return mote::cross_entropy(in[0], in[1]); },
       .reference = naive_cross_entropy,
       .torch = {{.run = "F.cross_entropy(x, y)"}},
       .forward_flops = 4 * n,
       .both_flops = 8 * n,
       .both_bytes = 12 * n},  // read, and read again for the gradient
      selection);
}

void add_mse(Rows& rows, const Selection& selection, const Choice<Shape>& shape) {
  const auto n = static_cast<double>(shape.value.numel());
  add(rows,
      {.family = "loss",
       .name = "mse_loss",
       .shape = shape_name(shape.value),
       .headline = shape.headline,
       .inputs = {normal(shape.value), constant(normal(shape.value))},
       .run = [](const auto& in) { return mote::mse_loss(in[0], in[1]); },
       .reference = [](const auto& in) { return mote::square(in[0] - in[1]).mean(); },
       .torch = {{.run = "F.mse_loss(x, y)"}},
       .forward_flops = 3 * n,
       .both_flops = 5 * n},
      selection);
}

}  // namespace

void add_loss(Rows& rows, const Selection& selection) {
  for (const auto& shape : choose<Shape>(selection, {{1024, 50257}}, {{1024, 65}, {4096, 1000}}, {{6, 19}}))
    add_cross_entropy(rows, selection, shape);
  for (const auto& shape : choose<Shape>(selection, {}, {{1 << 22}}, {{101}})) add_mse(rows, selection, shape);
}

}  // namespace bench
