#include "cpu/blocks.h"

#include <algorithm>

namespace mote::cpu {

namespace {

template <class T>
void load(const char* from, int64_t step, void* to, int64_t n) {
  using Compute = compute_t<T>;
  auto* target = static_cast<Compute*>(to);
  const auto* source = reinterpret_cast<const T*>(from);
  if (step == 0) {
    std::fill_n(target, n, cast_to<Compute>(*source));
  } else if (step == sizeof(T)) {
    for (int64_t i = 0; i < n; ++i) target[i] = cast_to<Compute>(source[i]);
  } else {
    for (int64_t i = 0; i < n; ++i) target[i] = cast_to<Compute>(*reinterpret_cast<const T*>(from + i * step));
  }
}

template <class T>
void store(const void* from, char* to, int64_t step, int64_t n) {
  const auto* source = static_cast<const compute_t<T>*>(from);
  auto* target = reinterpret_cast<T*>(to);
  if (step == sizeof(T)) {
    for (int64_t i = 0; i < n; ++i) target[i] = cast_to<T>(source[i]);
  } else {
    for (int64_t i = 0; i < n; ++i) *reinterpret_cast<T*>(to + i * step) = cast_to<T>(source[i]);
  }
}

}  // namespace

Load find_load(DType dtype) {
  return dispatch(dtype, [](auto* tag) -> Load { return load<std::remove_pointer_t<decltype(tag)>>; });
}

Store find_store(DType dtype) {
  return dispatch(dtype, [](auto* tag) -> Store { return store<std::remove_pointer_t<decltype(tag)>>; });
}

}  // namespace mote::cpu
