#include "mote/nn/init.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "mote/autograd.h"
#include "mote/creation.h"
#include "mote/elementwise.h"
#include "mote/error.h"

namespace mote::nn::init {

namespace {

// The inverse of erf: Giles' approximation (2010), brought to full precision by two steps of Newton's method.
double erfinv(double y) {
  if (std::fabs(y) >= 1.0)
    return std::fabs(y) == 1.0 ? std::copysign(INFINITY, y) : std::numeric_limits<double>::quiet_NaN();
  double w = -std::log((1.0 - y) * (1.0 + y));
  double x;
  if (w < 5.0) {
    constexpr double c[] = {2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087,
                            -0.00125372503, -0.00417768164, 0.246640727,    1.50140941};
    w -= 2.5;
    x = c[0];
    for (int i = 1; i < 9; ++i) x = c[i] + x * w;
  } else {
    constexpr double c[] = {-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773,
                            -0.0076224613,   0.00943887047,  1.00167406,    2.83297682};
    w = std::sqrt(w) - 3.0;
    x = c[0];
    for (int i = 1; i < 9; ++i) x = c[i] + x * w;
  }
  x *= y;
  for (int i = 0; i < 2; ++i) x -= (std::erf(x) - y) / (2.0 * std::numbers::inv_sqrtpi * std::exp(-x * x));
  return x;
}

double normal_cdf(double x) { return (1.0 + std::erf(x / std::numbers::sqrt2)) / 2.0; }

double fan_of(const Tensor& x, FanMode mode) {
  const auto [fan_in, fan_out] = calculate_fan_in_and_fan_out(x);
  return static_cast<double>(mode == FanMode::In ? fan_in : fan_out);
}

double kaiming_std(const Tensor& x, const KaimingOptions& options) {
  return calculate_gain(options.nonlinearity, options.a) / std::sqrt(fan_of(x, options.mode));
}

double xavier_std(const Tensor& x, double gain) {
  const auto [fan_in, fan_out] = calculate_fan_in_and_fan_out(x);
  return gain * std::sqrt(2.0 / static_cast<double>(fan_in + fan_out));
}

}  // namespace

Tensor uniform_(const Tensor& x, double low, double high) {
  const NoGradGuard no_grad;
  return x.uniform_(low, high);
}

Tensor normal_(const Tensor& x, double mean, double std) {
  const NoGradGuard no_grad;
  return x.normal_(mean, std);
}

// The inverse of the distribution function, applied to uniform values, as PyTorch does it.
Tensor trunc_normal_(const Tensor& x, const TruncNormalOptions& options) {
  const NoGradGuard no_grad;
  const double low = normal_cdf((options.a - options.mean) / options.std);
  const double high = normal_cdf((options.b - options.mean) / options.std);
  x.uniform_(2.0 * low - 1.0, 2.0 * high - 1.0);
  if (x.device().is_meta()) return x;
  const Tensor host = x.to(Device(DeviceType::CPU), float64, true).contiguous();
  double* values = host.data_ptr<double>();
  for (int64_t i = 0; i < host.numel(); ++i)
    values[i] = std::clamp(erfinv(values[i]) * options.std * std::numbers::sqrt2 + options.mean, options.a, options.b);
  return x.copy_(host);
}

Tensor constant_(const Tensor& x, const Scalar& value) {
  const NoGradGuard no_grad;
  return x.fill_(value);
}

Tensor zeros_(const Tensor& x) { return constant_(x, 0.0); }
Tensor ones_(const Tensor& x) { return constant_(x, 1.0); }

Tensor eye_(const Tensor& x) {
  if (x.dim() != 2)
    throw ShapeError(fmt::format("eye_: expected a tensor of rank 2, but got shape {}", x.shape().str()));
  const NoGradGuard no_grad;
  return x.copy_(mote::eye(x.size(0), x.size(1), {.dtype = x.dtype(), .device = x.device()}));
}

Tensor xavier_uniform_(const Tensor& x, double gain) {
  const double bound = std::sqrt(3.0) * xavier_std(x, gain);
  return uniform_(x, -bound, bound);
}

Tensor xavier_normal_(const Tensor& x, double gain) { return normal_(x, 0.0, xavier_std(x, gain)); }

Tensor kaiming_uniform_(const Tensor& x, const KaimingOptions& options) {
  if (x.numel() == 0) return x;
  const double bound = std::sqrt(3.0) * kaiming_std(x, options);
  return uniform_(x, -bound, bound);
}

Tensor kaiming_normal_(const Tensor& x, const KaimingOptions& options) {
  if (x.numel() == 0) return x;
  return normal_(x, 0.0, kaiming_std(x, options));
}

double calculate_gain(Nonlinearity nonlinearity, double slope) {
  switch (nonlinearity) {
    case Nonlinearity::Tanh:
      return 5.0 / 3.0;
    case Nonlinearity::Relu:
      return std::sqrt(2.0);
    case Nonlinearity::LeakyRelu:
      return std::sqrt(2.0 / (1.0 + slope * slope));
    case Nonlinearity::Selu:
      return 3.0 / 4.0;
    case Nonlinearity::Linear:
    case Nonlinearity::Sigmoid:
      break;
  }
  return 1.0;
}

std::pair<int64_t, int64_t> calculate_fan_in_and_fan_out(const Tensor& x) {
  if (x.dim() < 2)
    throw ShapeError(fmt::format("calculate_fan_in_and_fan_out: expected a weight of rank 2 or more, but got shape {}",
                                 x.shape().str()));
  int64_t field = 1;  // of a convolution: the elements of its window
  for (int64_t i = 2; i < x.dim(); ++i) field *= x.size(i);
  return {x.size(1) * field, x.size(0) * field};
}

}  // namespace mote::nn::init
