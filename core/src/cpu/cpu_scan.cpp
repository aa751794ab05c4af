// Running sums along one dimension. Floating-point sums run in double.
#include "cpu/column_blocks.h"
#include "cpu/cpu_backend.h"

namespace mote {

namespace {

template <class To, class From>
void scan(const View& out, const View& in, int64_t dim) {
  using Sum = std::conditional_t<std::is_floating_point_v<compute_t<To>>, double, uint64_t>;  // integers wrap around
  const int64_t n = in.shape[dim];
  const int64_t out_step = out.strides[dim] * static_cast<int64_t>(sizeof(To));
  const int64_t in_step = in.strides[dim] * static_cast<int64_t>(sizeof(From));
  cpu::for_lines(out, in, dim, n, [&](const auto& first, const auto& steps, int64_t lines) {
    const auto add = [](Sum& sum, char* to, const char* from) {
      sum += static_cast<Sum>(cast_to<std::conditional_t<std::is_same_v<Sum, double>, double, int64_t>>(
          *reinterpret_cast<const From*>(from)));
      *reinterpret_cast<To*>(to) = cast_to<To>(sum);
    };
    if (std::abs(out_step) <= std::abs(steps[0])) {  // along each line
      for (int64_t i = 0; i < lines; ++i) {
        Sum sum = 0;
        for (int64_t j = 0; j < n; ++j)
          add(sum, first[0] + i * steps[0] + j * out_step, first[1] + i * steps[1] + j * in_step);
      }
      return;
    }
    Sum sums[cpu::kLinesAtOnce] = {};
    for (int64_t j = 0; j < n; ++j)
      for (int64_t i = 0; i < lines; ++i)
        add(sums[i], first[0] + i * steps[0] + j * out_step, first[1] + i * steps[1] + j * in_step);
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
