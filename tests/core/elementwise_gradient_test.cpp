// Gradients of the element-wise operations: against finite differences, twice, and the fused backward kernels against
// the composed rules.
#include <cmath>
#include <functional>

#include "mote/core.h"
#include "mote/testing.h"
#include "support/catch.h"

namespace mote::testing {

namespace {

struct Case {
  const char* name;
  std::function<Tensor(const Tensor&)> function;
  double low = -2.12, high = 2.36;
};

const Case kUnary[] = {
    {"neg", neg},
    {"abs", mote::abs},
    {"sign", sign},
    {"square", square},
    {"reciprocal", reciprocal, 0.4, 2.0},
    {"exp", mote::exp},
    {"exp2", mote::exp2},
    {"expm1", mote::expm1},
    {"log", mote::log, 0.4, 3.0},
    {"log2", mote::log2, 0.4, 3.0},
    {"log10", mote::log10, 0.4, 3.0},
    {"log1p", mote::log1p, -0.5, 3.0},
    {"sqrt", mote::sqrt, 0.4, 3.0},
    {"rsqrt", rsqrt, 0.4, 3.0},
    {"sin", mote::sin},
    {"cos", mote::cos},
    {"tan", mote::tan, -1.0, 1.0},
    {"tanh", mote::tanh},
    {"erf", mote::erf},
    {"floor", mote::floor},
    {"ceil", mote::ceil},
    {"round", mote::round},
    {"trunc", mote::trunc},
    {"sigmoid", sigmoid},
    {"relu", relu},
    {"silu", silu},
    {"softplus", softplus},
    {"leaky_relu", [](const Tensor& x) { return leaky_relu(x, 0.2); }},
    {"elu", [](const Tensor& x) { return elu(x, 0.7); }},
    {"gelu", [](const Tensor& x) { return gelu(x); }},
    {"gelu tanh", [](const Tensor& x) { return gelu(x, Gelu::Tanh); }},
    {"clamp", [](const Tensor& x) { return clamp(x, -0.9, 1.1); }},
    {"clamp below", [](const Tensor& x) { return clamp(x, -0.9); }},
    {"clamp above", [](const Tensor& x) { return clamp(x, std::nullopt, 0.33); }},
    {"pow 3", [](const Tensor& x) { return pow(x, 3); }},
    {"pow 2", [](const Tensor& x) { return pow(x, 2); }},
    {"pow 0", [](const Tensor& x) { return pow(x, 0); }},
    {"pow -1.5", [](const Tensor& x) { return pow(x, -1.5); }, 0.4, 2.0},
    {"pow 0.5", [](const Tensor& x) { return pow(x, 0.5); }, 0.4, 2.0},
    {"2 ^ x", [](const Tensor& x) { return pow(2.5, x); }},
    {"x + 2", [](const Tensor& x) { return x + 2; }},
    {"3 - x", [](const Tensor& x) { return 3 - x; }},
    {"x - 3", [](const Tensor& x) { return x - 3; }},
    {"x * 3", [](const Tensor& x) { return x * 3; }},
    {"x / 3", [](const Tensor& x) { return x / 3; }},
    {"3 / x", [](const Tensor& x) { return 3 / x; }, 0.4, 2.0},
    {"x % 0.7", [](const Tensor& x) { return x % 0.7; }},
    {"3.1 % x", [](const Tensor& x) { return 3.1 % x; }, 0.4, 2.0},
    {"maximum", [](const Tensor& x) { return maximum(x, 0.4); }},
    {"minimum", [](const Tensor& x) { return minimum(x, 0.4); }},
    {"triu", [](const Tensor& x) { return triu(x, -1); }},
    {"tril", [](const Tensor& x) { return tril(x, 1); }},
    {"masked_fill", [](const Tensor& x) { return x.masked_fill(x.detach() > 0.3, 2.0); }},
    {"where number", [](const Tensor& x) { return where(x.detach() > 0.3, x, 0.5) + where(x.detach() > 0, 1, x); }},
    {"to", [](const Tensor& x) { return x.to(float64, true) * x; }},
};

using Pairwise = std::function<Tensor(const Tensor&, const Tensor&)>;

const std::pair<const char*, Pairwise> kBinary[] = {
    {"add", [](const Tensor& a, const Tensor& b) { return add(a, b, 0.5); }},
    {"sub", [](const Tensor& a, const Tensor& b) { return sub(a, b, 2); }},
    {"mul", [](const Tensor& a, const Tensor& b) { return a * b; }},
    {"div", [](const Tensor& a, const Tensor& b) { return a / b; }},
    {"remainder", [](const Tensor& a, const Tensor& b) { return a % b; }},
    {"pow", [](const Tensor& a, const Tensor& b) { return pow(a, b); }},
    {"maximum", [](const Tensor& a, const Tensor& b) { return maximum(a, b); }},
    {"minimum", [](const Tensor& a, const Tensor& b) { return minimum(a, b); }},
    {"atan2", [](const Tensor& a, const Tensor& b) { return atan2(a, b); }},
    {"lerp", [](const Tensor& a, const Tensor& b) { return lerp(a, b, 0.3) + lerp(a, b, 0.8); }},
    {"where", [](const Tensor& a, const Tensor& b) { return where(a.detach() > 1.0, a, b); }},
    {"addcmul", [](const Tensor& a, const Tensor& b) { return addcmul(a, a, b, 0.5); }},
    {"addcdiv", [](const Tensor& a, const Tensor& b) { return addcdiv(b, a, b, 0.5); }},
};

Tensor leaf(const Tensor& values) { return values.to(float64, true).detach().requires_grad_(); }

}  // namespace

TEST_CASE("unary gradients, first and second, for dense and strided inputs") {
  for (const Case& c : kUnary) {
    CAPTURE(c.name);
    const Tensor values = linspace(c.low, c.high, 12, {.dtype = float64}).reshape({3, 4});
    const TensorFunction function = [&](const std::vector<Tensor>& in) {
      return std::vector<Tensor>{c.function(in[0])};
    };
    CHECK(gradcheck(function, {leaf(values)}));
    CHECK(gradcheck(function, {leaf(values).t().detach().requires_grad_()}));
    CHECK(gradcheck(function, {leaf(values.slice(0, 0, 0))}));
    CHECK(gradgradcheck(function, {leaf(values)}));
  }
}

TEST_CASE("binary gradients, broadcast either way") {
  const Tensor wide = linspace(0.35, 2.6, 12, {.dtype = float64}).reshape({3, 4}), row = linspace(1.53, 0.51, 4);
  const Tensor column = linspace(0.72, 1.9, 3).unsqueeze(1), single = tensor(1.17);
  for (const auto& [name, function] : kBinary)
    for (const auto& [a, b] : {std::pair{wide, wide.flip(0) + 0.013}, {wide, row}, {column, row}, {single, wide}}) {
      CAPTURE(name, a.shape().str(), b.shape().str());
      const TensorFunction both = [f = function](const std::vector<Tensor>& in) {
        return std::vector<Tensor>{f(in[0], in[1])};
      };
      CHECK(gradcheck(both, {leaf(a), leaf(b)}));
      CHECK(gradgradcheck(both, {leaf(a), leaf(b)}));
      // One side alone: nothing is asked of the other.
      CHECK(gradcheck(both, {leaf(a), leaf(b).detach()}));
      CHECK(gradcheck(both, {leaf(a).detach(), leaf(b)}));
    }
}

TEST_CASE("the value of masked_fill has a gradient") {
  const TensorFunction function = [](const std::vector<Tensor>& in) {
    return std::vector<Tensor>{in[0].masked_fill(in[0].detach() > 0.0, in[1])};
  };
  CHECK(gradcheck(function, {leaf(linspace(-1, 1, 6).reshape({2, 3})), leaf(tensor(0.5))}));
}

TEST_CASE("fused backward kernels agree with the composed rules") {
  const Tensor points = linspace(-6, 6, 1003);
  for (DType dtype : {float32, float64})
    for (const Case& c : kUnary) {
      if (c.low != -2.12) continue;  // not defined everywhere
      CAPTURE(c.name, name_of(dtype));
      const Tensor x = points.reshape({17, 59}).to(dtype, true).requires_grad_();
      const Tensor weights = linspace(-1, 2, 1003).reshape({17, 59}).to(dtype);
      const Tensor fused = grad({(c.function(x) * weights).sum()}, {x})[0];
      const Tensor composed = grad({(c.function(x) * weights).sum()}, {x}, {.create_graph = true})[0].detach();
      CHECK(allclose(fused, composed, dtype == float32 ? 1e-5 : 1e-10, dtype == float32 ? 2e-6 : 1e-12, true));
    }
}

TEST_CASE("at a tie the gradient of maximum and minimum is shared") {
  const Tensor a = tensor({1.0, 2.0, 3.0}, {.requires_grad = true}),
               b = tensor({1.0, 5.0, 0.0}, {.requires_grad = true});
  maximum(a, b).sum().backward();
  CHECK(equal(a.grad(), tensor({0.5, 0.0, 1.0})));
  CHECK(equal(b.grad(), tensor({0.5, 1.0, 0.0})));
}

TEST_CASE("gradients come back in the dtype and shape of their operand") {
  const Tensor half = ones({3, 1}, {.dtype = float16, .requires_grad = true});
  const Tensor wide = full({4}, 2.0, {.dtype = float64, .requires_grad = true});
  (half * wide).sum().backward();
  CHECK(half.grad().dtype() == float16);
  CHECK(half.grad().shape() == Shape({3, 1}));
  CHECK(equal(half.grad(), full({3, 1}, 8.0, {.dtype = float16})));
  CHECK(wide.grad().dtype() == float64);
  CHECK(equal(wide.grad(), full({4}, 3.0, {.dtype = float64})));
}

TEST_CASE("gradients at the borders of a domain") {
  const Tensor x = tensor({0.0, 2.0}, {.requires_grad = true});
  pow(x, 0).sum().backward();
  CHECK(equal(x.grad(), zeros({2})));
  const Tensor base = tensor({0.0, 2.0}, {.requires_grad = true}),
               exponent = tensor({0.0, 3.0}, {.requires_grad = true});
  pow(base, exponent).sum().backward();
  CHECK(equal(base.grad(), tensor({0.0, 12.0})));
  CHECK(allclose(exponent.grad(), tensor({0.0, 8.0 * std::log(2.0)})));
  const Tensor y = tensor({-1.0, 0.0, 1.0}, {.requires_grad = true});
  relu(y).sum().backward();
  CHECK(equal(y.grad(), tensor({0.0, 0.0, 1.0})));
  y.set_grad(Tensor());
  clamp(y, -1.0, 0.5).sum().backward();
  CHECK(equal(y.grad(), tensor({1.0, 1.0, 0.0})));
}

TEST_CASE("what has no gradient is not recorded") {
  const Tensor x = ones({2}, {.requires_grad = true});
  for (const Tensor& y : {x == x, x < 2, isnan(x), logical_not(x), floor_divide(x, x), x.to(int64), isclose(x, x)})
    CHECK_FALSE(y.requires_grad());
  CHECK(sign(x).requires_grad());
}

}  // namespace mote::testing
