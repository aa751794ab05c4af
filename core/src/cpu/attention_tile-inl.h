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

// A row of a tile's mask words as a vector mask for the queries from `column` on.
template <class D>
HWY_INLINE hn::Mask<D> mask_of(D d, const uint64_t& word, int64_t column) {
  uint8_t bits[8] = {};
  const uint64_t shifted = word >> column;
  for (int i = 0; i < 8; ++i) bits[i] = static_cast<uint8_t>(shifted >> 8 * i);
  return hn::LoadMaskBits(d, bits);
}

// One column of vectors: brings `maximum` up to date with the scores, turns them into weights, adds those to `sum`, and
// returns the factor that brings earlier sums onto the new maximum.
template <bool kMasked, class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> softmax_column(D d, int64_t keys, T* scores, const uint64_t* words, int64_t column, T* maximum,
                                     T* sum) {
  const auto lowest = hn::Set(d, -std::numeric_limits<T>::infinity());
  const auto before = hn::LoadU(d, maximum + column);
  auto highest = before;
  T* const first = scores + column;
  for (int64_t j = 0; j < keys; ++j) {
    auto s = hn::LoadU(d, first + j * kTile);
    if constexpr (kMasked) {
      s = hn::IfThenElse(mask_of(d, words[j], column), s, lowest);
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

// Dropout's factors [keys][64]: 0 or 1 / (1 - p), a pure function of the position. `key` is a multiple of 4.
template <class T>
HWY_INLINE void dropout_factors(const HeadDropout& dropout, int64_t query, int64_t key, int64_t keys, T* factors) {
  const uint32_t threshold = attention_dropout_threshold(dropout.p);
  const T kept = static_cast<T>(1.0 / (1.0 - dropout.p));
  for (int64_t j = 0; j < keys; j += 4)
    for (int64_t i = 0; i < kTile; ++i) {
      const PhiloxWords words = attention_dropout_words(dropout.seed, dropout.head, query + i, (key + j) / 4);
      for (int64_t n = 0; n < 4; ++n) factors[(j + n) * kTile + i] = words.word[n] >= threshold ? kept : T(0);
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
