#include "cpu/attention_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/attention_kernels.cpp"
#include <hwy/foreach_target.h>

#include "cpu/attention_tile-inl.h"
#include "cpu/tile_product-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mote::cpu::HWY_NAMESPACE {

// Where causality hides a tile's last keys from its first queries, the two halves of the queries go separately: calls
// tile(first, queries, keys, mask) for the queries from `first` on and as many keys as they need. A mask without words
// hides nothing.
template <class TileFunction>
HWY_INLINE void for_halves(const HeadMask& mask, int64_t query, int64_t queries, int64_t key, int64_t keys,
                           const TileFunction& tile) {
  constexpr int64_t kHalf = kTile / 2;
  uint64_t words[kTile];
  const TileClass kind = mask.classify(query, queries, key, keys, words);
  if (kind == TileClass::Empty) return;
  const int64_t seen = query + kHalf - key;  // keys that the first half may look at
  if (kind == TileClass::Full || !mask.causal || queries <= kHalf || seen >= keys)
    return tile(0, queries, keys, MaskWords{kind == TileClass::Full ? nullptr : words, 0});
  if (seen > 0) tile(0, kHalf, seen, MaskWords{words, 0});
  tile(kHalf, queries - kHalf, keys, MaskWords{words, kHalf});
}

// Online softmax (Milakov and Gimelshein 2018): weights of this tile, and everything before brought onto its maximum.
template <class T>
void weigh_tile(const ForwardBlock<T>& block, int64_t width, int64_t keys, const MaskWords& mask) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t column = 0; column < block.queries; column += lanes) {
    const auto factor = mask.words
                            ? softmax_column<true>(d, keys, block.scores, mask, column, block.maximum, block.sum)
                            : softmax_column<false>(d, keys, block.scores, mask, column, block.maximum, block.sum);
    if (hn::AllTrue(d, hn::Eq(factor, hn::Set(d, T(1))))) continue;
    for (int64_t row = 0; row < width; ++row) {
      T* const at = block.out + row * kTile + column;
      hn::StoreU(hn::Mul(hn::LoadU(d, at), factor), d, at);
    }
  }
}

template <class T>
void forward_tile(const Head<T>& head, const ForwardBlock<T>& block, int64_t key, int64_t keys, const MaskWords& mask) {
  tile_product<T>(keys, block.queries, head.depth, {head.k.row(key), head.k.stride, 1}, {block.q, kTile},
                  {block.scores, kTile}, false);
  weigh_tile(block, head.width, keys, mask);
  if (head.dropout.p > 0.0) {
    dropout_factors(head.dropout, block.query, key, keys, block.factors);
    multiply_tile(keys, block.scores, block.factors);
  }
  tile_product<T>(head.width, block.queries, keys, {head.v.row(key), 1, head.v.stride}, {block.scores, kTile},
                  {block.out, kTile}, true);
}

template <class T>
void forward(const Head<T>& head, const ForwardBlock<T>& block) {
  const int64_t end = head.mask.key_end(block.query + block.queries, head.keys);
  for (int64_t key = 0; key < end; key += kTile)
    for_halves(head.mask, block.query, block.queries, key, HWY_MIN(kTile, end - key),
               [&](int64_t first, int64_t queries, int64_t keys, const MaskWords& mask) {
                 forward_tile(head, block.part(first, queries), key, keys, mask);
               });
}

// P = 2^(S - log_sum_exp), 0 where the mask forbids.
template <class T>
void recompute_weights(int64_t keys, int64_t queries, T* scores, const T* log_sum_exp, const MaskWords& mask) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t column = 0; column < queries; column += lanes) {
    const auto shift = hn::LoadU(d, log_sum_exp + column);
    for (int64_t j = 0; j < keys; ++j) {
      T* const at = scores + j * kTile + column;
      // Rounding may put a score above the logarithm of its own sum by a little.
      auto p = exp2_of_nonpositive(d, hn::Sub(hn::LoadU(d, at), shift));
      if (mask.words) p = hn::IfThenElseZero(mask_of(d, mask, j, column), p);
      hn::StoreU(p, d, at);
    }
  }
}

