// Attention under each kind of mask, against the composed form and fused ones.
#include <fmt/format.h>

#include <cmath>

#include "harness/operation.h"
#include "rows.h"

namespace bench {

namespace {

// Queries that see few keys have gradients far above the mean, by which the error is measured, and round accordingly.
constexpr double kTolerance = 5e-5;

struct Sizes {
  int64_t batch, heads, length, width;
};

struct Mask {
  const char* name;
  std::optional<Value> value = {};  // bool, true = may attend; [B, 1 or H, T or 1, T]
  bool causal = false;
  double live = 1;  // the share of scores that are needed
};

// Sequences that fill all, three quarters, a half and a quarter of the length, in turn.
Mask padding(const Sizes& s) {
  const auto make = [s] {
    const Tensor lengths = (4 - mote::arange(s.batch).remainder(4)) * s.length / 4;
    return mote::arange(s.length).to(mote::float32) < lengths.reshape({s.batch, 1, 1, 1});
  };
  const std::string torch = fmt::format(
      "torch.arange({1}) < ((4 - torch.arange({0}) % 4) * {1} / 4).reshape({0}, 1, 1, 1)", s.batch, s.length);
  return {.name = "padding", .value = Value{make, torch, false}, .live = 0.625};
}

std::vector<Mask> masks(const Sizes& s) {
  const double length = static_cast<double>(s.length);
  return {{.name = "full"},
          {.name = "causal", .causal = true, .live = (length + 1) / (2 * length)},
          {.name = "random", .value = coin(0.5, {s.batch, s.heads, s.length, s.length})},
          padding(s)};
}

Tensor naive_attention(const std::vector<Tensor>& in, bool causal) {
  const double scale = 1 / std::sqrt(static_cast<double>(in[0].size(-1)));
  Tensor scores = mote::matmul(in[0], in[1].transpose(-2, -1)) * scale;
  const int64_t length = scores.size(-1);
  if (causal) scores = mote::masked_fill(scores, mote::triu(mote::ones({length, length}), 1) > 0.5, -INFINITY);
  if (in.size() > 3) scores = mote::masked_fill(scores, mote::logical_not(in[3]), -INFINITY);
  return mote::matmul(mote::softmax(scores, -1), in[2]);
}

std::vector<TorchForm> torch_forms(const Sizes& s, const Mask& mask) {
  const std::string scores = fmt::format("(x @ y.transpose(-2, -1) * {})", 1 / std::sqrt(static_cast<double>(s.width)));
  TorchForm composed{.form = "composed"}, fused{.form = "SDPA"};
  if (mask.causal) {
    composed.setup = fmt::format("filled = torch.triu(torch.ones({0}, {0}, device=device), 1) > 0.5", s.length);
    composed.run = "torch.softmax(" + scores + ".masked_fill(filled, -float('inf')), -1) @ z";
    fused.run = "F.scaled_dot_product_attention(x, y, z, is_causal=True)";
  } else if (mask.value) {
    composed.setup = "filled = ~w";
    composed.run = "torch.softmax(" + scores + ".masked_fill(filled, -float('inf')), -1) @ z";
    fused.run = "F.scaled_dot_product_attention(x, y, z, attn_mask=w)";
  } else {
    composed.run = "torch.softmax(" + scores + ", -1) @ z";
    fused.run = "F.scaled_dot_product_attention(x, y, z)";
  }
  return {composed, fused};
}

void add_masked(Rows& rows, const Selection& selection, const Choice<Sizes>& choice, const Mask& mask) {
  const Sizes& s = choice.value;
  const Shape shape{s.batch, s.heads, s.length, s.width};
  // Two products forward; four more backward, without the scores that a fused kernel computes again.
  const double product =
      mask.live * 2.0 * static_cast<double>(s.batch * s.heads * s.length * s.length) * static_cast<double>(s.width);
  Operation operation{.family = "attention",
                      .name = mask.name,
                      .shape = fmt::format("B{}H{}T{}D{}", s.batch, s.heads, s.length, s.width),
                      .headline = choice.headline,
                      .inputs = {normal(shape), normal(shape), normal(shape)},
                      .reference = [causal = mask.causal](const auto& in) { return naive_attention(in, causal); },
                      .torch = torch_forms(s, mask),
                      .forward_flops = 2 * product,
                      .both_flops = 6 * product,
                      .tolerance = kTolerance};
  if (mask.value) operation.inputs.push_back(*mask.value);
  operation.run = [causal = mask.causal](const auto& in) {
    return mote::scaled_dot_product_attention(in[0], in[1], in[2],
                                              {.mask = in.size() > 3 ? in[3] : Tensor(), .is_causal = causal});
  };
  add(rows, operation, selection);
}

}  // namespace

void add_attention(Rows& rows, const Selection& selection) {
  const std::vector<Sizes> sweep = {{1, 12, 1024, 64}, {4, 6, 256, 64}, {2, 8, 512, 128}, {8, 8, 64, 32}};
  for (const auto& sizes : choose<Sizes>(selection, {{4, 12, 256, 64}}, sweep, {{2, 2, 24, 8}}))
    for (const Mask& mask : masks(sizes.value)) add_masked(rows, selection, sizes, mask);
}

}  // namespace bench
