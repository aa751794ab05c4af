// Filling, copying and casting on the CPU.
#include <cstring>

#include "cpu/copy_kernels.h"
#include "cpu/cpu_backend.h"
#include "cpu/streaming.h"
#include "cpu/strided_loop.h"

namespace mote {

namespace {

using namespace cpu;

// A transposed copy goes through tiles of this many rows and columns: four cache lines on either side.
template <class T>
constexpr int64_t kTile = 256 / std::max<int64_t>(2, sizeof(T));
constexpr int64_t kLine = 64;  // bytes of a line of the cache

template <class T>
void fill_with(const View& out, T value) {
  if (out.is_contiguous()) {
    T* data = out.as<T>();
    return parallel_for(out.numel(), kGrain,
                        [&](int64_t begin, int64_t end) { std::fill(data + begin, data + end, value); });
  }
  const StridedLoop<1> loop({&out});
  loop.run_parallel(kGrain, [&](const auto& at, const auto& step, int64_t count) {
    for (int64_t i = 0; i < count; ++i) *reinterpret_cast<T*>(at[0] + i * step[0]) = value;
  });
}

// One tile: rows of `in` are dense along j, rows of `out` along i. Both sides touch whole cache lines, the turning
// happens in a buffer that stays in the L1 cache.
template <class T>
void copy_tile(char* out, int64_t out_step, const char* in, int64_t in_step, int64_t n_i, int64_t n_j, bool streamed) {
  alignas(64) T buffer[kTile<T>][kTile<T>];
  if constexpr (sizeof(T) == 1) {
    for (int64_t i = 0; i < n_i; ++i)
      for (int64_t j = 0; j < n_j; ++j) buffer[j][i] = reinterpret_cast<const T*>(in + i * in_step)[j];
  } else {
    using Bits = std::conditional_t<sizeof(T) == 2, uint16_t, std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>>;
    transpose_tile(reinterpret_cast<const Bits*>(in), in_step / static_cast<int64_t>(sizeof(T)), n_i, n_j,
                   reinterpret_cast<Bits*>(buffer[0]), kTile<T>);
  }
  const size_t bytes = static_cast<size_t>(n_i) * sizeof(T);
  for (int64_t j = 0; j < n_j; ++j) {
    if (streamed)
      stream_copy(out + j * out_step, buffer[j], bytes);
    else
      std::memcpy(out + j * out_step, buffer[j], bytes);
  }
}

// Rows that lie far apart are not foreseen by the CPU: they are brought into the L2 cache while the tile before is
// being turned. The L1 cache has too few places for rows that are a power of two apart.
void prefetch_rows(const char* in, int64_t in_step, int64_t rows, int64_t bytes) {
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t at = 0; at < bytes; at += kLine) __builtin_prefetch(in + i * in_step + at, 0, 2);
}

// out is dense along dimension 0 of the loop, in along dimension d.
template <class T>
void copy_transposed(const StridedLoop<2>& loop, int d, bool streamed) {
  const int64_t n_i = loop.sizes[0], n_j = loop.sizes[d];
  constexpr int64_t tile = kTile<T>;
  const int64_t strips = (n_j + tile - 1) / tile;
  const int64_t outer = loop.numel / (n_i * n_j);
  parallel_for(outer * strips, std::max<int64_t>(1, kGrain / (n_i * tile)), [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t j = task % strips * tile;
      char* out = loop.data[0] + j * loop.strides[d][0];
      const char* in = loop.data[1] + j * loop.strides[d][1];
      int64_t rest = task / strips;
      for (int k = 1; k < loop.rank; ++k) {
        if (k == d) continue;
        out += rest % loop.sizes[k] * loop.strides[k][0];
        in += rest % loop.sizes[k] * loop.strides[k][1];
        rest /= loop.sizes[k];
      }
      const int64_t columns = std::min(tile, n_j - j), out_step = loop.strides[d][0], in_step = loop.strides[0][1];
      for (int64_t i = 0; i < n_i; i += tile) {
        if (i + tile < n_i)
          prefetch_rows(in + (i + tile) * in_step, in_step, std::min(tile, n_i - i - tile),
                        columns * static_cast<int64_t>(sizeof(T)));
        copy_tile<T>(out + i * loop.strides[0][0], out_step, in + i * in_step, in_step, std::min(tile, n_i - i),
                     columns, streamed);
      }
    }
    if (streamed) finish_streaming();
  });
}

