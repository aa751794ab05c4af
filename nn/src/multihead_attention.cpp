#include "mote/nn/multihead_attention.h"

#include <fmt/format.h>

#include "mote/attention.h"
#include "mote/creation.h"
#include "mote/error.h"
#include "mote/nn/init.h"

namespace mote::nn {

namespace {

// embed_dim, checked before anything is made.
int64_t checked_width(int64_t embed_dim, int64_t num_heads) {
  if (num_heads < 1 || embed_dim % num_heads != 0)
    throw ValueError(
        fmt::format("MultiheadAttention: expected embed_dim to be a multiple of num_heads, but got {} and {}",
                    embed_dim, num_heads));
  return embed_dim;
}

void check_bool(const char* name, const Tensor& mask) {
  if (mask.defined() && mask.dtype() != bool_)
    throw DTypeError(
        fmt::format("MultiheadAttention: expected {0} to be bool, but got {1}; write `{0} == 0` or `{0} != 0`", name,
                    name_of(mask.dtype())));
}

// What a query may attend to: the mask, less the keys that are padding. Undefined for everything.
Tensor combined_mask(const MultiheadAttentionInputs& inputs) {
  check_bool("mask", inputs.mask);
  check_bool("key_padding_mask", inputs.key_padding_mask);
  if (!inputs.key_padding_mask.defined()) return inputs.mask;
  const Tensor keep = mote::logical_not(inputs.key_padding_mask).unsqueeze(-2).unsqueeze(-2);
  return inputs.mask.defined() ? mote::logical_and(inputs.mask, keep) : keep;
}

}  // namespace

// The output projection draws its weights before the input projection does, as in PyTorch.
MultiheadAttention::MultiheadAttention(int64_t embed_dim, int64_t num_heads, const MultiheadAttentionOptions& options)
    : out_proj(register_module("out_proj",
                               Linear(checked_width(embed_dim, num_heads), embed_dim,
                                      {.bias = options.bias, .dtype = options.dtype, .device = options.device}))),
      num_heads_(num_heads),
      dropout_(options.dropout),
      batch_first_(options.batch_first) {
  const TensorOptions tensor_options{.dtype = options.dtype, .device = options.device};
  in_proj_weight = register_parameter("in_proj_weight", mote::empty({3 * embed_dim, embed_dim}, tensor_options));
  in_proj_bias =
      register_parameter("in_proj_bias", options.bias ? mote::zeros({3 * embed_dim}, tensor_options) : Tensor());
  init::xavier_uniform_(in_proj_weight);
  if (options.bias) init::zeros_(out_proj.bias);
}

Tensor MultiheadAttention::project(const Tensor& x, int64_t part) const {
  const int64_t width = x.size(-1);
  const Tensor weight = in_proj_weight.narrow(0, part * width, width);
  const Tensor y = in_proj_bias.defined() ? mote::linear(x, weight, in_proj_bias.narrow(0, part * width, width))
                                          : mote::linear(x, weight);
  return y.unflatten(-1, {num_heads_, width / num_heads_}).transpose(-3, -2);
}

Tensor MultiheadAttention::forward(const Tensor& query, const Tensor& key, const Tensor& value,
                                   const MultiheadAttentionInputs& inputs) const {
  for (const Tensor* x : {&query, &key, &value})
    if ((x->dim() != 2 && x->dim() != 3) || x->size(-1) != in_proj_weight.size(1) || x->dim() != query.dim())
      throw ShapeError(fmt::format(
          "MultiheadAttention: expected query, key and value of rank 3, or of rank 2 without a batch, and of "
          "width {}, but got {}, {} and {}",
          in_proj_weight.size(1), query.shape().str(), key.shape().str(), value.shape().str()));
  const bool swap = query.dim() == 3 && !batch_first_;
  const auto batch_in_front = [&](const Tensor& x) {
    return x.dim() == 2 ? x.unsqueeze(0) : swap ? x.transpose(0, 1) : x;
  };
  const Tensor attended = mote::scaled_dot_product_attention(
      project(batch_in_front(query), 0), project(batch_in_front(key), 1), project(batch_in_front(value), 2),
      {.mask = combined_mask(inputs), .is_causal = inputs.is_causal, .dropout_p = is_training() ? dropout_ : 0.0});
  const Tensor out = out_proj(attended.transpose(-3, -2).flatten(-2));
  return query.dim() == 2 ? out.squeeze(0) : swap ? out.transpose(0, 1) : out;
}

std::string MultiheadAttention::extra_repr() const {
  return fmt::format("embed_dim={}, num_heads={}, dropout={}, batch_first={}", in_proj_weight.size(1), num_heads_,
                     dropout_, batch_first_);
}

}  // namespace mote::nn
