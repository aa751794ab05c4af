#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/attention_query_kernels.cpp"
#include <hwy/foreach_target.h>  // compiles this file once for each instruction set
//
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "cpu/attention_query_kernels.h"
#include "cpu/exp_nonpositive-inl.h"
#include "cpu/vector_parts-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mote::cpu {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// out[i] = q . row i, for kRows rows at once.
template <int kRows, class T>
HWY_INLINE void products(const T* q, int64_t depth, const DenseRows<const T>& rows, T* out) {
  const hn::ScalableTag<T> d;
  hn::Vec<decltype(d)> sum[kRows];
  HWY_UNROLL(4)
  for (int r = 0; r < kRows; ++r) sum[r] = hn::Zero(d);
  for_parts(d, depth, [&](int64_t i, int64_t count) HWY_ATTR {
    const auto a = load_part(d, q + i, count);
    HWY_UNROLL(4)
    for (int r = 0; r < kRows; ++r) sum[r] = hn::MulAdd(a, load_part(d, rows.row(r) + i, count), sum[r]);
  });
  HWY_UNROLL(4)
  for (int r = 0; r < kRows; ++r) out[r] = hn::GetLane(hn::SumOfLanes(d, sum[r]));
}

// The scores of up to 64 keys, -inf for those that the query may not look at. Returns the greatest, or NaN if there is
// one.
template <class T>
HWY_INLINE T score_keys(const Head<T>& head, const ForwardQuery<T>& query, int64_t key, int64_t keys, T* scores) {
  int64_t j = 0;
  for (; j + 4 <= keys; j += 4) products<4>(query.q, head.depth, {head.k.row(key + j), head.k.stride}, scores + j);
  for (; j < keys; ++j) products<1>(query.q, head.depth, {head.k.row(key + j), head.k.stride}, scores + j);
  if (head.mask.data) {
    const bool* const seen = head.mask.data + query.query * head.mask.query_stride + key * head.mask.key_stride;
    for (j = 0; j < keys; ++j)
      if (!seen[j * head.mask.key_stride]) scores[j] = -std::numeric_limits<T>::infinity();
  }
  T highest = scores[0];
  for (j = 1; j < keys; ++j)
    if (scores[j] > highest || std::isnan(scores[j])) highest = scores[j];
  return highest;
}

// scores = 2^(scores - base); returns their sum.
template <class T>
HWY_INLINE T weigh_keys(T* scores, int64_t keys, T base) {
  const hn::ScalableTag<T> d;
  const auto shift = hn::Set(d, base), lowest = hn::Set(d, -std::numeric_limits<T>::infinity());
  auto sum = hn::Zero(d);
  for_parts(d, keys, [&](int64_t i, int64_t count) HWY_ATTR {
    const auto p = exp2_of_nonpositive(d, hn::Sub(load_part(d, scores + i, count, lowest), shift));
    sum = hn::Add(sum, p);
    store_part(p, d, scores + i, count);
  });
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

// out = out * factor + sum of weights[j] * row j.
template <class T>
HWY_INLINE void add_values(const T* weights, int64_t keys, const DenseRows<const T>& v, int64_t width, T factor,
                           T* out) {
  const hn::ScalableTag<T> d;
  const auto scale = hn::Set(d, factor);
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + 4 * lanes <= width; i += 4 * lanes) {
    hn::Vec<decltype(d)> sum[4];
    HWY_UNROLL(4)
    for (int n = 0; n < 4; ++n) sum[n] = hn::Mul(hn::LoadU(d, out + i + n * lanes), scale);
    for (int64_t j = 0; j < keys; ++j) {
      const auto weight = hn::Set(d, weights[j]);
      HWY_UNROLL(4)
      for (int n = 0; n < 4; ++n) sum[n] = hn::MulAdd(weight, hn::LoadU(d, v.row(j) + i + n * lanes), sum[n]);
    }
    HWY_UNROLL(4)
    for (int n = 0; n < 4; ++n) hn::StoreU(sum[n], d, out + i + n * lanes);
  }
  for_parts(d, width - i, [&](int64_t at, int64_t count) HWY_ATTR {
    auto sum = hn::Mul(load_part(d, out + i + at, count), scale);
    for (int64_t j = 0; j < keys; ++j)
      sum = hn::MulAdd(hn::Set(d, weights[j]), load_part(d, v.row(j) + i + at, count), sum);
    store_part(sum, d, out + i + at, count);
  });
}

template <class T>
HWY_INLINE void forward_query(const Head<T>& head, ForwardQuery<T>& query) {
  constexpr T kLowest = -std::numeric_limits<T>::infinity();
  T scores[kTile];
  query.sum = 0;
  query.maximum = kLowest;
  std::fill_n(query.out, head.width, T(0));
  const int64_t end = head.mask.key_end(query.query + 1, head.keys);
  for (int64_t key = 0; key < end; key += kTile) {
    const int64_t keys = HWY_MIN(kTile, end - key);
    const T top = score_keys(head, query, key, keys, scores);
    const T highest = top <= query.maximum ? query.maximum : top;
    if (highest == kLowest) continue;
    const T factor = query.maximum == kLowest ? T(0) : std::exp2(query.maximum - highest);
    query.sum = query.sum * factor + weigh_keys(scores, keys, highest);
    query.maximum = highest;
    add_values(scores, keys, {head.v.row(key), head.v.stride}, head.width, factor, query.out);
  }
}

void ForwardFloat(const Head<float>& head, ForwardQuery<float>& query) { forward_query(head, query); }
void ForwardDouble(const Head<double>& head, ForwardQuery<double>& query) { forward_query(head, query); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace mote::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mote::cpu {

HWY_EXPORT(ForwardFloat);
HWY_EXPORT(ForwardDouble);

void attention_forward(const Head<float>& head, ForwardQuery<float>& query) {
  HWY_DYNAMIC_DISPATCH(ForwardFloat)(head, query);
}
void attention_forward(const Head<double>& head, ForwardQuery<double>& query) {
  HWY_DYNAMIC_DISPATCH(ForwardDouble)(head, query);
}

}  // namespace mote::cpu
#endif
