#include "mote/nn/embedding_layer.h"

#include <fmt/format.h>

#include "mote/autograd.h"
#include "mote/creation.h"
#include "mote/embedding.h"
#include "mote/error.h"
#include "mote/nn/init.h"

namespace mote::nn {

Embedding::Embedding(int64_t num_embeddings, int64_t embedding_dim, const EmbeddingOptions& options)
    : padding_idx_(options.padding_idx) {
  if (padding_idx_ && (*padding_idx_ < -num_embeddings || *padding_idx_ >= num_embeddings))
    throw IndexError(
        fmt::format("Embedding: padding_idx {} is outside a table of {} rows", *padding_idx_, num_embeddings));
  if (padding_idx_ && *padding_idx_ < 0) *padding_idx_ += num_embeddings;
  weight = register_parameter(
      "weight", mote::empty({num_embeddings, embedding_dim}, {.dtype = options.dtype, .device = options.device}));
  init::normal_(weight);
  if (padding_idx_) {
    const NoGradGuard no_grad;
    weight.select(0, *padding_idx_).zero_();
  }
}

Tensor Embedding::forward(const Tensor& indices) const { return mote::embedding(weight, indices, padding_idx_); }

std::string Embedding::extra_repr() const {
  std::string text = fmt::format("{}, {}", weight.size(0), weight.size(1));
  if (padding_idx_) text += fmt::format(", padding_idx={}", *padding_idx_);
  return text;
}

}  // namespace mote::nn
