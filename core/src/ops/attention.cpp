// Masked softmax and scaled dot-product attention. Both have fused kernels; what create_graph needs is written once
// more with public operations.
#include "mote/attention.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "mote/creation.h"
#include "mote/embedding.h"
#include "mote/philox.h"
#include "mote/random.h"
#include "mote/recording.h"
#include "ops/autocast_operand.h"
#include "ops/support.h"

namespace mote {

namespace {

void check_dropout(const char* op, double p) {
  if (!(p >= 0.0 && p <= 1.0))
    throw ValueError(fmt::format("{}: expected the dropout probability to be in [0, 1], but got {}", op, p));
}

// A mask is bool and broadcasts to `shape`.
void check_mask(const char* op, const Tensor& mask, const Shape& shape) {
  if (mask.dtype() != DType::Bool)
    throw DTypeError(fmt::format("{}: expected mask to be bool, but got {}; write `mask == 0` or `mask != 0`", op,
                                 name_of(mask.dtype())));
  bool fits = mask.dim() <= shape.rank();
  for (int i = 1; fits && i <= mask.dim(); ++i) fits = mask.size(-i) == 1 || mask.size(-i) == shape[shape.rank() - i];
  if (!fits)
    throw ShapeError(
        fmt::format("{}: expected mask to broadcast to {}, but got shape {}", op, shape.str(), mask.shape().str()));
}

// The gradient of the scores of a softmax with the weights p; g is that of p.
Tensor softmax_gradient(const Tensor& g, const Tensor& p) { return p * (g - (g * p).sum(-1, true)); }

// softmax(scale * scores), filled where mask holds.
Tensor fused_masked_softmax(const Tensor& scores, const Tensor& mask, double scale) {
  Tensor out = make_result("masked_softmax", scores.shape(), scores.dtype(), scores.device());
  backend_of(scores).masked_softmax(view_of(out), view_of(scores), view_of(mask, scores.shape()), scale);
  if (needs_grad(scores))
    record("masked_softmax", out, {&scores}, [p = SavedOutput(out), scale](const Tensor& g) {
      if (is_grad_enabled()) return softmax_gradient(g, p()) * scale;
      Tensor grad = make_result("masked_softmax", g.shape(), g.dtype(), g.device());
      backend_of(g).masked_softmax_backward(view_of(grad), view_of(g), view_of(p()), scale);
      return grad;
    });
  return out;
}

}  // namespace

Tensor masked_softmax(const Tensor& own_scores, const Tensor& mask, const MaskedSoftmaxOptions& options) {
  const Autocast cast(kWideFunctions, own_scores);
  const Tensor& scores = cast;
  check_same_device("masked_softmax", "scores", scores, "mask", mask);
  check_floating_point("masked_softmax", scores);
  check_dropout("masked_softmax", options.dropout);
  if (scores.dim() == 0) throw ShapeError("masked_softmax: expected scores with a last dimension, but got a number");
  check_mask("masked_softmax", mask, scores.shape());
  return dropout(fused_masked_softmax(scores, mask, options.scale), options.dropout);
}

namespace {

// The operands of one call, as batches of heads.
struct Attention {
  Tensor q, k, v;
  Tensor mask;  // bool, broadcast to [B, H, Q, K]; undefined for none
  bool causal = false;
  double scale = 1.0;
  double dropout_p = 0.0;
  uint64_t seed = 0;
  Tensor recorded_seed = {};  // int64 [1], in place of `seed` while the device's work is recorded

  Shape scores_shape() const { return {q.size(0), q.size(1), q.size(2), k.size(2)}; }

