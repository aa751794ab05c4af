// GPT-2 (Radford et al. 2019): pre-norm blocks, learned positions, GELU, and a head that shares the token embedding.
// Modules and members carry GPT-2's names, so that its state dict reads "transformer.h.0.attn.c_attn.weight". Matrices
// are those of nn::Linear, [out, in].
#pragma once

#include <mote/mote.h>

#include "config.h"

namespace gpt {

namespace nn = mote::nn;
using mote::Tensor;

// The keys and values of one layer for the positions read so far, [batch, heads, context, width / heads] each.
struct LayerCache {
  Tensor keys;
  Tensor values;
};

// What the model keeps between characters while it writes. `length` positions are filled.
struct Cache {
  std::vector<LayerCache> layers;
  int64_t length = 0;
};

class CausalSelfAttention : public nn::Module {
 public:
  explicit CausalSelfAttention(const ModelConfig& config);
  // x [batch, positions, width] -> the same shape. With a cache, whose first `filled` positions are set, x holds the
  // positions after those.
  Tensor forward(const Tensor& x, LayerCache* cache = nullptr, int64_t filled = 0);

  nn::Linear c_attn;  // query, key and value in one product
  nn::Linear c_proj;
  nn::Dropout resid_dropout;

 private:
  int64_t heads_;
  double dropout_p_;
};

class MLP : public nn::Module {
 public:
  explicit MLP(const ModelConfig& config);
  Tensor forward(const Tensor& x);

  nn::Linear c_fc;
  nn::Linear c_proj;
  nn::Dropout dropout;
};

class Block : public nn::Module {
 public:
  explicit Block(const ModelConfig& config);
  Tensor forward(const Tensor& x, LayerCache* cache = nullptr, int64_t filled = 0);

  nn::LayerNorm ln_1;
  CausalSelfAttention attn;
  nn::LayerNorm ln_2;
  MLP mlp;
};

class Transformer : public nn::Module {
 public:
  explicit Transformer(const ModelConfig& config);
  // tokens int64 [batch, positions] -> [batch, positions, width]
  Tensor forward(const Tensor& tokens, Cache* cache = nullptr);

  nn::Embedding wte;
  nn::Embedding wpe;
  nn::Dropout drop;
  nn::ModuleList<Block> h;
  nn::LayerNorm ln_f;
  nn::Buffer position_ids;  // 0, 1, 2, …: moves with the model and is not saved
};

class GPT : public nn::Module {
 public:
  // Draws its weights from the default generator as GPT-2 does.
  explicit GPT(const ModelConfig& config);

  // tokens int64 [batch, positions], at most `context` of them -> logits [batch, positions, vocabulary].
  Tensor forward(const Tensor& tokens);
  // The mean cross-entropy of predicting targets, int64 [batch, positions]; 0-dimensional.
  Tensor loss(const Tensor& tokens, const Tensor& targets);

  Cache make_cache() const;
  // The logits [batch, vocabulary] of what follows `tokens`. With a cache, `tokens` are the positions after those that
  // the cache holds, which it then holds as well; only an empty cache takes more than one at once.
  Tensor next_logits(const Tensor& tokens, Cache* cache = nullptr);

  const ModelConfig& config() const { return config_; }

  Transformer transformer;
  nn::Linear lm_head;

 private:
  void initialize();

  ModelConfig config_;
};

}  // namespace gpt
