// Loops over a dense row by vectors, whose last one may be a part: nothing outside the row is read or written.
// What calls them is HWY_FLATTEN, or GCC may leave their lambdas as functions of their own.
#if defined(MOTE_CPU_VECTOR_PARTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOTE_CPU_VECTOR_PARTS_INL_H_
#undef MOTE_CPU_VECTOR_PARTS_INL_H_
#else
#define MOTE_CPU_VECTOR_PARTS_INL_H_
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

HWY_BEFORE_NAMESPACE();
namespace mote::cpu {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// The first n < Lanes(d) elements at `from`, and anything after them. n > 0.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::VFromD<D> load_first(D d, const T* from, size_t n) {
#if HWY_CAP_GE256
  return hn::MaskedLoad(hn::FirstN(d, n), d, from);
#else
  HWY_ALIGN T buffer[HWY_MAX_BYTES / sizeof(T)] = {};
  std::memcpy(buffer, from, n * sizeof(T));
  return hn::Load(d, buffer);
#endif
}

template <class D, class T = hn::TFromD<D>>
HWY_INLINE void store_first(hn::VFromD<D> v, D d, T* to, size_t n) {
#if HWY_CAP_GE256
  hn::BlendedStore(v, hn::FirstN(d, n), d, to);
#else
  HWY_ALIGN T buffer[HWY_MAX_BYTES / sizeof(T)];
  hn::Store(v, d, buffer);
  std::memcpy(to, buffer, n * sizeof(T));
#endif
}

// Calls body(offset, count) with count = Lanes(d) as often as it fits into n, then with what is left.
template <class D, class Body>
HWY_INLINE void for_parts(D d, int64_t n, const Body& body) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) body(i, lanes);
  if (i < n) body(i, n - i);
}

template <class D>
HWY_INLINE bool is_whole(D d, int64_t count) {
  return count == static_cast<int64_t>(hn::Lanes(d));
}

// `count` elements and `fill` after them.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::VFromD<D> load_part(D d, const T* from, int64_t count, hn::VFromD<D> fill) {
  if (is_whole(d, count)) return hn::LoadU(d, from);
  const auto n = static_cast<size_t>(count);
  return hn::IfThenElse(hn::FirstN(d, n), load_first(d, from, n), fill);
}
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::VFromD<D> load_part(D d, const T* from, int64_t count) {
  return load_part(d, from, count, hn::Zero(d));
}

template <class D, class T = hn::TFromD<D>>
HWY_INLINE void store_part(hn::VFromD<D> v, D d, T* to, int64_t count) {
  if (is_whole(d, count))
    hn::StoreU(v, d, to);
  else
    store_first(v, d, to, static_cast<size_t>(count));
}

// to[i, i + count) = compute(i, count) for all parts of a row. Where `streamed`, whole lines are written past the
// caches, and what lies before and after them in the usual way, because neighbouring rows share those lines.
template <class D, class Compute, class T = hn::TFromD<D>>
HWY_INLINE void write_parts(D d, T* to, int64_t n, bool streamed, const Compute& compute) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  const auto write_few = [&](int64_t first, int64_t count)
                             HWY_ATTR { store_part(compute(first, count), d, to + first, count); };
  if (streamed) {
    constexpr int64_t kLine = 64 / sizeof(T);
    const auto at = static_cast<int64_t>(reinterpret_cast<uintptr_t>(to) / sizeof(T));
    const int64_t head = std::min(n, (kLine - at % kLine) % kLine);
    for (; i < head; i = std::min(i + lanes, head)) write_few(i, std::min(lanes, head - i));
    const int64_t end = head + (n - head) / kLine * kLine;
    for (; i < end; i += lanes) hn::Stream(compute(i, lanes), d, to + i);
  }
  for (; i + lanes <= n; i += lanes) hn::StoreU(compute(i, lanes), d, to + i);
  if (i < n) write_few(i, n - i);
}

// start, taken through step(value, offset, count) for all parts of a row. Four values take turns, which hides the
// latency of a step, and are joined in the end.
template <class D, class Join, class Step>
HWY_INLINE hn::Vec<D> reduce_parts(D d, int64_t n, hn::Vec<D> start, const Join& join, const Step& step) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  auto a = start, b = start, c = start, e = start;
  int64_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    a = step(a, i, lanes);
    b = step(b, i + lanes, lanes);
    c = step(c, i + 2 * lanes, lanes);
    e = step(e, i + 3 * lanes, lanes);
  }
  for (; i < n; i += lanes) a = step(a, i, HWY_MIN(lanes, n - i));
  return join(join(a, b), join(c, e));
}

// A sum over all parts, beginning at 0: step adds to the value it is given.
template <class D, class Step>
HWY_INLINE hn::TFromD<D> sum_parts(D d, int64_t n, const Step& step) {
  const auto plus = [](auto a, auto b) HWY_ATTR { return hn::Add(a, b); };
  return hn::GetLane(hn::SumOfLanes(d, reduce_parts(d, n, hn::Zero(d), plus, step)));
}

}  // namespace HWY_NAMESPACE
}  // namespace mote::cpu
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
