// Dense rows that begin and end anywhere, as those of a matrix whose width is no multiple of a pack: packs of 16 bytes
// are counted from the 16-byte border before the row, and only the first and the last are read element by element.
#pragma once

#include "kernels/row_kernels.cuh"

namespace mote::cuda {

// Elements between that border and the row; 0 for single elements (V = 1).
template <class T, int V>
__device__ __forceinline__ int64_t elements_before(const char* row) {
  return V > 1 ? static_cast<int64_t>(reinterpret_cast<uintptr_t>(row) % (V * sizeof(T)) / sizeof(T)) : 0;
}

// Elements i .. i + V of the row; `otherwise` for those that lie outside.
template <class T, int V>
__device__ __forceinline__ Pack<T, V> read_ragged(const char* row, int64_t i, int64_t step, int64_t width,
                                                  T otherwise) {
  if (i >= 0 && i + V <= width) return read_pack<T, V>(row, i, step);
  Pack<T, V> pack;
#pragma unroll
  for (int k = 0; k < V; ++k) {
    pack.value[k] = otherwise;
    if (i + k >= 0 && i + k < width) pack.value[k] = *reinterpret_cast<const T*>(row + (i + k) * step);
  }
  return pack;
}

template <class T, int V>
__device__ __forceinline__ void write_ragged(char* row, int64_t i, int64_t step, int64_t width,
                                             const Pack<T, V>& pack) {
  if (i >= 0 && i + V <= width) return write_pack<T, V>(row, i, step, pack);
#pragma unroll
  for (int k = 0; k < V; ++k)
    if (i + k >= 0 && i + k < width) *reinterpret_cast<T*>(row + (i + k) * step) = pack.value[k];
}

// Whether the rows of a matrix are dense.
inline bool has_dense_rows(const View& matrix) { return matrix.strides[1] == 1; }

// Whether the rows of two matrices lie alike between 16-byte borders.
inline bool rows_lie_alike(const View& a, const View& b) {
  const auto size = size_of(a.dtype);
  const auto apart = reinterpret_cast<uintptr_t>(a.data) - reinterpret_cast<uintptr_t>(b.data);
  const auto of_rows = static_cast<uintptr_t>(a.strides[0] - b.strides[0]) * size;
  return apart % 16 == 0 && (of_rows % 16 == 0 || a.shape[0] == 1);
}

}  // namespace mote::cuda