// dS = P * (dP - delta) * scale, over dP.
template <class T>
void score_gradients(int64_t keys, int64_t queries, const T* weights, T* gradients, const T* delta, T scale) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto factor = hn::Set(d, scale);
  for (int64_t column = 0; column < queries; column += lanes) {
    const auto shift = hn::LoadU(d, delta + column);
    for (int64_t j = 0; j < keys; ++j) {
      T* const at = gradients + j * kTile + column;
      const auto p = hn::Mul(hn::LoadU(d, weights + j * kTile + column), factor);
      hn::StoreU(hn::Mul(p, hn::Sub(hn::LoadU(d, at), shift)), d, at);
    }
  }
}

template <class T>
void backward_tile(const Head<T>& head, const QueryBlock<T>& q, const KeyBlock<T>& k, int64_t keys,
                   const MaskWords& mask, T scale, BackwardParts parts) {
  tile_product<T>(keys, q.queries, head.depth, {head.k.row(k.key), head.k.stride, 1}, {q.q_columns, kTile},
                  {k.weights, kTile}, false);
  recompute_weights(keys, q.queries, k.weights, q.log_sum_exp, mask);
  tile_product<T>(keys, q.queries, head.width, {head.v.row(k.key), head.v.stride, 1}, {q.grad_columns, kTile},
                  {k.gradients, kTile}, false);
  const T* dropped = k.weights;  // the weights that met the values
  if (head.dropout.p > 0.0) {
    dropout_factors(head.dropout, q.query, k.key, keys, k.factors);
    multiply_tile(keys, k.gradients, k.factors);
    multiply_tile(keys, k.factors, k.weights);
    dropped = k.factors;
  }
  score_gradients(keys, q.queries, k.weights, k.gradients, q.delta, scale);
  if (parts.keys) {
    const int64_t width = padded(head.width), depth = padded(head.depth);
    tile_product<T>(keys, width, q.queries, {dropped, kTile, 1}, {q.grad.data, q.grad.stride}, {k.grad_v, width}, true);
    tile_product<T>(keys, depth, q.queries, {k.gradients, kTile, 1}, {q.q.data, q.q.stride}, {k.grad_k, depth}, true);
  }
  if (parts.queries)
    tile_product<T>(head.depth, q.queries, keys, {head.k.row(k.key), 1, head.k.stride}, {k.gradients, kTile},
                    {q.grad_q, kTile}, true);
}

template <class T>
void backward(const Head<T>& head, const QueryBlock<T>& q, const KeyBlock<T>& k, T scale, BackwardParts parts) {
  for_halves(head.mask, q.query, q.queries, k.key, k.keys,
             [&](int64_t first, int64_t queries, int64_t keys, const MaskWords& mask) {
               backward_tile(head, q.part(first, queries), k, keys, mask, scale, parts);
             });
}

void forward_float(const Head<float>& head, const ForwardBlock<float>& block) { forward(head, block); }
void forward_double(const Head<double>& head, const ForwardBlock<double>& block) { forward(head, block); }
void backward_float(const Head<float>& head, const QueryBlock<float>& q, const KeyBlock<float>& k, float scale,
                    BackwardParts parts) {
  backward(head, q, k, scale, parts);
}
void backward_double(const Head<double>& head, const QueryBlock<double>& q, const KeyBlock<double>& k, double scale,
                     BackwardParts parts) {
  backward(head, q, k, scale, parts);
}

}  // namespace mote::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mote::cpu {

HWY_EXPORT(forward_float);
HWY_EXPORT(forward_double);
HWY_EXPORT(backward_float);
HWY_EXPORT(backward_double);

void attention_forward(const Head<float>& head, const ForwardBlock<float>& block) {
  HWY_DYNAMIC_DISPATCH(forward_float)(head, block);
}
void attention_forward(const Head<double>& head, const ForwardBlock<double>& block) {
  HWY_DYNAMIC_DISPATCH(forward_double)(head, block);
}
void attention_backward(const Head<float>& head, const QueryBlock<float>& q, const KeyBlock<float>& k, float scale,
                        BackwardParts parts) {
  HWY_DYNAMIC_DISPATCH(backward_float)(head, q, k, scale, parts);
}
void attention_backward(const Head<double>& head, const QueryBlock<double>& q, const KeyBlock<double>& k, double scale,
                        BackwardParts parts) {
  HWY_DYNAMIC_DISPATCH(backward_double)(head, q, k, scale, parts);
}

}  // namespace mote::cpu
#endif