// The dimension along which `in` is dense where `out` is dense along another, and both are long; else 0.
int transposed_dimension(const StridedLoop<2>& loop, int64_t element) {
  if (loop.strides[0][0] != element || loop.strides[0][1] == element || loop.strides[0][1] == 0) return 0;
  for (int d = 1; d < loop.rank; ++d)
    if (loop.strides[d][1] == element && loop.sizes[d] >= 8 && loop.sizes[0] >= 8) return d;
  return 0;
}

template <class T>
void copy_elements(const View& out, const View& in) {
  if (out.is_contiguous() && in.is_contiguous()) {
    const bool streamed = is_streamed(out) && out.data != in.data;
    return parallel_for(out.numel(), 2 * kGrain, [&](int64_t begin, int64_t end) {
      const size_t bytes = static_cast<size_t>(end - begin) * sizeof(T);
      if (!streamed) {
        std::memmove(out.as<T>() + begin, in.as<T>() + begin, bytes);
        return;
      }
      stream_copy(out.as<T>() + begin, in.as<T>() + begin, bytes);
      finish_streaming();
    });
  }
  const StridedLoop<2> loop({&out, &in});
  if (loop.numel == 0) return;
  if (const int d = transposed_dimension(loop, sizeof(T))) return copy_transposed<T>(loop, d, is_streamed(out));
  loop.run_parallel(kGrain, [](const auto& at, const auto& step, int64_t count) {
    if (step[0] == sizeof(T) && step[1] == sizeof(T)) {
      std::memmove(at[0], at[1], static_cast<size_t>(count) * sizeof(T));
      return;
    }
    for (int64_t i = 0; i < count; ++i)
      *reinterpret_cast<T*>(at[0] + i * step[0]) = *reinterpret_cast<const T*>(at[1] + i * step[1]);
  });
}

template <class To, class From>
void cast_elements(const View& out, const View& in) {
  const StridedLoop<2> loop({&out, &in});
  loop.run_parallel(kGrain, [](const auto& at, const auto& step, int64_t count) {
    if (step[0] == sizeof(To) && step[1] == sizeof(From)) {
      To* to = reinterpret_cast<To*>(at[0]);
      const From* from = reinterpret_cast<const From*>(at[1]);
      for (int64_t i = 0; i < count; ++i) to[i] = cast_to<To>(from[i]);
      return;
    }
    for (int64_t i = 0; i < count; ++i)
      *reinterpret_cast<To*>(at[0] + i * step[0]) = cast_to<To>(*reinterpret_cast<const From*>(at[1] + i * step[1]));
  });
}

}  // namespace

void CpuBackend::copy_from_host(void* device_data, const void* host, size_t bytes, int) {
  if (bytes > 0) std::memcpy(device_data, host, bytes);
}

void CpuBackend::copy_to_host(void* host, const void* device_data, size_t bytes, int) {
  if (bytes > 0) std::memcpy(host, device_data, bytes);
}

void CpuBackend::fill(const View& out, const Scalar& value) {
  dispatch(out.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    fill_with<T>(out, value.to<T>());
  });
}

void CpuBackend::copy(const View& out, const View& in) {
  dispatch(out.dtype, [&](auto* to_tag) {
    using To = std::remove_pointer_t<decltype(to_tag)>;
    dispatch(in.dtype, [&](auto* from_tag) {
      using From = std::remove_pointer_t<decltype(from_tag)>;
      if constexpr (std::is_same_v<To, From>)
        copy_elements<std::conditional_t<sizeof(To) == 2, uint16_t, To>>(out, in);
      else
        cast_elements<To, From>(out, in);
    });
  });
}

}  // namespace mote
