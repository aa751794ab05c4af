// Filling, copying and casting on the CPU.
#include <cstring>

#include "cpu/copy_kernels.h"
#include "cpu/cpu_backend.h"
#include "cpu/streaming.h"
#include "cpu/strided_loop.h"

namespace mote {

namespace {

using namespace cpu;

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

// Elements by their size alone.
template <class T>
using Bits = std::conditional_t<
    sizeof(T) == 1, uint8_t,
    std::conditional_t<sizeof(T) == 2, uint16_t, std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>>>;

// The matrices of a transposed copy: rows of `in` are dense along dimension d of the loop, rows of `out` along 0.
template <class T>
class TransposedCopy {
 public:
  TransposedCopy(const StridedLoop<2>& loop, int d, bool streamed)
      : loop_(loop), d_(d), streamed_(streamed && is_on_lines()) {}

  void run() const {
    const int64_t tiles = loop_.numel / (loop_.sizes[0] * loop_.sizes[d_]) * down_ * across_;
    const int64_t size = kTileRows<T> * kTileColumns<T>;
    parallel_for(tiles, std::max<int64_t>(1, kGrain / size), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        Tile<T> tile = tile_at(i);
        if (i + 1 < end && (i + 1) % across_ != 0) tile.next = tile.from + kTileColumns<T>;
        copy_turned(tile);
      }
      if (streamed_) finish_streaming();
    });
  }

 private:
  // Whether each tile's rows of `out` are whole lines, or pieces at the end of a row.
  bool is_on_lines() const {
    bool on_lines = reinterpret_cast<uintptr_t>(loop_.data[0]) % kLine == 0;
    for (int k = 1; k < loop_.rank; ++k) on_lines &= loop_.strides[k][0] % kLine == 0;
    return on_lines;
  }

  Tile<T> tile_at(int64_t index) const {
    const int64_t j = index % across_ * kTileColumns<T>, i = index / across_ % down_ * kTileRows<T>;
    constexpr auto size = static_cast<int64_t>(sizeof(T));
    char* out = loop_.data[0] + j * loop_.strides[d_][0] + i * size;
    const char* in = loop_.data[1] + j * size + i * loop_.strides[0][1];
    int64_t rest = index / across_ / down_;
    for (int k = 1; k < loop_.rank; ++k) {
      if (k == d_) continue;
      out += rest % loop_.sizes[k] * loop_.strides[k][0];
      in += rest % loop_.sizes[k] * loop_.strides[k][1];
      rest /= loop_.sizes[k];
    }
    return {.from = reinterpret_cast<const T*>(in),
            .from_stride = loop_.strides[0][1] / size,
            .rows = std::min(kTileRows<T>, loop_.sizes[0] - i),
            .columns = std::min(kTileColumns<T>, loop_.sizes[d_] - j),
            .to = reinterpret_cast<T*>(out),
            .to_stride = loop_.strides[d_][0] / size,
            .next = nullptr,
            .streamed = streamed_};
  }

  const StridedLoop<2>& loop_;
  int d_;
  bool streamed_;
  int64_t down_ = (loop_.sizes[0] + kTileRows<T> - 1) / kTileRows<T>;
  int64_t across_ = (loop_.sizes[d_] + kTileColumns<T> - 1) / kTileColumns<T>;
};

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
  if (const int d = transposed_dimension(loop, sizeof(T)))
    return TransposedCopy<Bits<T>>(loop, d, is_streamed(out)).run();
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
