// Softmax along the last dimension, its logarithm, and with a mask.
#include <cmath>

#include "harness/operation.h"
#include "rows.h"

namespace bench {

namespace {

constexpr double kForwardFlops = 5;  // an element: maximum, difference, exponential, sum, product
constexpr double kBothFlops = 9;

Tensor naive_softmax(const Tensor& x) {
  const Tensor e = mote::exp(x - x.detach().amax({-1}, true));
  return e / e.sum({-1}, true);
}

Operation base(const char* name, const Choice<Shape>& shape) {
  const auto n = static_cast<double>(shape.value.numel());
  return {.family = "softmax",
          .name = name,
          .shape = shape_name(shape.value),
          .headline = shape.headline,
          .inputs = {normal(shape.value)},
          .forward_flops = kForwardFlops * n,
          .both_flops = kBothFlops * n};
}

void add_plain(Rows& rows, const Selection& selection, const Choice<Shape>& shape) {
  Operation operation = base("softmax", shape);
  operation.run = [](const auto& in) { return mote::softmax(in[0], -1); };
  operation.reference = [](const auto& in) { return naive_softmax(in[0]); };
  operation.torch = {{.run = "torch.softmax(x, -1)"}};
  add(rows, operation, selection);
}

void add_log(Rows& rows, const Selection& selection, const Choice<Shape>& shape) {
  Operation operation = base("log_softmax", shape);
  operation.run = [](const auto& in) { return mote::log_softmax(in[0], -1); };
  operation.reference = [](const auto& in) { return mote::log(naive_softmax(in[0])); };
  operation.torch = {{.run = "torch.log_softmax(x, -1)"}};
  add(rows, operation, selection);
}

// Scores of attention, [B, H, T, T], under a causal mask (true = filled) that all heads share.
void add_masked(Rows& rows, const Selection& selection, const Choice<Shape>& shape) {
  const int64_t length = shape.value.back();
  Operation operation = base("masked_softmax_causal", shape);
  operation.inputs.push_back({[length] {
                                return mote::triu(mote::ones({length, length}), 1) > 0.5;
                              },
                              "torch.triu(torch.ones" + torch_shape({length, length}) + ", 1) > 0.5", false});
  // Scores read and weights written; backward, which needs no mask, reads these and their gradient and writes that of
  // the scores.
  const auto n = static_cast<double>(shape.value.numel());
  operation.tolerance = 5e-5;  // rows with few scores have gradients far above the mean of all, and round accordingly
  operation.both_bytes = 4 * 5 * n + static_cast<double>(length * length);
  operation.run = [](const auto& in) { return mote::masked_softmax(in[0], in[1], {.scale = 0.125}); };
  operation.reference = [](const auto& in) {
    return naive_softmax(mote::masked_fill(in[0] * 0.125, in[1], -INFINITY));
  };
  operation.torch = {{.run = "torch.softmax((x * 0.125).masked_fill(y, -float('inf')), -1)"}};
  add(rows, operation, selection);
}

}  // namespace

void add_softmax(Rows& rows, const Selection& selection) {
  // 64 MiB are beyond the caches.
  for (const auto& shape :
       choose<Shape>(selection, {{12288, 256}, {16384, 1024}}, {{1024, 1024}, {1024, 50257}, {4096, 64}}, {{6, 45}}))
    add_plain(rows, selection, shape);
  for (const auto& shape :
       choose<Shape>(selection, {{12288, 256}}, {{16384, 1024}, {1024, 1024}, {1024, 50257}, {4096, 64}}, {{6, 45}}))
    add_log(rows, selection, shape);
  for (const auto& shape :
       choose<Shape>(selection, {{4, 12, 256, 256}, {1, 16, 1024, 1024}}, {{1, 12, 1024, 1024}}, {{2, 2, 9, 9}}))
    add_masked(rows, selection, shape);
}

}  // namespace bench
