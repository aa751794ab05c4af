// Block barriers, warp shuffles, votes and reductions.
#pragma once

#include <type_traits>

#include "simt/core.h"

inline void __syncthreads(simt::Place place = simt::Place::current()) {
  simt::block_barrier(simt::BarrierOp::Sync, 0, place);
}
inline int __syncthreads_count(int predicate, simt::Place place = simt::Place::current()) {
  return simt::block_barrier(simt::BarrierOp::Count, predicate, place);
}
inline int __syncthreads_and(int predicate, simt::Place place = simt::Place::current()) {
  return simt::block_barrier(simt::BarrierOp::All, predicate, place);
}
inline int __syncthreads_or(int predicate, simt::Place place = simt::Place::current()) {
  return simt::block_barrier(simt::BarrierOp::Any, predicate, place);
}
inline void __syncwarp(unsigned mask = 0xffffffffu, simt::Place place = simt::Place::current()) {
  int nothing = 0;
  simt::warp_collective(
      mask, [](void* const*, unsigned) {}, &nothing, "__syncwarp", true, place);
}
inline unsigned __activemask() { return simt::active_mask(); }

namespace simt {

// What one lane brings to a shuffle and takes from it.
template <class T>
struct Shuffle {
  T value;
  T result;
  int source;  // -1: its own
  bool valid;

  SIMT_RAW static void combine(void* const* lanes, unsigned mask) {
    for (int i = 0; i < 32; ++i) {
      if (!(mask >> i & 1)) continue;
      auto& mine = *static_cast<Shuffle*>(lanes[i]);
      const int from = mine.source < 0 ? i : mine.source;
      mine.valid = mask >> from & 1;  // reading a lane outside the mask is undefined
      if (mine.valid) mine.result = static_cast<Shuffle*>(lanes[from])->value;
    }
  }
};

template <class T>
SIMT_RAW T shuffle(unsigned mask, T value, int source, const char* what, Place place) {
  static_assert(sizeof(T) <= 8 && std::is_trivially_copyable_v<T>);
  Shuffle<T> exchange{value, value, source, true};
  warp_collective(mask, &Shuffle<T>::combine, &exchange, what, false, place);
  if (!exchange.valid)
    device_fail("%s: source lane %d is not in mask 0x%08x (%s:%u)", what, source, mask, place.file, place.line);
  return exchange.result;
}

// The first lane of this lane's group of `width`.
inline int group_start(int width) { return static_cast<int>(self.lane) & ~(width - 1); }

// Folds one value of each lane; Fold is a stateless functor (accumulated, value, lane) -> accumulated.
template <class Fold>
struct Vote {
  unsigned value;
  unsigned result;

  SIMT_RAW static void combine(void* const* lanes, unsigned mask) {
    unsigned accumulated = Fold::kStart;
    for (int i = 0; i < 32; ++i)
      if (mask >> i & 1) accumulated = Fold()(accumulated, static_cast<Vote*>(lanes[i])->value, i);
    for (int i = 0; i < 32; ++i)
      if (mask >> i & 1) static_cast<Vote*>(lanes[i])->result = accumulated;
  }
};

template <class Fold>
SIMT_RAW unsigned vote(unsigned mask, unsigned value, const char* what, Place place) {
  Vote<Fold> ballot{value, 0};
  warp_collective(mask, &Vote<Fold>::combine, &ballot, what, false, place);
  return ballot.result;
}

#define SIMT_FOLD(name, start, expression)                                                                       \
  struct name {                                                                                                  \
    static constexpr unsigned kStart = start;                                                                    \
    SIMT_RAW unsigned operator()(unsigned a, unsigned v, [[maybe_unused]] int lane) const { return expression; } \
  };
SIMT_FOLD(FoldBallot, 0u, a | (v ? 1u << lane : 0u))
SIMT_FOLD(FoldAdd, 0u, a + v)
SIMT_FOLD(FoldAnd, ~0u, a& v)
SIMT_FOLD(FoldOr, 0u, a | v)
SIMT_FOLD(FoldXor, 0u, a ^ v)
SIMT_FOLD(FoldMaxUnsigned, 0u, a > v ? a : v)
SIMT_FOLD(FoldMinUnsigned, ~0u, a < v ? a : v)
SIMT_FOLD(FoldMaxSigned, 0x80000000u, static_cast<int>(a) > static_cast<int>(v) ? a : v)
SIMT_FOLD(FoldMinSigned, 0x7fffffffu, static_cast<int>(a) < static_cast<int>(v) ? a : v)
#undef SIMT_FOLD

}  // namespace simt

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, simt::Place place = simt::Place::current()) {
  return simt::shuffle(mask, value, simt::group_start(width) + (source & (width - 1)), "__shfl_sync", place);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32, simt::Place place = simt::Place::current()) {
  const int source = static_cast<int>(simt::self.lane) ^ bits;
  return simt::shuffle(mask, value, source < simt::group_start(width) + width ? source : -1, "__shfl_xor_sync", place);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, simt::Place place = simt::Place::current()) {
  const int source = static_cast<int>(simt::self.lane) - static_cast<int>(delta);
  return simt::shuffle(mask, value, source >= simt::group_start(width) ? source : -1, "__shfl_up_sync", place);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, simt::Place place = simt::Place::current()) {
  const int source = static_cast<int>(simt::self.lane + delta);
  return simt::shuffle(mask, value, source < simt::group_start(width) + width ? source : -1, "__shfl_down_sync", place);
}

