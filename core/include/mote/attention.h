// Attention (Vaswani et al. 2017), fused: the mask, the scale and the softmax in one pass.
#pragma once

#include <optional>

#include "mote/tensor.h"

namespace mote {

struct MaskedSoftmaxOptions {
  double scale = 1.0;    // multiplies the scores before the softmax
  double dropout = 0.0;  // drops weights with this probability and scales up the rest
};

// softmax over the last dimension of scale * scores, with -inf where `mask` (bool, broadcast to scores, true = filled)
// holds. A wholly filled row gives zeros and zero gradient. Differentiable in scores.
Tensor masked_softmax(const Tensor& scores, const Tensor& mask, const MaskedSoftmaxOptions& options = {});

struct AttentionOptions {
  Tensor mask = {};                            // bool, broadcast to [B, H, Q, K], true = may attend
  bool is_causal = false;                      // query i sees keys j <= i
  std::optional<double> scale = std::nullopt;  // 1 / sqrt(D) where left out
  double dropout_p = 0.0;
};

// softmax(scale q k^T, masked) v without ever holding the scores: online softmax (Milakov and Gimelshein 2018; Dao et
// al. 2022), recomputed in backward. q [B, H, Q, D], k [B, H, K, D], v [B, H, K, Dv] -> [B, H, Q, Dv]; [H, ., .] and
// [., .] are taken as batches of one. Floating-point, one dtype. A query that may look at nothing gives zeros and zero
// gradient. Differentiable in q, k and v to any order: with create_graph the backward holds the scores.
Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const AttentionOptions& options = {});

}  // namespace mote
