#include "model.h"

#include <cmath>

namespace gpt {

CausalSelfAttention::CausalSelfAttention(const ModelConfig& config)
    : c_attn(register_module("c_attn", nn::Linear(config.width, 3 * config.width))),
      c_proj(register_module("c_proj", nn::Linear(config.width, config.width))),
      resid_dropout(register_module("resid_dropout", nn::Dropout(config.dropout))),
      heads_(config.heads),
      dropout_p_(config.dropout) {}

Tensor CausalSelfAttention::forward(const Tensor& x, LayerCache* cache, int64_t filled) {
  const int64_t batch = x.size(0), positions = x.size(1), width = x.size(2);
  // [batch, positions, 3 width] -> three of [batch, heads, positions, width / heads]
  const std::vector<Tensor> qkv = c_attn(x).reshape({batch, positions, 3, heads_, width / heads_}).unbind(2);
  const Tensor q = qkv[0].transpose(1, 2);
  Tensor k = qkv[1].transpose(1, 2), v = qkv[2].transpose(1, 2);
  if (cache) {
    cache->keys.slice(2, filled, filled + positions).copy_(k);
    cache->values.slice(2, filled, filled + positions).copy_(v);
    k = cache->keys.slice(2, 0, filled + positions);
    v = cache->values.slice(2, 0, filled + positions);
  }
  // A single query is the last position and may see every key.
  const Tensor y = mote::scaled_dot_product_attention(
      q, k, v, {.is_causal = positions > 1, .dropout_p = is_training() ? dropout_p_ : 0.0});
  return resid_dropout(c_proj(y.transpose(1, 2).reshape({batch, positions, width})));
}

MLP::MLP(const ModelConfig& config)
    : c_fc(register_module("c_fc", nn::Linear(config.width, 4 * config.width))),
      c_proj(register_module("c_proj", nn::Linear(4 * config.width, config.width))),
      dropout(register_module("dropout", nn::Dropout(config.dropout))) {}

Tensor MLP::forward(const Tensor& x) { return dropout(c_proj(mote::gelu(c_fc(x), mote::Gelu::Tanh))); }

Block::Block(const ModelConfig& config)
    : ln_1(register_module("ln_1", nn::LayerNorm(config.width))),
      attn(register_module("attn", CausalSelfAttention(config))),
      ln_2(register_module("ln_2", nn::LayerNorm(config.width))),
      mlp(register_module("mlp", MLP(config))) {}

Tensor Block::forward(const Tensor& x, LayerCache* cache, int64_t filled) {
  const Tensor y = x + attn.forward(ln_1(x), cache, filled);
  return y + mlp.forward(ln_2(y));
}

Transformer::Transformer(const ModelConfig& config)
    : wte(register_module("wte", nn::Embedding(config.vocabulary, config.width))),
      wpe(register_module("wpe", nn::Embedding(config.context, config.width))),
      drop(register_module("drop", nn::Dropout(config.dropout))),
      h(register_module("h", nn::ModuleList<Block>())),
      ln_f(register_module("ln_f", nn::LayerNorm(config.width))),
      position_ids(register_buffer("position_ids", [context = config.context] { return mote::arange(context); },
                                   {.persistent = false})) {
  for (int64_t i = 0; i < config.layers; ++i) h.push_back(Block(config));
}

Tensor Transformer::forward(const Tensor& tokens, Cache* cache) {
  const int64_t filled = cache ? cache->length : 0;
  const Tensor& ids = position_ids;
  Tensor x = drop(wte(tokens) + wpe(ids.slice(0, filled, filled + tokens.size(1))));
  for (size_t i = 0; i < h.size(); ++i) x = h[i].forward(x, cache ? &cache->layers[i] : nullptr, filled);
  if (cache) cache->length += tokens.size(1);
  return ln_f(x);
}

GPT::GPT(const ModelConfig& config)
    : transformer(register_module("transformer", Transformer(config))),
      lm_head(register_module("lm_head", nn::Linear(config.width, config.vocabulary, {.bias = false}))),
      config_(config) {
  lm_head.weight = transformer.wte.weight;  // tied
  initialize();
}

// As GPT-2: normal with deviation 0.02; the projections that end on the residual stream are scaled down by the number
// of them, so that the stream's variance does not grow with depth.
void GPT::initialize() {
  const mote::NoGradGuard no_grad;
  const double residual = 0.02 / std::sqrt(2.0 * static_cast<double>(config_.layers));
  transformer.wte.weight.normal_(0.0, 0.02);
  transformer.wpe.weight.normal_(0.0, 0.02);
  for (Block& block : transformer.h) {
    block.attn.c_attn.weight.normal_(0.0, 0.02);
    block.attn.c_attn.bias.zero_();
    block.attn.c_proj.weight.normal_(0.0, residual);
    block.attn.c_proj.bias.zero_();
    block.mlp.c_fc.weight.normal_(0.0, 0.02);
    block.mlp.c_fc.bias.zero_();
    block.mlp.c_proj.weight.normal_(0.0, residual);
    block.mlp.c_proj.bias.zero_();
  }
}

Tensor GPT::forward(const Tensor& tokens) { return lm_head(transformer.forward(tokens)); }

Tensor GPT::loss(const Tensor& tokens, const Tensor& targets) {
  return mote::cross_entropy(forward(tokens).reshape({-1, config_.vocabulary}), targets.reshape({-1}));
}

Cache GPT::make_cache() const {
  const Tensor& weight = lm_head.weight;
  Cache cache;
  for (int64_t i = 0; i < config_.layers; ++i) {
    const mote::Shape shape{1, config_.heads, config_.context, config_.width / config_.heads};
    cache.layers.push_back({mote::zeros(shape, {.dtype = weight.dtype(), .device = weight.device()}),
                            mote::zeros(shape, {.dtype = weight.dtype(), .device = weight.device()})});
  }
  return cache;
}

Tensor GPT::next_logits(const Tensor& tokens, Cache* cache) {
  const Tensor x = transformer.forward(tokens, cache);
  return lm_head(x.select(1, -1));
}

}  // namespace gpt
