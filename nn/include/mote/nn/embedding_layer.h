// The lookup table as a layer.
#pragma once

#include <optional>

#include "mote/nn/module.h"

namespace mote::nn {

struct EmbeddingOptions {
  std::optional<int64_t> padding_idx = std::nullopt;  // a row that starts at zero and gets no gradient
  DType dtype = float32;
  Device device = {};
};

// Rows of weight [num_embeddings, embedding_dim], standard normal at first, at integer indices of any shape.
class Embedding : public Module {
 public:
  Embedding(int64_t num_embeddings, int64_t embedding_dim, const EmbeddingOptions& options = {});

  Tensor forward(const Tensor& indices) const;
  Tensor operator()(const Tensor& indices) const { return forward(indices); }
  std::string extra_repr() const override;

  Parameter weight;

 private:
  std::optional<int64_t> padding_idx_;
};

}  // namespace mote::nn