  AttentionArgs args() const {
    AttentionArgs result{.q = view_of(q), .k = view_of(k), .v = view_of(v), .mask = {}};
    if (mask.defined()) result.mask = view_of(mask, scores_shape());
    result.causal = causal;
    result.scale = scale;
    result.dropout_p = dropout_p;
    result.seed = seed;
    if (recorded_seed.defined()) result.recorded_seed = static_cast<const uint64_t*>(data_of(recorded_seed));
    return result;
  }
};

void check_attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options) {
  const char* op = "scaled_dot_product_attention";
  check_same_device(op, {{"q", &q}, {"k", &k}, {"v", &v}});
  check_floating_point(op, q);
  check_dtype(op, "k", k, q.dtype());
  check_dtype(op, "v", v, q.dtype());
  check_dropout(op, options.dropout_p);
  const int rank = q.shape().rank();
  bool fits = rank >= 2 && rank <= 4 && k.dim() == rank && v.dim() == rank;
  for (int i = 0; fits && i < rank - 2; ++i) fits = k.shape()[i] == q.shape()[i] && v.shape()[i] == q.shape()[i];
  fits = fits && k.size(-1) == q.size(-1) && v.size(-2) == k.size(-2);
  if (!fits)
    throw ShapeError(fmt::format(
        "{}: expected q [..., Q, D], k [..., K, D] and v [..., K, Dv] of one rank from 2 to 4 with the same leading "
        "sizes, but got q {}, k {} and v {}",
        op, q.shape().str(), k.shape().str(), v.shape().str()));
  if (!options.mask.defined()) return;
  check_same_device(op, "q", q, "mask", options.mask);
  Shape scores = q.shape();
  scores[rank - 1] = k.size(-2);
  check_mask(op, options.mask, scores);
}

// The factors of dropout, [B, H, Q, K], as the kernels apply them.
Tensor dropout_factors(const Attention& a) {
  const Shape shape = a.scores_shape();
  const int64_t keys = shape[3], heads = shape[0] * shape[1], queries = shape[2];
  Tensor factors = make_result("scaled_dot_product_attention", shape, DType::Float32, Device());
  auto* at = static_cast<float*>(data_of(factors));
  const uint32_t threshold = attention_dropout_threshold(a.dropout_p);
  const auto kept = static_cast<float>(1.0 / (1.0 - a.dropout_p));
  const uint64_t seed = a.recorded_seed.defined() ? static_cast<uint64_t>(a.recorded_seed.item<int64_t>()) : a.seed;
  for (int64_t head = 0; head < heads; ++head)
    for (int64_t query = 0; query < queries; ++query, at += keys)
      for (int64_t key = 0; key < keys; key += 4) {
        const PhiloxWords words = attention_dropout_words(seed, head, query, key / 4);
        for (int64_t i = key; i < std::min(key + 4, keys); ++i) at[i] = words.word[i - key] >= threshold ? kept : 0.0F;
      }
  return factors.to(a.q.device(), a.q.dtype());
}

// Where a query may not look at a key.
Tensor filled_positions(const Attention& a) {
  const Shape shape = a.scores_shape();
  Tensor filled = zeros({shape[2], shape[3]}, {.dtype = DType::Bool, .device = a.q.device()});
  if (a.causal) filled = ones({shape[2], shape[3]}, {.dtype = DType::Bool, .device = a.q.device()}).triu(1);
  return a.mask.defined() ? logical_or(filled, logical_not(a.mask)) : filled;
}

// Gradients with public operations, for create_graph: here the scores are materialised.
std::array<Tensor, 3> composed_gradients(const Tensor& g, const Attention& a) {
  const Tensor p = masked_softmax(matmul(a.q, a.k.transpose(2, 3)), filled_positions(a), {.scale = a.scale});
  const Tensor factors = a.dropout_p > 0.0 ? dropout_factors(a) : Tensor();
  const Tensor weights = factors.defined() ? p * factors : p;
  const Tensor grad_weights = matmul(g, a.v.transpose(2, 3));
  const Tensor grad_p = factors.defined() ? grad_weights * factors : grad_weights;
  const Tensor grad_scores = softmax_gradient(grad_p, p) * a.scale;
  return {matmul(grad_scores, a.k), matmul(grad_scores.transpose(2, 3), a.q), matmul(weights.transpose(2, 3), g)};
}

// As x lies in memory, where its rows are dense: heads that are parts of longer rows stay side by side.
Tensor make_heads(const Tensor& x, const Shape& shape) {
  const char* op = "scaled_dot_product_attention";
  return x.stride(-1) == 1 ? make_result_in_order_of(op, x, shape, x.dtype())
                           : make_result(op, shape, x.dtype(), x.device());
}

std::array<Tensor, 3> fused_gradients(const Tensor& g, const Attention& a, const Tensor& out,
                                      const Tensor& log_sum_exp) {
  std::array<Tensor, 3> gradients;
  const Tensor* operands[] = {&a.q, &a.k, &a.v};
  for (size_t i = 0; i < 3; ++i) gradients[i] = make_heads(*operands[i], operands[i]->shape());
  backend_of(a.q).attention_backward(view_of(gradients[0]), view_of(gradients[1]), view_of(gradients[2]), view_of(g),
                                     view_of(out), view_of(log_sum_exp), a.args());
  return gradients;
}

// On operands of rank 4.
Tensor run_attention(const Attention& a) {
  const char* op = "scaled_dot_product_attention";
  const Shape scores = a.scores_shape();
  Tensor out = make_heads(a.q, {scores[0], scores[1], scores[2], a.v.size(3)});
  Tensor log_sum_exp = make_result(op, {scores[0], scores[1], scores[2]},
                                   a.q.dtype() == DType::Float64 ? DType::Float64 : DType::Float32, a.q.device());
  backend_of(a.q).attention(view_of(out), view_of(log_sum_exp), a.args());
  if (!needs_grad(a.q, a.k, a.v)) return out;
  Attention settings = a;  // without the tensors, which are saved as autograd asks
  settings.q = settings.k = settings.v = settings.mask = Tensor();
  record(op, out, {&a.q, &a.k, &a.v},
         [settings, q = Saved(a.q), k = Saved(a.k), v = Saved(a.v), mask = Saved(a.mask, a.mask.defined()),
          out = SavedOutput(out), log_sum_exp = Saved(log_sum_exp)](const Tensor& g, Needs) {
           Attention b = settings;
           b.q = q();
           b.k = k();
           b.v = v();
           if (mask) b.mask = mask();
           return is_grad_enabled() ? composed_gradients(g, b) : fused_gradients(g, b, out(), log_sum_exp());
         });
  return out;
}

}  // namespace

