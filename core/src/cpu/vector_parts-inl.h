// Loops over a dense row by vectors, whose last one may be a part.
#if defined(MOTE_CPU_VECTOR_PARTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOTE_CPU_VECTOR_PARTS_INL_H_
#undef MOTE_CPU_VECTOR_PARTS_INL_H_
#else
#define MOTE_CPU_VECTOR_PARTS_INL_H_
#endif

#include "cpu/vector_map-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mote::cpu {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

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

}  // namespace HWY_NAMESPACE
}  // namespace mote::cpu
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
