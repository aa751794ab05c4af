// Unary operations: each with its gradient, then the forms that run it.
#include <numbers>

#include "mote/creation.h"
#include "ops/autocast_operand.h"
#include "ops/unary_rule.h"

namespace mote {

namespace {

constexpr double kLn2 = std::numbers::ln2;
constexpr double kLn10 = std::numbers::ln10;
constexpr double kTwoOverSqrtPi = 2.0 * std::numbers::inv_sqrtpi;

Tensor run_neg(const char* name, const Tensor& x, const Tensor* out) {
  return by_gradient(name, UnaryOp::Neg, x, out, [](const Tensor& g) { return -g; });
}

Tensor run_abs(const char* name, const Tensor& x, const Tensor* out) {
  return by_input(name, UnaryOp::Abs, x, out, [](const Tensor& g, const Tensor& x) { return g * sign(x); });
}

Tensor run_sign(const char* name, const Tensor& x, const Tensor* out) {
  return by_gradient(name, UnaryOp::Sign, x, out, [](const Tensor& g) { return zeros_like(g); });
}

Tensor run_floor(const char* name, const Tensor& x, const Tensor* out) {
  return by_gradient(name, UnaryOp::Floor, x, out, [](const Tensor& g) { return zeros_like(g); });
}

Tensor run_ceil(const char* name, const Tensor& x, const Tensor* out) {
  return by_gradient(name, UnaryOp::Ceil, x, out, [](const Tensor& g) { return zeros_like(g); });
}

Tensor run_round(const char* name, const Tensor& x, const Tensor* out) {
  return by_gradient(name, UnaryOp::Round, x, out, [](const Tensor& g) { return zeros_like(g); });
}

Tensor run_trunc(const char* name, const Tensor& x, const Tensor* out) {
  return by_gradient(name, UnaryOp::Trunc, x, out, [](const Tensor& g) { return zeros_like(g); });
}

Tensor run_square(const char* name, const Tensor& x, const Tensor* out) {
  return by_input(name, UnaryOp::Square, x, out, [](const Tensor& g, const Tensor& x) { return g * x * 2.0; });
}

Tensor run_reciprocal(const char* name, const Tensor& x, const Tensor* out) {
  return by_output(name, UnaryOp::Reciprocal, x, out, [](const Tensor& g, const Tensor& y) { return -g * y * y; });
}

Tensor run_sqrt(const char* name, const Tensor& x, const Tensor* out) {
  return by_output(name, UnaryOp::Sqrt, x, out, [](const Tensor& g, const Tensor& y) { return g / (y * 2.0); });
}

Tensor run_rsqrt(const char* name, const Tensor& x, const Tensor* out) {
  return by_output(name, UnaryOp::Rsqrt, x, out,
                   [](const Tensor& g, const Tensor& y) { return g * (y * y * y) * -0.5; });
}

Tensor run_exp(const char* name, const Tensor& x, const Tensor* out) {
  return by_output(name, UnaryOp::Exp, x, out, [](const Tensor& g, const Tensor& y) { return g * y; });
}

Tensor run_exp2(const char* name, const Tensor& x, const Tensor* out) {
  return by_output(name, UnaryOp::Exp2, x, out, [](const Tensor& g, const Tensor& y) { return g * y * kLn2; });
}

Tensor run_expm1(const char* name, const Tensor& x, const Tensor* out) {
  return by_output(name, UnaryOp::Expm1, x, out, [](const Tensor& g, const Tensor& y) { return g * (y + 1.0); });
}

Tensor run_log(const char* name, const Tensor& x, const Tensor* out) {
  return by_input(name, UnaryOp::Log, x, out, [](const Tensor& g, const Tensor& x) { return g / x; });
}

Tensor run_log2(const char* name, const Tensor& x, const Tensor* out) {
  return by_input(name, UnaryOp::Log2, x, out, [](const Tensor& g, const Tensor& x) { return g / (x * kLn2); });
}

Tensor run_log10(const char* name, const Tensor& x, const Tensor* out) {
  return by_input(name, UnaryOp::Log10, x, out, [](const Tensor& g, const Tensor& x) { return g / (x * kLn10); });
}

Tensor run_log1p(const char* name, const Tensor& x, const Tensor* out) {
  return by_input(name, UnaryOp::Log1p, x, out, [](const Tensor& g, const Tensor& x) { return g / (x + 1.0); });
}

Tensor run_sin(const char* name, const Tensor& x, const Tensor* out) {
  return by_input(name, UnaryOp::Sin, x, out, [](const Tensor& g, const Tensor& x) { return g * cos(x); });
}

Tensor run_cos(const char* name, const Tensor& x, const Tensor* out) {
  return by_input(name, UnaryOp::Cos, x, out, [](const Tensor& g, const Tensor& x) { return -g * sin(x); });
}

Tensor run_tan(const char* name, const Tensor& x, const Tensor* out) {
  return by_output(name, UnaryOp::Tan, x, out, [](const Tensor& g, const Tensor& y) { return g * (y * y + 1.0); });
}

Tensor run_erf(const char* name, const Tensor& x, const Tensor* out) {
  return by_input(name, UnaryOp::Erf, x, out,
                  [](const Tensor& g, const Tensor& x) { return g * exp(-x * x) * kTwoOverSqrtPi; });
}

}  // namespace

Tensor neg(const Tensor& x) { return run_neg("neg", x, nullptr); }
Tensor abs(const Tensor& x) { return run_abs("abs", x, nullptr); }
Tensor sign(const Tensor& x) { return run_sign("sign", x, nullptr); }
Tensor floor(const Tensor& x) { return run_floor("floor", x, nullptr); }
Tensor ceil(const Tensor& x) { return run_ceil("ceil", x, nullptr); }
Tensor round(const Tensor& x) { return run_round("round", x, nullptr); }
Tensor trunc(const Tensor& x) { return run_trunc("trunc", x, nullptr); }
Tensor reciprocal(const Tensor& x) { return run_reciprocal("reciprocal", Autocast(kWideFunctions, x), nullptr); }
Tensor sqrt(const Tensor& x) { return run_sqrt("sqrt", x, nullptr); }
Tensor rsqrt(const Tensor& x) { return run_rsqrt("rsqrt", Autocast(kWideFunctions, x), nullptr); }
Tensor exp(const Tensor& x) { return run_exp("exp", Autocast(kWideFunctions, x), nullptr); }
Tensor exp2(const Tensor& x) { return run_exp2("exp2", x, nullptr); }
Tensor expm1(const Tensor& x) { return run_expm1("expm1", Autocast(kWideFunctions, x), nullptr); }
Tensor log(const Tensor& x) { return run_log("log", Autocast(kWideFunctions, x), nullptr); }
Tensor log2(const Tensor& x) { return run_log2("log2", Autocast(kWideFunctions, x), nullptr); }
Tensor log10(const Tensor& x) { return run_log10("log10", Autocast(kWideFunctions, x), nullptr); }
Tensor log1p(const Tensor& x) { return run_log1p("log1p", Autocast(kWideFunctions, x), nullptr); }
Tensor sin(const Tensor& x) { return run_sin("sin", x, nullptr); }
Tensor cos(const Tensor& x) { return run_cos("cos", x, nullptr); }
Tensor tan(const Tensor& x) { return run_tan("tan", Autocast(kWideFunctions, x), nullptr); }
Tensor erf(const Tensor& x) { return run_erf("erf", x, nullptr); }

Tensor neg_(const Tensor& self) { return unary_in_place("neg_", self, run_neg); }
Tensor abs_(const Tensor& self) { return unary_in_place("abs_", self, run_abs); }
Tensor sign_(const Tensor& self) { return unary_in_place("sign_", self, run_sign); }
Tensor reciprocal_(const Tensor& self) { return unary_in_place("reciprocal_", self, run_reciprocal); }
Tensor exp_(const Tensor& self) { return unary_in_place("exp_", self, run_exp); }
Tensor exp2_(const Tensor& self) { return unary_in_place("exp2_", self, run_exp2); }
Tensor expm1_(const Tensor& self) { return unary_in_place("expm1_", self, run_expm1); }
Tensor log_(const Tensor& self) { return unary_in_place("log_", self, run_log); }
Tensor log2_(const Tensor& self) { return unary_in_place("log2_", self, run_log2); }
Tensor log10_(const Tensor& self) { return unary_in_place("log10_", self, run_log10); }
Tensor log1p_(const Tensor& self) { return unary_in_place("log1p_", self, run_log1p); }
Tensor sqrt_(const Tensor& self) { return unary_in_place("sqrt_", self, run_sqrt); }
Tensor rsqrt_(const Tensor& self) { return unary_in_place("rsqrt_", self, run_rsqrt); }
Tensor sin_(const Tensor& self) { return unary_in_place("sin_", self, run_sin); }
Tensor cos_(const Tensor& self) { return unary_in_place("cos_", self, run_cos); }
Tensor tan_(const Tensor& self) { return unary_in_place("tan_", self, run_tan); }
Tensor erf_(const Tensor& self) { return unary_in_place("erf_", self, run_erf); }
Tensor floor_(const Tensor& self) { return unary_in_place("floor_", self, run_floor); }
Tensor ceil_(const Tensor& self) { return unary_in_place("ceil_", self, run_ceil); }
Tensor round_(const Tensor& self) { return unary_in_place("round_", self, run_round); }
Tensor trunc_(const Tensor& self) { return unary_in_place("trunc_", self, run_trunc); }

// The square of a bool is an integer, as that of any power.
Tensor square(const Tensor& x) {
  return x.dtype() == DType::Bool ? pow(x, 2) : run_square("square", Autocast(kWideFunctions, x), nullptr);
}
Tensor square_(const Tensor& self) {
  if (self.dtype() == DType::Bool) check_fits("square_", self, self.shape(), DType::Int64);
  return unary_in_place("square_", self, run_square);
}

// d y = x / (x^2 + y^2), d x = -y / (x^2 + y^2)
Tensor atan2(const Tensor& own_y, const Tensor& own_x) {
  const Autocast cast_y(kMixedOperands, own_y, own_x), cast_x(kMixedOperands, own_x, own_y);
  const Tensor &y = cast_y, &x = cast_x;
  Tensor angle = apply("atan2", BinaryOp::Atan2, y, x);
  if (needs_grad(y, x))
    record("atan2", angle, {&y, &x},
           [to_y = Operand(y), to_x = Operand(x), y = Saved(y), x = Saved(x)](const Tensor& g, const Needs& needs) {
             const Tensor scale = g / (square(x()) + square(y()));
             return std::array<Tensor, 2>{needs[0] ? to_y(scale * x()) : Tensor(),
                                          needs[1] ? to_x(-scale * y()) : Tensor()};
           });
  return angle;
}
Tensor logical_not(const Tensor& x) { return apply("logical_not", UnaryOp::LogicalNot, x); }
Tensor bitwise_not(const Tensor& x) { return apply("bitwise_not", UnaryOp::BitwiseNot, x); }
Tensor isnan(const Tensor& x) { return apply("isnan", UnaryOp::IsNan, x); }
Tensor isinf(const Tensor& x) { return apply("isinf", UnaryOp::IsInf, x); }
Tensor isfinite(const Tensor& x) { return apply("isfinite", UnaryOp::IsFinite, x); }

}  // namespace mote
