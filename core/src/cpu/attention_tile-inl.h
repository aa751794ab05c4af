// The steps between the two products of attention: weights from scores, dropout. A file includes this inside its own
// pass over the Highway targets.
#if defined(MOTE_CPU_ATTENTION_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOTE_CPU_ATTENTION_TILE_INL_H_
#undef MOTE_CPU_ATTENTION_TILE_INL_H_
#else
#define MOTE_CPU_ATTENTION_TILE_INL_H_
#endif

#include <hwy/highway.h>

#include <limits>

#include "cpu/attention_kernels.h"
#include "cpu/exp_nonpositive-inl.h"
#include "mote/philox.h"

HWY_BEFORE_NAMESPACE();
namespace mote::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Which queries of a tile may look at its keys, one word a key, for the queries from bit `first` on.
struct MaskWords {
  const uint64_t* words;
  int64_t first;
};

// The row of key j as a vector mask for the queries from `column` on.
template <class D>
HWY_INLINE hn::Mask<D> mask_of(D d, const MaskWords& mask, int64_t j, int64_t column) {
  uint8_t bits[8] = {};
  const uint64_t shifted = mask.words[j] >> (mask.first + column);
  for (int i = 0; i < 8; ++i) bits[i] = static_cast<uint8_t>(shifted >> 8 * i);
  return hn::LoadMaskBits(d, bits);
}

// One column of vectors: brings `maximum` up to date with the scores, turns them into weights, adds those to `sum`, and
// returns the factor that brings earlier sums onto the new maximum.
template <bool kMasked, class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> softmax_column(D d, int64_t keys, T* scores, const MaskWords& mask, int64_t column, T* maximum,
                                     T* sum) {
  const auto lowest = hn::Set(d, -std::numeric_limits<T>::infinity());
  const auto before = hn::LoadU(d, maximum + column);
  auto highest = before;
  T* const first = scores + column;
  for (int64_t j = 0; j < keys; ++j) {
    auto s = hn::LoadU(d, first + j * kTile);
    if constexpr (kMasked) {
      s = hn::IfThenElse(mask_of(d, mask, j, column), s, lowest);
      hn::StoreU(s, d, first + j * kTile);
    }
    highest = hn::Max(highest, s);
  }
  const auto base = hn::IfThenZeroElse(hn::Eq(highest, lowest), highest);
  const auto factor = exp2_of_nonpositive(d, hn::Sub(before, base));
  auto total = hn::Zero(d);
  for (int64_t j = 0; j < keys; ++j) {
    const auto p = exp2_of_nonpositive(d, hn::Sub(hn::LoadU(d, first + j * kTile), base));
    hn::StoreU(p, d, first + j * kTile);
    total = hn::Add(total, p);
  }
  hn::StoreU(highest, d, maximum + column);
  hn::StoreU(hn::MulAdd(hn::LoadU(d, sum + column), factor, total), d, sum + column);
  return factor;
}

// The two halves of 32 x 32 bit products.
template <class V>
struct Product {
  V high, low;
};
template <class D, class V = hn::Vec<D>>
HWY_INLINE Product<V> multiply(D d, V a, uint32_t b) {
  const auto factor = hn::Set(d, b);
  const hn::RepartitionToWide<D> wide;
  const auto even = hn::MulEven(a, factor);
  const auto odd = hn::MulEven(hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(wide, a))), factor);
  return {hn::OddEven(hn::BitCast(d, odd), hn::BitCast(d, hn::ShiftRight<32>(even))),
          hn::OddEven(hn::BitCast(d, hn::ShiftLeft<32>(odd)), hn::BitCast(d, even))};
}

// attention_dropout_words for 64 queries from `query` on, [4][64]: Philox with one counter in each lane.
HWY_INLINE void dropout_words(const HeadDropout& dropout, int64_t query, int64_t group, uint32_t* words) {
  const hn::ScalableTag<uint32_t> d;
  const auto head = static_cast<uint64_t>(dropout.head);
  for (int64_t i = 0; i < kTile; i += static_cast<int64_t>(hn::Lanes(d))) {
    auto c0 = hn::Set(d, static_cast<uint32_t>(group)), c2 = hn::Set(d, static_cast<uint32_t>(head));
    auto c1 = hn::Iota(d, static_cast<uint32_t>(query + i)), c3 = hn::Set(d, static_cast<uint32_t>(head >> 32));
    PhiloxKey key(dropout.seed);
    for (int round = 0; round < kPhiloxRounds; ++round, key.advance()) {
      const auto a = multiply(d, c0, kPhiloxFactor0), b = multiply(d, c2, kPhiloxFactor1);
      c0 = hn::Xor(hn::Xor(b.high, c1), hn::Set(d, key.low));
      c2 = hn::Xor(hn::Xor(a.high, c3), hn::Set(d, key.high));
      c1 = b.low;
      c3 = a.low;
    }
    hn::StoreU(c0, d, words + i);
    hn::StoreU(c1, d, words + kTile + i);
    hn::StoreU(c2, d, words + 2 * kTile + i);
    hn::StoreU(c3, d, words + 3 * kTile + i);
  }
}

// Dropout's factors [keys][64]: 0 or 1 / (1 - p), a pure function of the position. `key` is a multiple of 4.
template <class T>
HWY_INLINE void dropout_factors(const HeadDropout& dropout, int64_t query, int64_t key, int64_t keys, T* factors) {
  const uint32_t threshold = attention_dropout_threshold(dropout.p);
  const T kept = static_cast<T>(1.0 / (1.0 - dropout.p));
  uint32_t words[4 * kTile];
  for (int64_t j = 0; j < keys; j += 4) {
    dropout_words(dropout, query, (key + j) / 4, words);
    for (int64_t i = 0; i < 4 * kTile; ++i) factors[j * kTile + i] = words[i] >= threshold ? kept : T(0);
  }
}

// a *= b, [rows][64].
template <class T>
HWY_INLINE void multiply_tile(int64_t rows, T* a, const T* b) {
  const hn::ScalableTag<T> d;
  for (int64_t i = 0; i < rows * kTile; i += static_cast<int64_t>(hn::Lanes(d)))
    hn::StoreU(hn::Mul(hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, a + i);
}

}  // namespace mote::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
