// Running sums along one dimension.
#include "cpu/cpu_backend.h"
#include "cpu/strided_loop.h"

namespace mote {

namespace {

// A view with one dimension cut down to its first element.
View first_of(View view, int64_t dim) {
  view.shape[dim] = 1;
  return view;
}

template <class To, class From>
void scan(const View& out, const View& in, int64_t dim) {
  using Sum = std::conditional_t<std::is_floating_point_v<compute_t<To>>, double, int64_t>;
  const int64_t n = in.shape[dim], out_step = out.strides[dim], in_step = in.strides[dim];
  const View starts_out = first_of(out, dim), starts_in = first_of(in, dim);
  const cpu::StridedLoop<2> loop({&starts_out, &starts_in});
  loop.run_parallel(std::max<int64_t>(1, cpu::kGrain / n), [&](const auto& at, const auto& strides, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      To* to = reinterpret_cast<To*>(at[0] + i * strides[0]);
      const From* from = reinterpret_cast<const From*>(at[1] + i * strides[1]);
      Sum sum = 0;
      for (int64_t j = 0; j < n; ++j) {
        sum += cast_to<Sum>(from[j * in_step]);
        to[j * out_step] = cast_to<To>(sum);
      }
    }
  });
}

}  // namespace

void CpuBackend::cumsum(const View& out, const View& in, int64_t dim) {
  if (in.numel() == 0) return;
  dispatch(in.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    if (out.dtype == in.dtype) {
      scan<T, T>(out, in, dim);
    } else {
      scan<int64_t, T>(out, in, dim);
    }
  });
}

}  // namespace mote
