// The vector code of attention, on one head. The lanes of a vector are queries: a tile of scores is held transposed,
// [keys][64 queries], and so are the queries, the sums of the result and their gradients. Then neither product needs a
// transposed operand (keys and values are read one element at a time, in place), and the maximum and the sum over keys
// go along columns, without a reduction inside a vector.
#pragma once

#include <cstdint>

#include "cpu/attention_mask.h"

namespace mote::cpu {

// A matrix with dense rows.
template <class T>
struct DenseRows {
  T* data = nullptr;
  int64_t stride = 0;  // from row to row

  T* row(int64_t i) const { return data + i * stride; }
};

struct HeadDropout {
  double p = 0.0;
  uint64_t seed = 0;
  int64_t head = 0;  // counted over the batch
};

// T is float or double.
template <class T>
struct Head {
  int64_t keys = 0;
  int64_t depth = 0;  // of queries and keys
  int64_t width = 0;  // of values and results
  DenseRows<const T> k, v;
  HeadMask mask;
  HeadDropout dropout;
};

// Up to 64 queries of a head, from `query` on, on their way through the tiles of keys.
template <class T>
struct ForwardBlock {
  int64_t query = 0;
  int64_t queries = 0;
  const T* q = nullptr;  // [depth][64], times scale / log 2; columns beyond `queries` are 0 up to kPadding
  T* out = nullptr;      // [width][64], becomes the weighted sum of values
  T* sum = nullptr;      // [64], becomes the sum of weights
  T* maximum = nullptr;  // [64], becomes the exponent, in base 2, that the weights are relative to
  T* scores = nullptr;   // scratch [64][64]
  T* factors = nullptr;  // scratch [64][64], for dropout only

  // The `count` queries from number `first` on.
  ForwardBlock part(int64_t first, int64_t count) const {
    return {query + first, count, q + first, out + first, sum + first, maximum + first, scores, factors};
  }
};

void attention_forward(const Head<float>& head, const ForwardBlock<float>& block);
void attention_forward(const Head<double>& head, const ForwardBlock<double>& block);

// What backward reads of up to 64 queries, and the gradient that it sums up for them.
template <class T>
struct QueryBlock {
  int64_t query = 0;
  int64_t queries = 0;
  const T* q_columns = nullptr;     // as ForwardBlock::q
  const T* grad_columns = nullptr;  // [width][64]: the gradient of the result, padded likewise
  const T* log_sum_exp = nullptr;   // [64] in base 2; +inf beyond `queries` and for a query that looks at nothing
  const T* delta = nullptr;         // [64]: result times its gradient, summed
  DenseRows<const T> q, grad;       // rows, padded with zeros to whole vectors
  T* grad_q = nullptr;              // [depth][64], added to

  // The `count` queries from number `first` on.
  QueryBlock part(int64_t first, int64_t count) const {
    return {query + first,       count,         q_columns + first,        grad_columns + first,
            log_sum_exp + first, delta + first, {q.row(first), q.stride}, {grad.row(first), grad.stride},
            grad_q + first};
  }
};

// The gradients of up to 64 keys, and room to compute them.
template <class T>
struct KeyBlock {
  int64_t key = 0;
  int64_t keys = 0;
  T* grad_k = nullptr;     // [64][padded depth], added to
  T* grad_v = nullptr;     // [64][padded width], added to
  T* weights = nullptr;    // scratch [64][64]
  T* gradients = nullptr;  // scratch [64][64]
  T* factors = nullptr;    // scratch [64][64], for dropout only
};

// Adds what one tile contributes: to grad_q where `queries`, to grad_k and grad_v where `keys`.
struct BackwardParts {
  bool queries = false;
  bool keys = false;
};
void attention_backward(const Head<float>& head, const QueryBlock<float>& q, const KeyBlock<float>& k, float scale,
                        BackwardParts parts);
void attention_backward(const Head<double>& head, const QueryBlock<double>& q, const KeyBlock<double>& k, double scale,
                        BackwardParts parts);

// Rows of QueryBlock::q and ::grad and of KeyBlock's gradients are padded to a multiple of this.
inline constexpr int64_t kPadding = 16;
inline int64_t padded(int64_t size) { return (size + kPadding - 1) / kPadding * kPadding; }

}  // namespace mote::cpu
