// Positions of extremes along one dimension. The first of equals wins, and the first NaN before all.
#include "cpu/cpu_backend.h"
#include "cpu/strided_loop.h"

namespace mote {

namespace {

template <bool Largest, class T>
int64_t position_of_extreme(const T* x, int64_t step, int64_t n) {
  using C = compute_t<T>;
  int64_t position = 0;
  C best = static_cast<C>(x[0]);
  for (int64_t i = 1; i < n && best == best; ++i) {
    const C value = static_cast<C>(x[i * step]);
    if (value != value || (Largest ? value > best : value < best)) {
      best = value;
      position = i;
    }
  }
  return position;
}

template <class T>
void arg_reduce_of(bool largest, const View& out, const View& in, int64_t dim) {
  const int64_t n = in.shape[dim], step = in.strides[dim];
  View starts = in;
  starts.shape[dim] = 1;
  const cpu::StridedLoop<2> loop({&out, &starts});
  loop.run_parallel(std::max<int64_t>(1, cpu::kGrain / n), [&](const auto& at, const auto& strides, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      const T* x = reinterpret_cast<const T*>(at[1] + i * strides[1]);
      *reinterpret_cast<int64_t*>(at[0] + i * strides[0]) =
          largest ? position_of_extreme<true>(x, step, n) : position_of_extreme<false>(x, step, n);
    }
  });
}

}  // namespace

void CpuBackend::arg_reduce(bool largest, const View& out, const View& in, int64_t dim) {
  if (out.numel() == 0) return;
  dispatch(in.dtype, [&](auto* tag) { arg_reduce_of<std::remove_pointer_t<decltype(tag)>>(largest, out, in, dim); });
}

}  // namespace mote
