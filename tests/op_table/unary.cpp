// Rows of the element-wise functions of one tensor.
#include "op_table/row.h"

namespace mote::op_table {

namespace {

using Function = Tensor (*)(const Tensor&);

// An element-wise function of x; PyTorch has it as torch.<name>. Integers are promoted or kept as it says for itself.
Row unary(const std::string& name, const std::string& what, Function function, Input input = real(),
          Function in_place = nullptr) {
  Row row{.name = name,
          .what = what,
          .torch = "torch." + name + "(x)",
          .inputs = {input},
          .shapes = {{{3, 7}}, {{0}}, {{1}}, {{}}, {{2, 0, 3}}},
          .run = [function](In x) { return function(x[0]); },
          .dtypes = kAll,
          .bench = {{1024, 1024}}};
  if (in_place) row.in_place = [in_place](In x) { return in_place(x[0]); };
  return row;
}

Row with(Row row, const DTypes& dtypes, Gradient gradient = Gradient::Twice) {
  row.dtypes = dtypes;
  row.gradient = gradient;
  return row;
}

}  // namespace

std::vector<Row> unary_rows() {
  return {
      with(unary("neg", "-x", neg, real(), neg_), kNumbers),
      with(unary("abs", "\\|x\\|", abs, real(), abs_), kNumbers),
      unary("sign", "-1, 0 or 1", sign, real(), sign_),
      with(unary("square", "x x", square, real(), square_), kAll),
      unary("reciprocal", "1 / x", reciprocal, divisor(), reciprocal_),
      unary("exp", "e to the x", exp, real(-3, 3), exp_),
      unary("exp2", "2 to the x", exp2, real(-3, 3), exp2_),
      unary("expm1", "e to the x, minus 1", expm1, real(), expm1_),
      unary("log", "natural logarithm", log, real(0.05, 4), log_),
      unary("log2", "logarithm to base 2", log2, real(0.05, 4), log2_),
      unary("log10", "logarithm to base 10", log10, real(0.05, 4), log10_),
      unary("log1p", "log(1 + x)", log1p, real(-0.9, 4), log1p_),
      unary("sqrt", "square root", sqrt, real(0.05, 4), sqrt_),
      unary("rsqrt", "1 / sqrt(x)", rsqrt, {.low = 0.05, .high = 4, .nonzero = true}, rsqrt_),
      unary("sin", "sine", sin, real(-4, 4), sin_),
      unary("cos", "cosine", cos, real(-4, 4), cos_),
      unary("tan", "tangent", tan, real(-1.4, 1.4), tan_),
      unary("tanh", "hyperbolic tangent", tanh, real(-4, 4), tanh_),
      unary("erf", "error function", erf, real(-3, 3), erf_),
      with(unary("floor", "largest integer not above x", floor, real(), floor_), kNumbers),
      with(unary("ceil", "smallest integer not below x", ceil, real(), ceil_), kNumbers),
      with(unary("round", "nearest integer, halves to even", round, real(), round_), kNumbers),
      with(unary("trunc", "x without its fraction", trunc, real(), trunc_), kNumbers),
      with(unary("isnan", "whether x is NaN", isnan), kAll, Gradient::None),
      with(unary("isinf", "whether x is infinite", isinf), kAll, Gradient::None),
      with(unary("isfinite", "whether x is neither NaN nor infinite", isfinite), kAll, Gradient::None),
      with(unary("logical_not", "not x", logical_not), kAll, Gradient::None),
      with(unary("bitwise_not", "every bit flipped; on bool, not x", bitwise_not), kBits, Gradient::None),
  };
}

std::vector<Row> activation_rows() {
  Row leaky = unary("leaky_relu", "x above 0, else slope x", [](const Tensor& x) { return leaky_relu(x, 0.1); });
  leaky.torch = "torch.nn.functional.leaky_relu(x, 0.1)";
  Row elu_row = unary("elu", "x above 0, else alpha (e^x - 1)", [](const Tensor& x) { return elu(x, 1.5); });
  elu_row.torch = "torch.nn.functional.elu(x, 1.5)";
  Row silu_row = unary("silu", "x sigmoid(x)", silu, real(-4, 4), silu_);
  silu_row.torch = "torch.nn.functional.silu(x)";
  Row softplus_row = unary("softplus", "log(1 + e^x); x itself above 20", softplus, real(-4, 30));
  softplus_row.torch = "torch.nn.functional.softplus(x)";
  Row gelu_row = unary(
      "gelu", "x Phi(x)", [](const Tensor& x) { return gelu(x); }, real(-4, 4));
  gelu_row.torch = "torch.nn.functional.gelu(x)";
  Row gelu_tanh = unary(
      "gelu.tanh", "the same by GPT-2's tanh formula", [](const Tensor& x) { return gelu(x, Gelu::Tanh); },
      real(-2, 4));
  gelu_tanh.torch = "torch.nn.functional.gelu(x, approximate='tanh')";
  return {
      unary("sigmoid", "1 / (1 + e^-x)", sigmoid, real(-6, 6), sigmoid_),
      with(unary("relu", "x above 0, else 0", relu, real(), relu_), kNumbers),
      with(leaky, kFloats),
      with(elu_row, kFloats),
      with(silu_row, kFloats),
      with(softplus_row, kFloats),
      with(gelu_row, kFloats),
      with(gelu_tanh, kFloats),
  };
}

}  // namespace mote::op_table
