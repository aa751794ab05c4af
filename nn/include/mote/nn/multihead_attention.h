// Multi-head attention.
#pragma once

#include <optional>

#include "mote/nn/linear.h"

namespace mote::nn {

struct MultiheadAttentionOptions {
  double dropout = 0.0;  // of the attention weights, in training
  bool bias = true;
  bool batch_first = false;  // [batch, length, width] in place of PyTorch's default [length, batch, width]
  DType dtype = float32;
  Device device = {};
};

struct MultiheadAttentionInputs {
  // bool, true = may attend, broadcast to [batch, heads, queries, keys]; as in scaled_dot_product_attention.
  Tensor mask = {};
  // bool [batch, keys], true = a padding key that nobody may attend to; as in PyTorch.
  Tensor key_padding_mask = {};
  bool is_causal = false;  // query i sees keys j <= i
};

// Projects query, key and value, attends in `num_heads` heads of embed_dim / num_heads, and projects the result
// (Vaswani et al. 2017). Inputs are [length, batch, embed_dim], or [length, embed_dim] without a batch. The weights are
// PyTorch's: in_proj_weight [3 * embed_dim, embed_dim] stacks those of query, key and value.
class MultiheadAttention : public Module {
 public:
  // ValueError unless num_heads divides embed_dim.
  MultiheadAttention(int64_t embed_dim, int64_t num_heads, const MultiheadAttentionOptions& options = {});

  Tensor forward(const Tensor& query, const Tensor& key, const Tensor& value,
                 const MultiheadAttentionInputs& inputs = {}) const;
  Tensor operator()(const Tensor& query, const Tensor& key, const Tensor& value,
                    const MultiheadAttentionInputs& inputs = {}) const {
    return forward(query, key, value, inputs);
  }
  std::string extra_repr() const override;

  Parameter in_proj_weight;
  Parameter in_proj_bias;
  Linear out_proj;

 private:
  // x [batch, length, embed_dim] through the part-th third of the input projection -> [batch, heads, length, width].
  Tensor project(const Tensor& x, int64_t part) const;

  int64_t num_heads_;
  double dropout_;
  bool batch_first_;
};

}  // namespace mote::nn
