// Applies vector functions to rows of elements, tails included: nothing outside the row is read or written, and the
// output may be an input.
#if defined(MOTE_CPU_VECTOR_MAP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MOTE_CPU_VECTOR_MAP_INL_H_
#undef MOTE_CPU_VECTOR_MAP_INL_H_
#else
#define MOTE_CPU_VECTOR_MAP_INL_H_
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

// to[i] = F::apply(d, from[i]...). Where `streamed`, whole lines are written past the caches, and what lies before and
// after them in the usual way, because neighbouring rows share those lines.
template <class F, class T, class... From>
HWY_INLINE void map_elements(T* to, int64_t n, bool streamed, const From*... from) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  const auto map_few = [&](int64_t first, int64_t count) HWY_ATTR {
    const auto few = static_cast<size_t>(count);
    store_first(F::apply(d, load_first(d, from + first, few)...), d, to + first, few);
  };
  if (streamed) {
    constexpr int64_t kLine = 64 / sizeof(T);
    const auto at = static_cast<int64_t>(reinterpret_cast<uintptr_t>(to) / sizeof(T));
    const int64_t head = std::min(n, (kLine - at % kLine) % kLine);
    for (; i < head; i = std::min(i + lanes, head)) map_few(i, std::min(lanes, head - i));
    const int64_t end = head + (n - head) / kLine * kLine;
    for (; i < end; i += lanes) hn::Stream(F::apply(d, hn::LoadU(d, from + i)...), d, to + i);
  }
  for (; i + lanes <= n; i += lanes) hn::StoreU(F::apply(d, hn::LoadU(d, from + i)...), d, to + i);
  if (i < n) map_few(i, n - i);
}

// F has a static apply(d, v).
template <class F, class T>
void map_row(const void* in, void* out, int64_t n, bool streamed) {
  map_elements<F>(static_cast<T*>(out), n, streamed, static_cast<const T*>(in));
}

// F has a static apply(d, a, b).
template <class F, class T>
void map_rows(const void* a, const void* b, void* out, int64_t n, bool streamed) {
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
