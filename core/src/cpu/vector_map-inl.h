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

// Bytes of a row from which on its results are written past the caches. None would keep so much of one thread's, and
// the lines that are written need not be read first: a sum of two arrays moves three quarters of the bytes.
inline constexpr int64_t kStreamedRow = int64_t{16} << 20;

// Whether n results go past the caches: not where they replace an input, whose lines are there already.
template <class D, class T = hn::TFromD<D>, class... Inputs>
HWY_INLINE bool is_row_streamed(D d, const T* to, int64_t n, const Inputs*... inputs) {
  return n * static_cast<int64_t>(sizeof(T)) >= kStreamedRow &&
         reinterpret_cast<uintptr_t>(to) % (hn::Lanes(d) * sizeof(T)) == 0 && ((inputs != to) && ...);
}

// F has a static apply(d, v).
template <class F, class T>
void map_row(const void* in, void* out, int64_t n) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const T* from = static_cast<const T*>(in);
  T* to = static_cast<T*>(out);
  int64_t i = 0;
  if (is_row_streamed(d, to, n, from)) {
    for (; i + lanes <= n; i += lanes) hn::Stream(F::apply(d, hn::LoadU(d, from + i)), d, to + i);
    hwy::FlushStream();
  }
  for (; i + lanes <= n; i += lanes) hn::StoreU(F::apply(d, hn::LoadU(d, from + i)), d, to + i);
  if (i == n) return;
  const auto rest = static_cast<size_t>(n - i);
  store_first(F::apply(d, load_first(d, from + i, rest)), d, to + i, rest);
}

// F has a static apply(d, a, b).
template <class F, class T>
void map_rows(const void* a, const void* b, void* out, int64_t n) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const T *left = static_cast<const T*>(a), *right = static_cast<const T*>(b);
  T* to = static_cast<T*>(out);
  int64_t i = 0;
  if (is_row_streamed(d, to, n, left, right)) {
    for (; i + lanes <= n; i += lanes)
      hn::Stream(F::apply(d, hn::LoadU(d, left + i), hn::LoadU(d, right + i)), d, to + i);
    hwy::FlushStream();
  }
  for (; i + lanes <= n; i += lanes)
    hn::StoreU(F::apply(d, hn::LoadU(d, left + i), hn::LoadU(d, right + i)), d, to + i);
  if (i == n) return;
  const auto rest = static_cast<size_t>(n - i);
  store_first(F::apply(d, load_first(d, left + i, rest), load_first(d, right + i, rest)), d, to + i, rest);
}

// F has a static apply(d, a, b) that gives a mask; it becomes bytes of 0 or 1.
template <class F>
void compare_rows(const void* a, const void* b, void* out, int64_t n) {
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
