// What scatter does to an element, and the kernel for many lines of positions: a thread goes along the dimension in
// which positions count, one thread for each place in the others. Positions were checked before; where one was bad, the
// kernels that write do nothing.
#pragma once

#include "kernels/pointwise.cuh"
#include "kernels/positions.h"
#include "mote/dtype.h"

namespace mote::cuda {

// to = from. Elements are only moved.
template <class T>
struct Put {
  using Sum = T;
  static constexpr bool kAdds = false;
  static constexpr int kPack = 16 / sizeof(T);  // neighbours that are moved together where they can be
  MOTE_HD static T add(T, T value) { return value; }
};

// Sums in the compute type, rounded once. Integers wrap around; bool adds as `or`.
template <class T>
struct Add {
  using Sum = compute_t<T>;
  static constexpr bool kAdds = true;
  static constexpr int kPack = std::is_integral_v<T> ? 1 : 16 / sizeof(T);
  MOTE_HD static Sum add(Sum sum, T value) {
    if constexpr (std::is_same_v<T, bool>)
      return sum || value;
    else if constexpr (std::is_integral_v<T>)
      return static_cast<T>(static_cast<uint64_t>(sum) + static_cast<uint64_t>(value));
    else
      return sum + static_cast<Sum>(value);
  }
};

// Steps, in bytes, along the dimension in which positions count.
struct ScatterLine {
  int64_t count;  // of positions
  int64_t size;   // of the dimension that they point into
  int64_t out, index, source;
  Refusal refusal;
};

inline constexpr int kLoadsInFlight = 8;

template <class T>
__device__ __forceinline__ T& element_at(char* base, int64_t offset) {
  return *reinterpret_cast<T*>(base + offset);
}
template <class T>
__device__ __forceinline__ const T& element_at(const char* base, int64_t offset) {
  return *reinterpret_cast<const T*>(base + offset);
}

template <class T, class Op>
__global__ void scatter_lines(StridedIndex<3> lines, uint32_t count, ScatterLine line, char* out, const char* index,
                              const char* source) {
  if (line.refusal.holds()) return;
  const uint32_t step = gridDim.x * blockDim.x;
  for (uint32_t i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += step) {
    const auto [at] = lines.offsets(i);
    for (int64_t k = 0; k < line.count; k += kLoadsInFlight) {
      int64_t target[kLoadsInFlight] = {};
      T value[kLoadsInFlight] = {};
#pragma unroll
      for (int u = 0; u < kLoadsInFlight; ++u) {
        if (k + u >= line.count) break;
        target[u] = wrapped(element_at<int64_t>(index, at[1] + (k + u) * line.index), line.size) * line.out;
        value[u] = element_at<T>(source, at[2] + (k + u) * line.source);
      }
#pragma unroll
      for (int u = 0; u < kLoadsInFlight; ++u) {
        if (k + u >= line.count) break;
        T& to = element_at<T>(out, at[0] + target[u]);
        if constexpr (Op::kAdds)
          to = cast_to<T>(Op::add(cast_to<typename Op::Sum>(to), value[u]));
        else
          to = value[u];
      }
    }
  }
}

}  // namespace mote::cuda
