// What softmax and cross-entropy compute first of a dense row: its maximum, and its exponentials below that.
#if defined(MOTE_CPU_EXPONENTIALS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOTE_CPU_EXPONENTIALS_INL_H_
#undef MOTE_CPU_EXPONENTIALS_INL_H_
#else
#define MOTE_CPU_EXPONENTIALS_INL_H_
#endif

#include <cmath>
#include <limits>

#include "cpu/exp_nonpositive-inl.h"
#include "cpu/vector_parts-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mote::cpu {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Terms of a row that are added before their sum joins the others in double.
constexpr int64_t kStretch = 2048;

// The greatest of a row. A NaN may be lost here; the sum of exponentials then has it. Fetches the next row meanwhile,
// for which computing exponentials leaves time.
template <class C>
HWY_INLINE C highest_of(const C* x, int64_t n) {
  const hn::ScalableTag<C> d;
  const auto lowest = hn::Set(d, -std::numeric_limits<C>::infinity());
  const auto greater = [](auto a, auto b) HWY_ATTR { return hn::Max(a, b); };
  const auto step = [&](auto highest, int64_t i, int64_t count) HWY_ATTR {
    hwy::Prefetch(x + n + i);
    return hn::Max(highest, load_part(d, x + i, count, lowest));
  };
  return hn::GetLane(hn::MaxOfLanes(d, reduce_parts(d, n, lowest, greater, step)));
}

// Where nothing is left of a row, all its exponentials are e^-inf.
template <class C>
HWY_INLINE C base_of(C highest) {
  return highest == -std::numeric_limits<C>::infinity() ? C(0) : highest;
}

// The sum of e^(x - base) over the row; each exponential is given to use(vector, offset, count) too, 0 beyond `count`.
template <class C, class Use>
HWY_INLINE C sum_exponentials(const C* x, C base, int64_t n, const Use& use) {
  const hn::ScalableTag<C> d;
  const auto shift = hn::Set(d, base), lowest = hn::Set(d, -std::numeric_limits<C>::infinity());
  return sum_parts(d, n, [&](auto sum, int64_t i, int64_t count) HWY_ATTR {
    const auto e = exp_of_nonpositive(d, hn::Sub(load_part(d, x + i, count, lowest), shift));
    use(e, i, count);
    return hn::Add(sum, e);
  });
}

template <class C>
struct ExponentialSum {
  C highest = -std::numeric_limits<C>::infinity();
  double sum = 0;  // of e^(x - highest)

  // The factor of all terms so far where a greater number appears.
  C raise(C greater) {
    const auto factor = static_cast<C>(std::exp(highest - greater));
    highest = greater;
    sum *= static_cast<double>(factor);
    return factor;
  }
};

// Adds a stretch of a row, read once. Whether a number is greater than all before is asked for four vectors at a time;
// in few rows it is so more than a few times.
template <class C>
HWY_INLINE void add_exponentials(const C* x, int64_t n, ExponentialSum<C>& row) {
  const hn::ScalableTag<C> d;
  using V = hn::Vec<decltype(d)>;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const V lowest = hn::Set(d, -std::numeric_limits<C>::infinity());
  V top = hn::Set(d, row.highest), base = hn::Set(d, base_of(row.highest));
  V a = hn::Zero(d), b = a, c = a, e = a;
  const auto look_at = [&](V most) HWY_ATTR {
    if (HWY_LIKELY(hn::AllFalse(d, hn::Gt(most, top)))) return;
    const V factor = hn::Set(d, row.raise(hn::GetLane(hn::MaxOfLanes(d, most))));
    a = hn::Mul(a, factor);
    b = hn::Mul(b, factor);
    c = hn::Mul(c, factor);
    e = hn::Mul(e, factor);
    top = base = hn::Set(d, row.highest);
  };
  int64_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    const V p = hn::LoadU(d, x + i), q = hn::LoadU(d, x + i + lanes);
    const V r = hn::LoadU(d, x + i + 2 * lanes), s = hn::LoadU(d, x + i + 3 * lanes);
    look_at(hn::Max(hn::Max(p, q), hn::Max(r, s)));
    a = hn::Add(a, exp_of_nonpositive(d, hn::Sub(p, base)));
    b = hn::Add(b, exp_of_nonpositive(d, hn::Sub(q, base)));
    c = hn::Add(c, exp_of_nonpositive(d, hn::Sub(r, base)));
    e = hn::Add(e, exp_of_nonpositive(d, hn::Sub(s, base)));
  }
  for (; i < n; i += lanes) {
    const V p = load_part(d, x + i, HWY_MIN(lanes, n - i), lowest);
    look_at(p);
    a = hn::Add(a, exp_of_nonpositive(d, hn::Sub(p, base)));
  }
  row.sum += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(a, b), hn::Add(c, e)))));
}

// The greatest of a row, unless that is NaN, and the sum of its exponentials below it, which then is NaN. Sums of
// stretches join in double, so that long rows lose no digits. A short row is read twice, since too many of its numbers
// would be the greatest so far.
template <class C>
HWY_INLINE ExponentialSum<C> exponential_sum_of(const C* x, int64_t n) {
  ExponentialSum<C> row;
  if (n <= kStretch) {
    row.highest = highest_of(x, n);
    row.sum = static_cast<double>(sum_exponentials(x, base_of(row.highest), n, [](auto, int64_t, int64_t) HWY_ATTR {}));
    return row;
  }
  for (int64_t i = 0; i < n; i += kStretch) add_exponentials(x + i, HWY_MIN(kStretch, n - i), row);
  return row;
}

}  // namespace HWY_NAMESPACE
}  // namespace mote::cpu
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
