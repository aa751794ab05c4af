// What the attention kernels have in common: operands by strides, sizes, dropout, and the rungs of the ladder.
//   S = scale q k^T, masked;  P = softmax(S);  out = P v;  log_sum_exp = log(sum of exp(S)) along a row
//   dV = P^T dO;  dP = dO V^T;  dS = P (dP - delta) scale;  dQ = dS K;  dK = dS^T Q;  delta = sum(dO * out) along a row
// With dropout, P is multiplied by a factor (0 or 1 / (1 - p)) wherever it meets v or dV, and dP by the same factor.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/attention_fits.h"
#include "kernels/attention_mask.h"
#include "kernels/ptx.h"
#include "mote/backend.h"
#include "mote/philox.h"

namespace mote::cuda {

// A matrix of one head.
template <class T>
struct Matrix {
  T* data;
  int64_t row_stride, column_stride;

  MOTE_HD T& at(int64_t row, int64_t column) const { return data[row * row_stride + column * column_stride]; }
};

// [B, H, rows, columns] or, with no column stride, [B, H, rows].
template <class T>
struct Heads {
  T* data;
  int64_t batch_stride, head_stride, row_stride, column_stride;

  explicit Heads(const View& view)
      : data(view.as<T>()),
        batch_stride(view.strides[0]),
        head_stride(view.strides[1]),
        row_stride(view.strides[2]),
        column_stride(view.shape.rank() == 4 ? view.strides[3] : 0) {}

  MOTE_HD Matrix<T> of(int64_t sample, int64_t head) const {
    return {data + sample * batch_stride + head * head_stride, row_stride, column_stride};
  }
};

struct AttentionSizes {
  explicit AttentionSizes(const AttentionArgs& args)
      : samples(args.q.shape[0]),
        heads(args.q.shape[1]),
        queries(static_cast<int>(args.q.shape[2])),
        keys(static_cast<int>(args.k.shape[2])),
        depth(static_cast<int>(args.q.shape[3])),
        width(static_cast<int>(args.v.shape[3])) {}

  int64_t all_heads() const { return samples * heads; }

  int64_t samples, heads;
  int queries, keys;
  int depth, width;  // columns of q and k, and of v and out
};

// Which weights are kept.
struct AttentionDropout {
  explicit AttentionDropout(const AttentionArgs& args)
      : seed(args.seed),
        recorded_seed(args.recorded_seed),
        threshold(attention_dropout_threshold(args.dropout_p)),
        factor(1.0 / (1.0 - args.dropout_p)),
        active(args.dropout_p > 0.0) {}

  // Bit i: whether key 4 * group + i keeps its weight for `query` of `head`, which counts over the batch.
  __device__ uint32_t kept(int64_t head, int64_t query, int64_t group) const {
    const uint64_t own_seed = recorded_seed ? ptx::load_here(recorded_seed) : seed;
    const PhiloxWords words = attention_dropout_words(own_seed, head, query, group);
    uint32_t bits = 0;
    for (int i = 0; i < 4; ++i) bits |= static_cast<uint32_t>(words.word[i] >= threshold) << i;
    return bits;
  }

  uint64_t seed;
  const uint64_t* recorded_seed;  // in a captured graph, whose arguments stay
  uint32_t threshold;
  double factor;  // of a kept weight
  bool active;
};

// One call forward.
struct AttentionForward {
  const View &out, &log_sum_exp;
  const AttentionArgs& args;
};

// One call backward. delta [B * H * queries] is of log_sum_exp's type.
struct AttentionBackward {
  const View &grad_q, &grad_k, &grad_v, &grad_out, &log_sum_exp;
  const void* delta;
  const AttentionArgs& args;
};

inline constexpr const char* kAttention = "scaled_dot_product_attention";
inline constexpr const char* kAttentionBackward = "scaled_dot_product_attention backward";
// The head sizes, those of q and those of v, that the tiled and tensor-core kernels have room for.
inline constexpr int kMaxHeadSize = 256;

// The larger of those of q and of v.
inline int64_t head_size_of(const AttentionArgs& args) { return std::max(args.q.shape[3], args.v.shape[3]); }

// Rung 1: the scores in global memory. Any sizes and types.
void naive_attention(const AttentionForward& call);
void naive_attention_backward(const AttentionBackward& call);

// Rung 2: tiles in shared memory, products by ordinary multiply-adds. float32 and float64, head sizes to 256, where
// they fit (attention_fits.h).
void tiled_attention(const AttentionForward& call);
void tiled_attention_backward(const AttentionBackward& call);

// Rung 3: tiles in shared memory, products on tensor cores. float16 and bfloat16, head sizes to 256 that are multiples
// of 8, dense rows that begin at multiples of 16 bytes.
void tensor_core_attention(const AttentionForward& call);
void tensor_core_attention_backward(const AttentionBackward& call);

}  // namespace mote::cuda
