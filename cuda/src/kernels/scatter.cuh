// The kernels behind scatter and index_add. Positions were checked before. Values that meet in one element are written,
// or added, in ascending order of the index, so each element belongs to one thread. There are three ways:
//   lines     a thread goes along the dimension in which positions count, one thread for each place in the others
//   list      one list of positions for all lines (index_add, the gradient of an embedding): it is sorted, stably, and
//             a group of equal positions belongs to the threads of one row of out
//   flat      few, long lines with positions of their own: all elements are sorted by the element that they go to
// Bytes of `list`: source once, the rows of out that are met twice (once without add), 12 for each position and digit.
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
  const uint32_t step = gridDim.x * blockDim.x;
  for (uint32_t i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += step) {
    const auto [at] = lines.offsets(i);
    for (int64_t k = 0; k < line.count; k += kLoadsInFlight) {
      int64_t target[kLoadsInFlight];
      T value[kLoadsInFlight];
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

// Sorted targets, and where each came from; equal ones side by side, in ascending order of where.
struct SortedTargets {
  const uint64_t* targets;
  const uint32_t* places;
  uint32_t count;

  // Whether i is the first of its group.
  __device__ bool begins(uint32_t i) const { return i == 0 || targets[i - 1] != targets[i]; }
};

// The group of targets that begins at i goes to the V neighbours at `to`; value_at(place) is where a value lies.
template <class T, class Op, int V, class ValueAt>
__device__ void scatter_group(const SortedTargets& sorted, uint32_t i, Pack<T, V>* to, const ValueAt& value_at) {
  const uint64_t target = sorted.targets[i];
  if constexpr (!Op::kAdds) {
    while (i + 1 < sorted.count && sorted.targets[i + 1] == target) ++i;
    *to = *value_at(sorted.places[i]);
  } else {
    const Pack<T, V> old = *to;
    typename Op::Sum sum[V];
#pragma unroll
    for (int v = 0; v < V; ++v) sum[v] = cast_to<typename Op::Sum>(old.value[v]);
    for (bool more = true; more; i += kLoadsInFlight) {
      Pack<T, V> value[kLoadsInFlight];
      bool valid[kLoadsInFlight];
#pragma unroll
      for (int u = 0; u < kLoadsInFlight; ++u) {
        valid[u] = i + u < sorted.count && sorted.targets[i + u] == target;
        if (valid[u]) value[u] = *value_at(sorted.places[i + u]);
      }
#pragma unroll
      for (int u = 0; u < kLoadsInFlight; ++u) {
        if (!valid[u]) break;
#pragma unroll
        for (int v = 0; v < V; ++v) sum[v] = Op::add(sum[v], value[u].value[v]);
      }
      more = valid[kLoadsInFlight - 1];
    }
    Pack<T, V> result;
#pragma unroll
    for (int v = 0; v < V; ++v) result.value[v] = cast_to<T>(sum[v]);
    *to = result;
  }
}

// One list of positions for rows of `width` packs. blockDim.x goes along a row, blockDim.y over the list.
template <class T, class Op, int V>
__global__ void scatter_list(SortedTargets sorted, StridedIndex<2> row, uint32_t width, int64_t out_step,
                             int64_t source_step, char* out, const char* source) {
  const uint32_t column = blockIdx.x * blockDim.x + threadIdx.x;
  if (column >= width) return;
  const auto [at] = row.offsets(column);
  const uint32_t step = gridDim.y * blockDim.y;
  for (uint32_t i = blockIdx.y * blockDim.y + threadIdx.y; i < sorted.count; i += step) {
    if (!sorted.begins(i)) continue;
    scatter_group<T, Op, V>(
        sorted, i, reinterpret_cast<Pack<T, V>*>(out + at[0] + static_cast<int64_t>(sorted.targets[i]) * out_step),
        [&](uint32_t place) {
          return reinterpret_cast<const Pack<T, V>*>(source + at[1] + int64_t{place} * source_step);
        });
  }
}

// A target is line * line.size + position, a place is line * line.count + k.
template <class T, class Op>
__global__ void scatter_flat(SortedTargets sorted, StridedIndex<3> lines, ScatterLine line, char* out,
                             const char* source) {
  const uint32_t step = gridDim.x * blockDim.x;
  const auto size = static_cast<uint64_t>(line.size), length = static_cast<uint64_t>(line.count);
  for (uint32_t i = blockIdx.x * blockDim.x + threadIdx.x; i < sorted.count; i += step) {
    if (!sorted.begins(i)) continue;
    const uint64_t target = sorted.targets[i];
    const auto [at] = lines.offsets(static_cast<uint32_t>(target / size));
    const int64_t source_start = at[2];
    scatter_group<T, Op, 1>(sorted, i,
                            reinterpret_cast<Pack<T, 1>*>(out + at[0] + static_cast<int64_t>(target % size) * line.out),
                            [&](uint32_t place) {
                              return reinterpret_cast<const Pack<T, 1>*>(
                                  source + source_start + static_cast<int64_t>(place % length) * line.source);
                            });
  }
}

}  // namespace mote::cuda
