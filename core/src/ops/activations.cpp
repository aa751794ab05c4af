// Activation functions, each with its gradient. Those with a backward kernel use it unless backward is recorded itself.
#include <numbers>

#include "ops/autocast_operand.h"
#include "ops/unary_rule.h"

namespace mote {

namespace {

Tensor run_tanh(const char* name, const Tensor& x, const Tensor* out) {
  return by_output(name, UnaryOp::Tanh, x, out,
                   fused(BinaryOp::TanhBackward, [](const Tensor& g, const Tensor& y) { return g * (1.0 - y * y); }));
}

Tensor run_sigmoid(const char* name, const Tensor& x, const Tensor* out) {
  return by_output(
      name, UnaryOp::Sigmoid, x, out,
      fused(BinaryOp::SigmoidBackward, [](const Tensor& g, const Tensor& y) { return g * (y * (1.0 - y)); }));
}

Tensor run_relu(const char* name, const Tensor& x, const Tensor* out) {
  return by_output(name, UnaryOp::Relu, x, out, fused(BinaryOp::ReluBackward, [](const Tensor& g, const Tensor& y) {
                     return masked_fill(g, y <= 0.0, 0.0);
                   }));
}

// d silu = s (1 + x (1 - s)), s = sigmoid(x)
Tensor silu_gradient(const Tensor& g, const Tensor& x) {
  const Tensor s = sigmoid(x);
  return g * (s * (1.0 + x * (1.0 - s)));
}

Tensor run_silu(const char* name, const Tensor& x, const Tensor* out) {
  const auto rule = fused(BinaryOp::SiluBackward, silu_gradient);
  return out ? by_input(name, UnaryOp::Silu, x, out, rule) : by_input_again(name, UnaryOp::Silu, x, rule);
}

// d gelu = Phi(x) + x phi(x), phi the density of the normal distribution
Tensor gelu_erf_gradient(const Tensor& g, const Tensor& x) {
  constexpr double kDensity = std::numbers::inv_sqrtpi / std::numbers::sqrt2;
  const Tensor cdf = (erf(x * (1.0 / std::numbers::sqrt2)) + 1.0) * 0.5;
  return g * (cdf + x * exp(x * x * -0.5) * kDensity);
}

// gelu = x (1 + t) / 2, t = tanh(slope (x + cubic x^3))
Tensor gelu_tanh_gradient(const Tensor& g, const Tensor& x) {
  constexpr double kSlope = std::numbers::sqrt2 * std::numbers::inv_sqrtpi, kCubic = 0.044715;
  const Tensor squared = x * x;
  const Tensor t = tanh(x * (squared * kCubic + 1.0) * kSlope);
  const Tensor inner = (squared * (3.0 * kCubic) + 1.0) * kSlope;
  return g * ((t + 1.0) * 0.5 + x * (1.0 - t * t) * inner * 0.5);
}

}  // namespace

Tensor tanh(const Tensor& x) { return run_tanh("tanh", x, nullptr); }
Tensor tanh_(const Tensor& self) { return unary_in_place("tanh_", self, run_tanh); }
Tensor sigmoid(const Tensor& x) { return run_sigmoid("sigmoid", x, nullptr); }
Tensor sigmoid_(const Tensor& self) { return unary_in_place("sigmoid_", self, run_sigmoid); }
Tensor relu(const Tensor& x) { return run_relu("relu", x, nullptr); }
Tensor relu_(const Tensor& self) { return unary_in_place("relu_", self, run_relu); }

Tensor silu(const Tensor& x) { return run_silu("silu", x, nullptr); }
Tensor silu_(const Tensor& self) { return unary_in_place("silu_", self, run_silu); }

Tensor gelu(const Tensor& x, Gelu approximate) {
  if (approximate == Gelu::Tanh)
    return by_input_again("gelu", UnaryOp::GeluTanh, x, fused(BinaryOp::GeluTanhBackward, gelu_tanh_gradient));
  return by_input_again("gelu", UnaryOp::GeluErf, x, fused(BinaryOp::GeluErfBackward, gelu_erf_gradient));
}

Tensor softplus(const Tensor& x) {
  return by_input("softplus", UnaryOp::Softplus, Autocast(kWideFunctions, x), nullptr,
                  [](const Tensor& g, const Tensor& x) { return g * sigmoid(x); });
}

Tensor leaky_relu(const Tensor& x, double negative_slope) {
  Tensor y = apply("leaky_relu", BinaryOp::LeakyRelu, x, negative_slope);
  if (needs_grad(x))
    record("leaky_relu", y, {&x},
           [x = Saved(x), negative_slope](const Tensor& g) { return where(x() > 0.0, g, g * negative_slope); });
  return y;
}

Tensor elu(const Tensor& x, double alpha) {
  Tensor y = apply("elu", BinaryOp::Elu, x, alpha);
  if (needs_grad(x))
    record("elu", y, {&x}, [x = Saved(x), alpha](const Tensor& g) {
      return where(x() > 0.0, g, g * exp(clamp(x(), std::nullopt, 0.0)) * alpha);
    });
  return y;
}

}  // namespace mote
