// Softmax and its gradient along the last dimension, row by row.
#include <cmath>
#include <vector>

#include "cpu/cpu_backend.h"
#include "cpu/strided_loop.h"

namespace mote {

namespace {

View starts_of_rows(const View& view) {
  View starts = view;
  starts.shape[starts.shape.rank() - 1] = 1;
  return starts;
}

// Calls f(row of each view) with dense float or double copies; the first view's copy is written back.
template <class T, class F>
void for_rows(const View& out, const View& a, const View& b, const F& f) {
  using C = compute_t<T>;
  if (out.numel() == 0) return;
  const int64_t n = out.shape.back();
  const View views[] = {starts_of_rows(out), starts_of_rows(a), starts_of_rows(b)};
  const cpu::StridedLoop<3> loop({&views[0], &views[1], &views[2]});
  loop.run_parallel(std::max<int64_t>(1, cpu::kGrain / n), [&](const auto& at, const auto& strides, int64_t count) {
    std::vector<C> y(n), u(n), v(n);
    for (int64_t i = 0; i < count; ++i) {
      const auto pointer = [&](int k) { return reinterpret_cast<T*>(at[k] + i * strides[k]); };
      for (int64_t j = 0; j < n; ++j) u[j] = static_cast<C>(pointer(1)[j * a.strides[a.strides.rank() - 1]]);
      for (int64_t j = 0; j < n; ++j) v[j] = static_cast<C>(pointer(2)[j * b.strides[b.strides.rank() - 1]]);
      f(y.data(), u.data(), v.data(), n);
      for (int64_t j = 0; j < n; ++j) pointer(0)[j * out.strides[out.strides.rank() - 1]] = cast_to<T>(y[j]);
    }
  });
}

template <class C>
void softmax_row(C* y, const C* x, int64_t n, bool log) {
  C highest = -std::numeric_limits<C>::infinity();
  for (int64_t j = 0; j < n; ++j) highest = x[j] > highest || x[j] != x[j] ? x[j] : highest;
  C total = 0;
  for (int64_t j = 0; j < n; ++j) total += y[j] = std::exp(x[j] - highest);
  if (log) {
    const C shift = highest + std::log(total);
    for (int64_t j = 0; j < n; ++j) y[j] = x[j] - shift;
  } else {
    for (int64_t j = 0; j < n; ++j) y[j] /= total;
  }
}

template <class C>
void softmax_backward_row(C* out, const C* g, const C* y, int64_t n, bool log) {
  C total = 0;
  for (int64_t j = 0; j < n; ++j) total += log ? g[j] : g[j] * y[j];
  for (int64_t j = 0; j < n; ++j) out[j] = log ? g[j] - std::exp(y[j]) * total : y[j] * (g[j] - total);
}

}  // namespace

void CpuBackend::softmax(const View& out, const View& in, bool log) {
  dispatch(out.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    if constexpr (is_floating_point(dtype_of<T>))
      for_rows<T>(out, in, in, [&](auto* y, const auto* x, const auto*, int64_t n) { softmax_row(y, x, n, log); });
  });
}

void CpuBackend::softmax_backward(const View& grad_in, const View& grad_out, const View& out, bool log) {
  dispatch(out.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    if constexpr (is_floating_point(dtype_of<T>))
      for_rows<T>(grad_in, grad_out, out, [&](auto* result, const auto* g, const auto* y, int64_t n) {
        softmax_backward_row(result, g, y, n, log);
      });
  });
}

}  // namespace mote