Tensor scaled_dot_product_attention(const Tensor& own_q, const Tensor& own_k, const Tensor& own_v,
                                    const AttentionOptions& options) {
  const Autocast cast_q(kProducts, own_q), cast_k(kProducts, own_k), cast_v(kProducts, own_v);
  const Tensor &q = cast_q, &k = cast_k, &v = cast_v;
  check_attention(q, k, v, options);
  if (options.dropout_p == 1.0) return scaled_dot_product_attention(q, k, v, {.mask = options.mask}) * 0.0;
  const auto as_rank_4 = [](const Tensor& x) {
    Tensor result = x;
    while (result.dim() < 4) result = result.unsqueeze(0);
    return result;
  };
  Attention a{.q = as_rank_4(q), .k = as_rank_4(k), .v = as_rank_4(v), .mask = options.mask};
  a.causal = options.is_causal;
  a.scale = options.scale.value_or(1.0 / std::sqrt(static_cast<double>(std::max<int64_t>(q.size(-1), 1))));
  a.dropout_p = options.dropout_p;
  if (a.dropout_p > 0.0 && !q.device().is_meta()) {
    Generator& generator = default_generator(q.device());
    if (const Recording* recording = Recording::current(); recording && recording->device() == q.device()) {
      a.recorded_seed = make_result("scaled_dot_product_attention", {1}, DType::Int64, q.device());
      backend_of(q).dropout_seed(view_of(a.recorded_seed), generator);
    } else {
      a.seed = generator.random64();
    }
  }
  Tensor out = run_attention(a);
  while (out.dim() > q.dim()) out = out.squeeze(0);
  return out;
}

}  // namespace mote
