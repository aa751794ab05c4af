// Softmax and its gradient along the last dimension. Dense rows are computed where they lie; others (16-bit types,
// another dimension than the last in memory) go through dense copies, sixteen rows at a time, because neighbouring rows
// then lie next to each other and share cache lines.
#include "cpu/cpu_backend.h"
#include "cpu/scratch.h"
#include "cpu/softmax_kernels.h"
#include "cpu/streaming.h"
#include "cpu/strided_loop.h"

namespace mote {

namespace {

constexpr int64_t kRowsAtOnce = 16;

// Elements of T at `from`, so many bytes apart along a row and from row to row, to dense rows of C, `pitch` apart.
template <class T, class C>
void load_rows(const char* from, int64_t step, int64_t row_step, int64_t rows, int64_t n, C* to, int64_t pitch) {
  for (int64_t j = 0; j < n; ++j)
    for (int64_t r = 0; r < rows; ++r)
      to[r * pitch + j] = static_cast<C>(*reinterpret_cast<const T*>(from + j * step + r * row_step));
}

template <class T, class C>
void store_rows(const C* from, int64_t pitch, char* to, int64_t step, int64_t row_step, int64_t rows, int64_t n) {
  for (int64_t j = 0; j < n; ++j)
    for (int64_t r = 0; r < rows; ++r)
      *reinterpret_cast<T*>(to + j * step + r * row_step) = cast_to<T>(from[r * pitch + j]);
}

// Calls row(inputs, work, out, n, streamed) for all rows: N inputs, memory to work in, and one output, each a pointer
// to n dense elements of C; `streamed` is whether to write past the caches. The memory to work in is the output, but
// for a softmax that writes so.
template <class T, size_t N, class Row>
void for_rows(const View& out, const std::array<const View*, N>& in, const cpu::Writing& writing, bool is_softmax,
              const Row& row) {
  using C = compute_t<T>;
  if (out.numel() == 0) return;
  const int64_t n = out.shape.back();
  std::array<View, N + 1> starts;
  std::array<const View*, N + 1> pointers;
  std::array<int64_t, N + 1> steps;
  bool direct = std::is_same_v<C, T>;
  for (size_t k = 0; k <= N; ++k) {
    const View& view = k == 0 ? out : *in[k - 1];
    starts[k] = cpu::starts_of_rows(view);
    pointers[k] = &starts[k];
    steps[k] = view.strides[view.strides.rank() - 1] * static_cast<int64_t>(sizeof(T));
    direct = direct && (steps[k] == sizeof(T) || n == 1);
  }
  const int64_t bytes = n * static_cast<int64_t>(sizeof(T));
  const bool apart = direct && is_softmax && cpu::works_apart(writing, bytes);
  const bool streamed = is_softmax ? apart : direct && writing.streams_rows_of(bytes);
  const int64_t pitch = n + 16;  // not a power of two, or all rows would share a few sets of the cache
  const cpu::StridedLoop<N + 1> loop(pointers);
  const int64_t grain = std::max<int64_t>(1, cpu::kFunctionGrain / n);
  loop.run_parallel(grain, [&](const auto& at, const auto& strides, int64_t count) {
    const int64_t at_once = direct ? 1 : std::min(kRowsAtOnce, count);
    const cpu::Scratch<C> copies =
        direct ? cpu::Scratch<C>() : cpu::Scratch<C>(static_cast<int64_t>(N + 1) * at_once * pitch);
    const cpu::Scratch<C> work(apart ? n : 0);
    std::array<const C*, N> sources;
    for (int64_t i = 0; i < count; i += at_once) {
      const int64_t rows = std::min(at_once, count - i);
      if (direct) {
        for (size_t k = 0; k < N; ++k) sources[k] = reinterpret_cast<const C*>(at[k + 1] + i * strides[k + 1]);
        C* const to = reinterpret_cast<C*>(at[0] + i * strides[0]);
        row(sources, apart ? work.get() : to, to, n, streamed);
        continue;
      }
      const auto copy_of = [&](size_t k) { return copies.get() + static_cast<int64_t>(k) * at_once * pitch; };
      for (size_t k = 1; k <= N; ++k)
        load_rows<T>(at[k] + i * strides[k], steps[k], strides[k], rows, n, copy_of(k), pitch);
      for (int64_t r = 0; r < rows; ++r) {
        for (size_t k = 0; k < N; ++k) sources[k] = copy_of(k + 1) + r * pitch;
        row(sources, copy_of(0) + r * pitch, copy_of(0) + r * pitch, n, false);
      }
      store_rows<T>(copy_of(0), pitch, at[0] + i * strides[0], steps[0], strides[0], rows, n);
    }
    writing.finish();
  });
}

// Calls f with the element type, which is floating-point: the operations have seen to that.
template <class F>
void dispatch_floating(DType dtype, const F& f) {
  dispatch(dtype, [&](auto* tag) {
    if constexpr (is_floating_point(dtype_of<std::remove_pointer_t<decltype(tag)>>)) f(tag);
  });
}

}  // namespace

void CpuBackend::softmax(const View& out, const View& in, bool log) {
  dispatch_floating(out.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    const auto& kernels = cpu::softmax_kernels<compute_t<T>>();
    for_rows<T, 1>(out, {&in}, cpu::Writing(out, in), !log,
                   [&](const auto& x, auto* work, auto* y, int64_t n, bool streamed) {
                     if (log)
                       kernels.log_softmax(x[0], y, n, streamed);
                     else
                       kernels.softmax(x[0], work, y, n);
                   });
  });
}

void CpuBackend::softmax_backward(const View& grad_in, const View& grad_out, const View& out, bool log) {
  dispatch_floating(out.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    const auto& kernels = cpu::softmax_kernels<compute_t<T>>();
    for_rows<T, 2>(grad_in, {&grad_out, &out}, cpu::Writing(grad_in, grad_out, out), false,
                   [&](const auto& x, auto*, auto* result, int64_t n, bool streamed) {
                     if (log)
                       kernels.log_softmax_backward(x[0], x[1], result, n, streamed);
                     else
                       kernels.softmax_backward(x[0], x[1], 1, result, n, streamed);
                   });
  });
}

}  // namespace mote
