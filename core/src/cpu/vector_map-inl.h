// Applies vector functions to rows of elements, tails included: nothing outside the row is read or written, and the
// output may be an input.
#if defined(MOTE_CPU_VECTOR_MAP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOTE_CPU_VECTOR_MAP_INL_H_
#undef MOTE_CPU_VECTOR_MAP_INL_H_
#else
#define MOTE_CPU_VECTOR_MAP_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>
#include <cstring>

#include "cpu/vector_parts-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mote::cpu {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// to[i] = F::apply(d, from[i]...).
template <class F, class T, class... From>
HWY_INLINE void map_elements(T* to, int64_t n, bool streamed, const From*... from) {
  const hn::ScalableTag<T> d;
  write_parts(d, to, n, streamed,
              [&](int64_t i, int64_t count) HWY_ATTR { return F::apply(d, load_part(d, from + i, count)...); });
}

// F has a static apply(d, v).
template <class F, class T>
HWY_FLATTEN void map_row(const void* in, void* out, int64_t n, bool streamed) {
  map_elements<F>(static_cast<T*>(out), n, streamed, static_cast<const T*>(in));
}

// F has a static apply(d, a, b).
template <class F, class T>
HWY_FLATTEN void map_rows(const void* a, const void* b, void* out, int64_t n, bool streamed) {
  map_elements<F>(static_cast<T*>(out), n, streamed, static_cast<const T*>(a), static_cast<const T*>(b));
}

// F has a static apply(d, a, b) that gives a mask; it becomes bytes of 0 or 1.
template <class F>
void compare_rows(const void* a, const void* b, void* out, int64_t n, bool) {
  const hn::ScalableTag<float> d;
  const hn::RebindToSigned<decltype(d)> di;
  const hn::Rebind<uint8_t, decltype(d)> bytes;
  const auto one = hn::Set(di, 1);
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto *left = static_cast<const float*>(a), *right = static_cast<const float*>(b);
  auto* to = static_cast<uint8_t*>(out);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto mask = F::apply(d, hn::LoadU(d, left + i), hn::LoadU(d, right + i));
    hn::StoreU(hn::DemoteTo(bytes, hn::And(hn::BitCast(di, hn::VecFromMask(d, mask)), one)), bytes, to + i);
  }
  if (i == n) return;
  const auto rest = static_cast<size_t>(n - i);
  const auto mask = F::apply(d, load_first(d, left + i, rest), load_first(d, right + i, rest));
  HWY_ALIGN uint8_t buffer[HWY_MAX_BYTES];
  hn::StoreU(hn::DemoteTo(bytes, hn::And(hn::BitCast(di, hn::VecFromMask(d, mask)), one)), bytes, buffer);
  std::memcpy(to + i, buffer, rest);
}

}  // namespace HWY_NAMESPACE
}  // namespace mote::cpu
HWY_AFTER_NAMESPACE();

#endif
