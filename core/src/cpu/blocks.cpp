#include "cpu/blocks.h"

namespace mote::cpu {

namespace {

template <class T>
void load(const char* from, int64_t step, void* to, int64_t n) {
  auto* target = static_cast<compute_t<T>*>(to);
  if (step == 0) {
    const auto value = cast_to<compute_t<T>>(*reinterpret_cast<const T*>(from));
    for (int64_t i = 0; i < n; ++i) target[i] = value;
  } else {
    for (int64_t i = 0; i < n; ++i) target[i] = cast_to<compute_t<T>>(*reinterpret_cast<const T*>(from + i * step));
  }
}

template <class T>
void store(const void* from, char* to, int64_t step, int64_t n) {
  const auto* source = static_cast<const compute_t<T>*>(from);
  for (int64_t i = 0; i < n; ++i) *reinterpret_cast<T*>(to + i * step) = cast_to<T>(source[i]);
}

}  // namespace

Load find_load(DType dtype) {
  return dispatch(dtype, [](auto* tag) -> Load { return load<std::remove_pointer_t<decltype(tag)>>; });
}

Store find_store(DType dtype) {
  return dispatch(dtype, [](auto* tag) -> Store { return store<std::remove_pointer_t<decltype(tag)>>; });
}

}  // namespace mote::cpu
