// Filling, copying and casting on the CPU.
#include <cstring>

#include "cpu/cpu_backend.h"
#include "cpu/strided_loop.h"

namespace mote {

namespace {

using namespace cpu;

constexpr int64_t kTile = 32;  // a transposed copy goes through tiles of this many rows and columns

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
void copy_tile(char* out, int64_t out_step, const char* in, int64_t in_step, int64_t n_i, int64_t n_j) {
  T buffer[kTile][kTile];
  for (int64_t i = 0; i < n_i; ++i) {
    const T* row = reinterpret_cast<const T*>(in + i * in_step);
    for (int64_t j = 0; j < n_j; ++j) buffer[j][i] = row[j];
  }
  for (int64_t j = 0; j < n_j; ++j) std::memcpy(out + j * out_step, buffer[j], static_cast<size_t>(n_i) * sizeof(T));
}

// out is dense along dimension 0 of the loop, in along dimension d.
template <class T>
void copy_transposed(const StridedLoop<2>& loop, int d) {
  const int64_t n_i = loop.sizes[0], n_j = loop.sizes[d];
  const int64_t strips = (n_j + kTile - 1) / kTile;
  const int64_t outer = loop.numel / (n_i * n_j);
  parallel_for(outer * strips, std::max<int64_t>(1, kGrain / (n_i * kTile)), [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t j = task % strips * kTile;
      char* out = loop.data[0] + j * loop.strides[d][0];
      const char* in = loop.data[1] + j * loop.strides[d][1];
      int64_t rest = task / strips;
      for (int k = 1; k < loop.rank; ++k) {
        if (k == d) continue;
        out += rest % loop.sizes[k] * loop.strides[k][0];
        in += rest % loop.sizes[k] * loop.strides[k][1];
        rest /= loop.sizes[k];
      }
      for (int64_t i = 0; i < n_i; i += kTile)
        copy_tile<T>(out + i * loop.strides[0][0], loop.strides[d][0], in + i * loop.strides[0][1], loop.strides[0][1],
                     std::min(kTile, n_i - i), std::min(kTile, n_j - j));
    }
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
  if (out.is_contiguous() && in.is_contiguous())
    return parallel_for(out.numel(), 4 * kGrain, [&](int64_t begin, int64_t end) {
      std::memmove(out.as<T>() + begin, in.as<T>() + begin, static_cast<size_t>(end - begin) * sizeof(T));
    });
  const StridedLoop<2> loop({&out, &in});
  if (loop.numel == 0) return;
  if (const int d = transposed_dimension(loop, sizeof(T))) return copy_transposed<T>(loop, d);
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
