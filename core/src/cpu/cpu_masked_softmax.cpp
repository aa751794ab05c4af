#include <cmath>
#include <limits>

#include "cpu/cpu_backend.h"
#include "cpu/strided_loop.h"

namespace mote {

namespace {

// Walks the rows (last dimension taken out).
View rows_of(View view) {
  view.shape[view.shape.rank() - 1] = 1;
  return view;
}

}  // namespace

void CpuBackend::masked_softmax(const View& out, const View& in, const View& mask, double scale) {
  const int last = out.shape.rank() - 1;
  const int64_t width = out.shape[last];
  if (out.numel() == 0) return;
  const View o = rows_of(out), x = rows_of(in), m = rows_of(mask);
  const cpu::StridedLoop<3> loop({&o, &x, &m});
  dispatch(out.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    if constexpr (is_floating_point(dtype_of<T>)) {
      using C = compute_t<T>;
      loop.run(0, loop.numel, [&](const auto& data, const auto& strides, int64_t count) {
        for (int64_t n = 0; n < count; ++n) {
          T* to = reinterpret_cast<T*>(data[0] + n * strides[0]);
          const T* from = reinterpret_cast<const T*>(data[1] + n * strides[1]);
          const bool* fill = reinterpret_cast<const bool*>(data[2] + n * strides[2]);
          double greatest = -std::numeric_limits<double>::infinity(), sum = 0;
          const auto at = [&](int64_t i) {
            return scale * static_cast<double>(cast_to<C>(from[i * in.strides[last]]));
          };
          for (int64_t i = 0; i < width; ++i)
            if (!fill[i * mask.strides[last]]) greatest = std::max(greatest, at(i));
          for (int64_t i = 0; i < width; ++i)
            if (!fill[i * mask.strides[last]]) sum += std::exp(at(i) - greatest);
          for (int64_t i = 0; i < width; ++i)
            to[i * out.strides[last]] =
                cast_to<T>(fill[i * mask.strides[last]] ? 0.0 : std::exp(at(i) - greatest) / sum);
        }
      });
    }
  });
}

void CpuBackend::masked_softmax_backward(const View& grad_in, const View& grad_out, const View& out, double scale) {
  const int last = out.shape.rank() - 1;
  const int64_t width = out.shape[last];
  if (out.numel() == 0) return;
  const View gi = rows_of(grad_in), go = rows_of(grad_out), o = rows_of(out);
  const cpu::StridedLoop<3> loop({&gi, &go, &o});
  dispatch(out.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    if constexpr (is_floating_point(dtype_of<T>)) {
      using C = compute_t<T>;
      loop.run(0, loop.numel, [&](const auto& data, const auto& strides, int64_t count) {
        for (int64_t n = 0; n < count; ++n) {
          T* to = reinterpret_cast<T*>(data[0] + n * strides[0]);
          const T* g = reinterpret_cast<const T*>(data[1] + n * strides[1]);
          const T* p = reinterpret_cast<const T*>(data[2] + n * strides[2]);
          double dot = 0;
          for (int64_t i = 0; i < width; ++i)
            dot += static_cast<double>(cast_to<C>(g[i * grad_out.strides[last]])) *
                   static_cast<double>(cast_to<C>(p[i * out.strides[last]]));
          for (int64_t i = 0; i < width; ++i)
            to[i * grad_in.strides[last]] =
                cast_to<T>(scale * static_cast<double>(cast_to<C>(p[i * out.strides[last]])) *
                           (static_cast<double>(cast_to<C>(g[i * grad_out.strides[last]])) - dot));
        }
      });
    }
  });
}

}  // namespace mote
