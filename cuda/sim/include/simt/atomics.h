// Fences, atomics and cache-hinted loads. Atomics are sequentially consistent here, stronger than on hardware.
#pragma once

#include <type_traits>

#include "simt/core.h"

inline void __threadfence() {
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  simt::note_fence();
}
inline void __threadfence_block() {}
inline void __threadfence_system() { __threadfence(); }

template <class T>
T __ldg(const T* address) {
  return *address;
}
template <class T>
T __ldcs(const T* address) {
  return *address;
}
template <class T>
T __ldcg(const T* address) {
  return *address;
}
template <class T>
void __stcs(T* address, T value) {
  *address = value;
}

namespace simt {

template <class T, class Update>
SIMT_RAW T atomic_update(T* address, Update update) {
  note_atomic(address, sizeof(T), __builtin_return_address(0));
  T old;
  __atomic_load(address, &old, __ATOMIC_SEQ_CST);
  for (;;) {
    T desired = update(old);
    if (__atomic_compare_exchange(address, &old, &desired, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) return old;
  }
}

}  // namespace simt

#define SIMT_ATOMIC(name, expression)                                                                          \
  template <class T>                                                                                           \
  T name(T* address, std::type_identity_t<T> value) {                                                          \
    return simt::atomic_update(address, [value]([[maybe_unused]] T old) SIMT_RAW -> T { return expression; }); \
  }
SIMT_ATOMIC(atomicAdd, old + value)
SIMT_ATOMIC(atomicSub, old - value)
SIMT_ATOMIC(atomicExch, value)
SIMT_ATOMIC(atomicMax, old > value ? old : value)
SIMT_ATOMIC(atomicMin, old < value ? old : value)
SIMT_ATOMIC(atomicAnd, old& value)
SIMT_ATOMIC(atomicOr, old | value)
SIMT_ATOMIC(atomicXor, old ^ value)
#undef SIMT_ATOMIC

template <class T>
T atomicCAS(T* address, std::type_identity_t<T> expected, std::type_identity_t<T> value) {
  return simt::atomic_update(address, [=](T old) SIMT_RAW -> T { return old == expected ? value : old; });
}
inline unsigned atomicInc(unsigned* address, unsigned limit) {
  return simt::atomic_update(address, [=](unsigned old) SIMT_RAW -> unsigned { return old >= limit ? 0 : old + 1; });
}
