// What kernels share that compute row by row over the last dimension. A group of 1 to 512 threads has a row: in
// registers where it fits, so that it is read once, and otherwise in several passes, the later ones of which mostly
// find it in the L2 cache. Dense rows are read and written by packs of 16 bytes.
#pragma once

#include <limits>

#include "kernels/block_reduce.cuh"
#include "kernels/pointwise.cuh"
#include "kernels/strided_index.h"

namespace mote::cuda {

inline constexpr int kMaxRowThreads = 512;
inline constexpr int kRowBlockThreads = 128;  // of a block that has several rows

template <class T>
inline constexpr int kRowPack = 16 / static_cast<int>(sizeof(T));
// Packs of V elements that a thread keeps in registers.
template <int V>
inline constexpr int kPacksKept = V > 1 ? 4 : 8;

// N arrays of the same rows, each with its own strides.
template <int N>
struct RowArrays {
  StridedIndex<N> starts;
  uint32_t rows;
  int64_t width;
  int64_t steps[N];  // bytes from element to element; of no meaning to packs
  int64_t first;     // rows that another launch has before these, in row-major order
};

// The row of a thread. Threads beyond the last row take part in all that the block does together.
template <int N>
struct RowPlace {
  uint32_t row;
  bool exists;
  int64_t at[N];

  __device__ explicit RowPlace(const RowArrays<N>& arrays)
      : row(blockIdx.x * blockDim.y + threadIdx.y), exists(row < arrays.rows) {
    const auto offsets = arrays.starts.offsets(exists ? row : 0);
#pragma unroll
    for (int k = 0; k < N; ++k) at[k] = offsets.at[k];
  }
};

// The first element of pack p of this thread.
template <int V>
__device__ __forceinline__ int64_t pack_start(int64_t p) {
  return (p * blockDim.x + threadIdx.x) * V;
}

template <class T, int V>
__device__ __forceinline__ Pack<T, V> read_pack(const char* row, int64_t i, int64_t step) {
  return *reinterpret_cast<const Pack<T, V>*>(row + i * (V > 1 ? static_cast<int64_t>(sizeof(T)) : step));
}

template <class T, int V>
__device__ __forceinline__ void write_pack(char* row, int64_t i, int64_t step, const Pack<T, V>& pack) {
  *reinterpret_cast<Pack<T, V>*>(row + i * (V > 1 ? static_cast<int64_t>(sizeof(T)) : step)) = pack;
}

// The packs of N rows of one width that this thread has: in registers (kKeeps), or read each time they are asked for.
template <class T, int V, int N, bool kKeeps>
class ThreadPacks {
 public:
  __device__ ThreadPacks(const std::array<const char*, N>& rows, const std::array<int64_t, N>& steps, int64_t width,
                         bool exists)
      : width_(exists ? width : 0) {
#pragma unroll
    for (int n = 0; n < N; ++n) {
      rows_[n] = rows[n];
      steps_[n] = steps[n];
    }
    if constexpr (kKeeps) {
#pragma unroll
      for (int p = 0; p < kPacks; ++p)
        if (pack_start<V>(p) < width_) read(pack_start<V>(p), packs_[p]);
    }
  }

  // Calls f(first element, N packs) for each.
  template <class F>
  __device__ __forceinline__ void for_each(const F& f) const {
    if constexpr (kKeeps) {
#pragma unroll
      for (int p = 0; p < kPacks; ++p)
        if (pack_start<V>(p) < width_) f(pack_start<V>(p), packs_[p]);
    } else {
      const int64_t step = int64_t{blockDim.x} * V;
#pragma unroll 2
      for (int64_t i = pack_start<V>(0); i < width_; i += step) {
        Pack<T, V> packs[N];
        read(i, packs);
        f(i, packs);
      }
    }
  }

 private:
  static constexpr int kPacks = kKeeps ? kPacksKept<V> : 1;

  __device__ __forceinline__ void read(int64_t i, Pack<T, V> (&packs)[N]) const {
#pragma unroll
    for (int n = 0; n < N; ++n) packs[n] = read_pack<T, V>(rows_[n], i, steps_[n]);
  }

  const char* rows_[N];
  int64_t steps_[N];
  int64_t width_;
  Pack<T, V> packs_[kPacks][N];
};

// Whether rows of this view can be read by packs of `pack` elements.
inline bool has_packed_rows(const View& view, int pack) {
  const int last = view.shape.rank() - 1;
  const auto bytes = static_cast<uintptr_t>(pack) * size_of(view.dtype);
  bool packed = view.shape[last] % pack == 0 && view.strides[last] == 1;
  packed = packed && reinterpret_cast<uintptr_t>(view.data) % bytes == 0;
  for (int d = 0; d < last; ++d) packed = packed && (view.shape[d] == 1 || view.strides[d] % pack == 0);
  return packed;
}

// The threads of a row and how many rows a block has.
struct RowBlock {
  bool in_registers;
  dim3 block;

  RowBlock(int64_t width, int pack, int packs_kept) {
    const int64_t wanted = std::max<int64_t>(1, ceil_div(ceil_div(width, int64_t{pack}), int64_t{packs_kept}));
    in_registers = wanted <= kMaxRowThreads;
    const auto threads = std::bit_ceil(static_cast<unsigned>(std::min<int64_t>(wanted, kMaxRowThreads)));
    block = dim3(threads, threads <= 32 ? kRowBlockThreads / threads : 1);
  }
  Launch launch_for(uint32_t rows) const { return {dim3(ceil_div(rows, block.y)), block}; }
};

// Calls body(views, arrays) for all rows, fewer than 2^31 at a time. The views have one shape.
template <int N, class Body>
void for_rows(std::array<View, N> views, const Body& body) {
  RowArrays<N> arrays{};
  const int last = views[0].shape.rank() - 1;
  arrays.width = views[0].shape[last];
  for (int k = 0; k < N; ++k) {
    arrays.steps[k] = views[k].strides[last] * static_cast<int64_t>(size_of(views[k].dtype));
    views[k].shape[last] = 1;
  }
  StridedParts<N>(views).for_each([&](const auto& parts, const StridedIndex<N>& starts, uint32_t rows, int64_t first) {
    arrays.starts = starts;
    arrays.first = first;
    arrays.rows = rows;
    body(parts, arrays);
  });
}

// [rows] as [rows, width], the same along a row.
inline View across_rows(const View& view, int64_t width) {
  View result = view;
  result.shape = {view.shape[0], width};
  result.strides = {view.strides[0], 0};
  return result;
}

// Calls f with a null pointer of a floating-point type.
template <class F>
void dispatch_floating(const char* op, DType dtype, const F& f) {
  dispatch(dtype, [&](auto* tag) {
    if constexpr (is_floating_point(dtype_of<std::remove_pointer_t<decltype(tag)>>))
      f(tag);
    else
      throw_not_for(op, dtype);
  });
}

}  // namespace mote::cuda
