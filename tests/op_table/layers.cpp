// Rows of fused layers and losses.
#include "op_table/row.h"

namespace mote::op_table {

namespace {

std::vector<Row> normalisations() {
  return {
      {.name = "layer_norm",
       .what = "normalised over the last dimensions (Ba et al. 2016)",
       .torch = "torch.nn.functional.layer_norm(x, (x.shape[-1],), y, z)",
       .inputs = {real(), real(0.5, 1.5), real()},
       .shapes = {{{4, 6}, {6}, {6}}, {{2, 3, 5}, {5}, {5}}, {{0, 4}, {4}, {4}}, {{3}, {3}, {3}}},
       .run = [](In x) { return layer_norm(x[0], {x[0].size(-1)}, x[1], x[2]); },
       .tolerance = 1e-5,
       .bench = {{1024, 768}, {768}, {768}}},
      {.name = "layer_norm.plain",
       .torch = "torch.nn.functional.layer_norm(x, (4, 3))",
       .inputs = {real()},
       .shapes = {{{2, 4, 3}}, {{4, 3}}},
       .run =
           [](In x) {
             return layer_norm(x[0], {4, 3});
           },
       .tolerance = 1e-5},
      {.name = "rms_norm",
       .what = "divided by the root mean square of the last dimensions (Zhang and Sennrich 2019)",
       .torch = "x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-5) * y",
       .inputs = {real(), real(0.5, 1.5)},
       .shapes = {{{4, 6}, {6}}, {{2, 3, 5}, {5}}, {{0, 4}, {4}}},
       .run = [](In x) { return rms_norm(x[0], {x[0].size(-1)}, x[1], 1e-5); },
       .tolerance = 1e-5,
       .bench = {{1024, 768}, {768}}},
      {.name = "batch_norm",
       .what = "normalised over the batch (Ioffe and Szegedy 2015)",
       .torch = "torch.nn.functional.batch_norm(x, None, None, y, z, training=True)",
       .inputs = {real(), real(0.5, 1.5), real()},
       .shapes = {{{5, 3}, {3}, {3}}, {{2, 3, 4}, {3}, {3}}},
       .run = [](In x) { return batch_norm(x[0], {}, {}, x[1], x[2], true); },
       .tolerance = 1e-5},
      {.name = "batch_norm.evaluation",
       .torch = "torch.nn.functional.batch_norm(x, y, z)",
       .inputs = {real(), constant(), constant(0.5, 2)},
       .shapes = {{{5, 3}, {3}, {3}}, {{2, 3, 4}, {3}, {3}}, {{0, 3}, {3}, {3}}},
       .run = [](In x) { return batch_norm(x[0], x[1], x[2]); },
       .tolerance = 1e-5},
  };
}

const std::string kAttention = "torch.softmax((x @ y.transpose(-2, -1) / x.shape[-1]**0.5)";

std::vector<Row> attentions() {
  return {
      {.name = "masked_softmax",
       .what = "softmax of scaled scores where a mask does not hold",
       .torch = "torch.softmax((x * 0.25).masked_fill(y, -float('inf')), -1).nan_to_num(0)",
       .inputs = {real(-4, 4), mask()},
       .shapes = {{{2, 4, 6}, {4, 6}}, {{3, 5}, {3, 5}}, {{0, 4}, {4}}, {{2, 1}, {2, 1}}},
       .run = [](In x) { return masked_softmax(x[0], x[1], {.scale = 0.25}); },
       .tolerance = 1e-5,
       .bench = {{48, 256, 256}, {256, 256}}},
      {.name = "scaled_dot_product_attention",
       .what = "softmax(scale q k^T, masked) v without holding the scores",
       .torch = kAttention + ", -1) @ z",
       .inputs = {real(), real(), real()},
       .shapes = {{{2, 2, 5, 4}, {2, 2, 7, 4}, {2, 2, 7, 3}}, {{1, 1, 1, 1}, {1, 1, 1, 1}, {1, 1, 1, 1}}},
       .run = [](In x) { return scaled_dot_product_attention(x[0], x[1], x[2]); },
       .tolerance = 1e-5,
       .bench = {{4, 12, 256, 64}, {4, 12, 256, 64}, {4, 12, 256, 64}}},
      {.name = "scaled_dot_product_attention.causal",
       .torch = kAttention + ".masked_fill(torch.ones(5, 5).triu(1).bool(), -float('inf')), -1) @ z",
       .inputs = {real(), real(), real()},
       .shapes = {{{2, 2, 5, 4}, {2, 2, 5, 4}, {2, 2, 5, 4}}},
       .run = [](In x) { return scaled_dot_product_attention(x[0], x[1], x[2], {.is_causal = true}); },
       .tolerance = 1e-5,
       .bench = {{4, 12, 256, 64}, {4, 12, 256, 64}, {4, 12, 256, 64}}},
      {.name = "scaled_dot_product_attention.mask",
       .torch = kAttention + ".masked_fill(~w, -float('inf')), -1).nan_to_num(0) @ z",
       .inputs = {real(), real(), real(), mask()},
       .shapes = {{{2, 2, 5, 4}, {2, 2, 7, 4}, {2, 2, 7, 3}, {5, 7}}, {{1, 2, 3, 4}, {1, 2, 3, 4}, {1, 2, 3, 4}, {3}}},
       .run = [](In x) { return scaled_dot_product_attention(x[0], x[1], x[2], {.mask = x[3]}); },
       .tolerance = 3e-5},  // gradients of weights near 1 are small differences of large terms
  };
}

std::vector<Row> lookups() {
  return {
      {.name = "embedding",
       .what = "rows of a table",
       .torch = "torch.nn.functional.embedding(y, x)",
       .inputs = {real(), positions(5)},
       .shapes = {{{5, 3}, {2, 4}}, {{5, 3}, {0}}, {{5, 3}, {}}},
       .run = [](In x) { return embedding(x[0], x[1]); },
       .bench = {{50257, 768}, {4, 256}}},
      {.name = "one_hot",
       .what = "1 at each index, 0 elsewhere",
       .torch = "torch.nn.functional.one_hot(x, 4)",
       .inputs = {positions(4)},
       .shapes = {{{2, 3}}, {{0}}, {{}}},
       .run = [](In x) { return one_hot(x[0], 4); },
       .dtypes = {DType::Int64},
       .gradient = Gradient::None},
      {.name = "dropout",
       .what = "elements dropped at random in training (Srivastava et al. 2014); here in evaluation",
       .torch = "torch.nn.functional.dropout(x, 0.5, training=False)",
       .inputs = {real()},
       .shapes = {{{3, 4}}, {{0}}},
       .run = [](In x) { return dropout(x[0], 0.5, false); }},
  };
}

}  // namespace

std::vector<Row> layer_rows() {
  std::vector<Row> rows = normalisations();
  for (auto* part : {attentions, lookups})
    for (Row& row : part()) rows.push_back(std::move(row));
  return rows;
}

std::vector<Row> loss_rows() {
  const auto pair = [](const std::string& name, const std::string& what, const std::string& torch, auto function) {
    return Row{.name = name,
               .what = what,
               .torch = "torch.nn.functional." + torch,
               .inputs = {real(), real(0.1, 0.9)},
               .shapes = {{{4, 3}, {4, 3}}, {{}, {}}, {{1}, {1}}},
               .run = [function](In x) { return function(x[0], x[1]); },
               .tolerance = 1e-5};
  };
  using T = const Tensor&;
  return {
      {.name = "cross_entropy",
       .what = "negative log-likelihood of classes under softmax",
       .torch = "torch.nn.functional.cross_entropy(x, y)",
       .inputs = {real(-4, 4), positions(5)},
       .shapes = {{{4, 5}, {4}}, {{5}, {}}, {{2, 5, 3}, {2, 3}}, {{1, 5}, {1}}},
       .run = [](In x) { return cross_entropy(x[0], x[1]); },
       .tolerance = 1e-5,
       .bench = {{1024, 5}, {1024}}},
      {.name = "cross_entropy.options",
       .torch = "torch.nn.functional.cross_entropy(x, y, z, reduction='none', ignore_index=2, label_smoothing=0.1)",
       .inputs = {real(-4, 4), positions(5), constant(0.25, 2)},
       .shapes = {{{4, 5}, {4}, {5}}},
       .run =
           [](In x) {
             return cross_entropy(
                 x[0], x[1], {.weight = x[2], .ignore_index = 2, .reduction = Reduction::None, .label_smoothing = 0.1});
           },
       .tolerance = 1e-5},
      {.name = "cross_entropy.probabilities",
       .torch = "torch.nn.functional.cross_entropy(x, y, z, label_smoothing=0.1)",
       .inputs = {real(-4, 4), real(0.1, 0.4), constant(0.25, 2)},
       .shapes = {{{4, 5}, {4, 5}, {5}}, {{5}, {5}, {5}}, {{2, 5, 3}, {2, 5, 3}, {5}}, {{0, 5}, {0, 5}, {5}}},
       .run = [](In x) { return cross_entropy(x[0], x[1], {.weight = x[2], .label_smoothing = 0.1}); },
       .tolerance = 1e-5},
      {.name = "nll_loss",
       .what = "negative log-likelihood of classes from log-probabilities",
       .torch = "torch.nn.functional.nll_loss(x, y)",
       .inputs = {real(-4, -0.25), positions(5)},
       .shapes = {{{4, 5}, {4}}, {{1, 5}, {1}}},
       .run = [](In x) { return nll_loss(x[0], x[1]); },
       .tolerance = 1e-5},
      pair("mse_loss", "mean squared difference", "mse_loss(x, y)", [](T a, T b) { return mse_loss(a, b); }),
      pair("mse_loss.sum", "", "mse_loss(x, y, reduction='sum')",
           [](T a, T b) { return mse_loss(a, b, Reduction::Sum); }),
      pair("l1_loss", "mean absolute difference", "l1_loss(x, y)", [](T a, T b) { return l1_loss(a, b); }),
      pair("binary_cross_entropy_with_logits", "log loss of probabilities given as logits",
           "binary_cross_entropy_with_logits(x, y)", [](T a, T b) { return binary_cross_entropy_with_logits(a, b); }),
      {.name = "binary_cross_entropy_with_logits.weights",
       .torch = "torch.nn.functional.binary_cross_entropy_with_logits(x, y, z, pos_weight=w)",
       .inputs = {real(), real(0.1, 0.9), constant(0.25, 2), constant(0.5, 3)},
       .shapes = {{{4, 3}, {4, 3}, {4, 1}, {3}}, {{}, {}, {}, {}}},
       .run = [](In x) { return binary_cross_entropy_with_logits(x[0], x[1], {.weight = x[2], .pos_weight = x[3]}); },
       .tolerance = 1e-5},
  };
}

}  // namespace mote::op_table