inline unsigned __ballot_sync(unsigned mask, int predicate, simt::Place place = simt::Place::current()) {
  return simt::vote<simt::FoldBallot>(mask, predicate != 0, "__ballot_sync", place);
}
inline int __any_sync(unsigned mask, int predicate, simt::Place place = simt::Place::current()) {
  return simt::vote<simt::FoldOr>(mask, predicate != 0, "__any_sync", place) != 0;
}
inline int __all_sync(unsigned mask, int predicate, simt::Place place = simt::Place::current()) {
  return simt::vote<simt::FoldAnd>(mask, predicate != 0, "__all_sync", place) != 0;
}
inline unsigned __reduce_add_sync(unsigned mask, unsigned value, simt::Place place = simt::Place::current()) {
  return simt::vote<simt::FoldAdd>(mask, value, "__reduce_add_sync", place);
}
inline int __reduce_add_sync(unsigned mask, int value, simt::Place place = simt::Place::current()) {
  return static_cast<int>(simt::vote<simt::FoldAdd>(mask, static_cast<unsigned>(value), "__reduce_add_sync", place));
}
inline unsigned __reduce_max_sync(unsigned mask, unsigned value, simt::Place place = simt::Place::current()) {
  return simt::vote<simt::FoldMaxUnsigned>(mask, value, "__reduce_max_sync", place);
}
inline int __reduce_max_sync(unsigned mask, int value, simt::Place place = simt::Place::current()) {
  return static_cast<int>(
      simt::vote<simt::FoldMaxSigned>(mask, static_cast<unsigned>(value), "__reduce_max_sync", place));
}
inline unsigned __reduce_min_sync(unsigned mask, unsigned value, simt::Place place = simt::Place::current()) {
  return simt::vote<simt::FoldMinUnsigned>(mask, value, "__reduce_min_sync", place);
}
inline int __reduce_min_sync(unsigned mask, int value, simt::Place place = simt::Place::current()) {
  return static_cast<int>(
      simt::vote<simt::FoldMinSigned>(mask, static_cast<unsigned>(value), "__reduce_min_sync", place));
}
inline unsigned __reduce_and_sync(unsigned mask, unsigned value, simt::Place place = simt::Place::current()) {
  return simt::vote<simt::FoldAnd>(mask, value, "__reduce_and_sync", place);
}
inline unsigned __reduce_or_sync(unsigned mask, unsigned value, simt::Place place = simt::Place::current()) {
  return simt::vote<simt::FoldOr>(mask, value, "__reduce_or_sync", place);
}
inline unsigned __reduce_xor_sync(unsigned mask, unsigned value, simt::Place place = simt::Place::current()) {
  return simt::vote<simt::FoldXor>(mask, value, "__reduce_xor_sync", place);
}
