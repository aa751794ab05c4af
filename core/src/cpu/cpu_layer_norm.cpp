#include <cmath>

#include "cpu/cpu_backend.h"
#include "cpu/parallel.h"

namespace mote {

namespace {

template <class T, class C>
void forward(const View& out, const View& mean, const View& rstd, const LayerNormArgs& a) {
  const int64_t rows = a.x.shape[0], width = a.x.shape[1];
  for (int64_t r = 0; r < rows; ++r) {
    const T* x = a.x.as<T>() + r * a.x.strides[0];
    const int64_t sx = a.x.strides[1];
    double sum = 0, square = 0;
    for (int64_t i = 0; i < width; ++i) sum += static_cast<double>(cast_to<C>(x[i * sx]));
    const double m = sum / static_cast<double>(width);
    for (int64_t i = 0; i < width; ++i) {
      const double d = static_cast<double>(cast_to<C>(x[i * sx])) - m;
      square += d * d;
    }
    const double s = 1.0 / std::sqrt(square / static_cast<double>(width) + a.eps);
    mean.as<C>()[r * mean.strides[0]] = static_cast<C>(m);
    rstd.as<C>()[r * rstd.strides[0]] = static_cast<C>(s);
    for (int64_t i = 0; i < width; ++i) {
      double y = (static_cast<double>(cast_to<C>(x[i * sx])) - m) * s;
      if (a.weight) y *= static_cast<double>(cast_to<C>(a.weight->as<T>()[i * a.weight->strides[0]]));
      if (a.bias) y += static_cast<double>(cast_to<C>(a.bias->as<T>()[i * a.bias->strides[0]]));
      out.as<T>()[r * out.strides[0] + i * out.strides[1]] = cast_to<T>(y);
    }
  }
}

template <class T, class C>
void backward(std::optional<View> grad_x, std::optional<View> grad_weight, std::optional<View> grad_bias,
              const View& grad_out, const View& mean, const View& rstd, const LayerNormArgs& a) {
  const int64_t rows = a.x.shape[0], width = a.x.shape[1];
  std::vector<double> dw(static_cast<size_t>(width)), db(static_cast<size_t>(width));
  for (int64_t r = 0; r < rows; ++r) {
    const double m = mean.as<C>()[r * mean.strides[0]], s = rstd.as<C>()[r * rstd.strides[0]];
    double sum_d = 0, sum_dh = 0;
    const auto at = [&](int64_t i, double& h, double& d) {
      h = (static_cast<double>(cast_to<C>(a.x.as<T>()[r * a.x.strides[0] + i * a.x.strides[1]])) - m) * s;
      const double g = cast_to<C>(grad_out.as<T>()[r * grad_out.strides[0] + i * grad_out.strides[1]]);
      d = a.weight ? g * static_cast<double>(cast_to<C>(a.weight->as<T>()[i * a.weight->strides[0]])) : g;
      return g;
    };
    for (int64_t i = 0; i < width; ++i) {
      double h, d;
      const double g = at(i, h, d);
      sum_d += d;
      sum_dh += d * h;
      dw[static_cast<size_t>(i)] += g * h;
      db[static_cast<size_t>(i)] += g;
    }
    if (!grad_x) continue;
    const double n = static_cast<double>(width);
    for (int64_t i = 0; i < width; ++i) {
      double h, d;
      at(i, h, d);
      grad_x->as<T>()[r * grad_x->strides[0] + i * grad_x->strides[1]] =
          cast_to<T>(s * (d - sum_d / n - h * sum_dh / n));
    }
  }
  for (int64_t i = 0; i < width; ++i) {
    if (grad_weight) grad_weight->as<T>()[i] = cast_to<T>(dw[static_cast<size_t>(i)]);
    if (grad_bias) grad_bias->as<T>()[i] = cast_to<T>(db[static_cast<size_t>(i)]);
  }
}

}  // namespace

void CpuBackend::layer_norm(const View& out, const View& mean, const View& rstd, const LayerNormArgs& args) {
  dispatch(out.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    if constexpr (is_floating_point(dtype_of<T>)) forward<T, compute_t<T>>(out, mean, rstd, args);
  });
}

void CpuBackend::layer_norm_backward(std::optional<View> grad_x, std::optional<View> grad_weight,
                                     std::optional<View> grad_bias, const View& grad_out, const View& mean,
                                     const View& rstd, const LayerNormArgs& args) {
  dispatch(grad_out.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    if constexpr (is_floating_point(dtype_of<T>))
      backward<T, compute_t<T>>(grad_x, grad_weight, grad_bias, grad_out, mean, rstd, args);
  });
}

}  // namespace mote
