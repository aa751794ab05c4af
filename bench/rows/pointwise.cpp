// Element-wise operations: one function of each element, and broadcasting.
#include "harness/operation.h"
#include "rows.h"

namespace bench {

namespace {

struct Unary {
  const char* name;
  Tensor (*run)(const Tensor&);
  const char* torch;
  bool headline;
  double low = -4, high = 4;
};

Tensor gelu_erf(const Tensor& x) { return mote::gelu(x); }
Tensor gelu_tanh(const Tensor& x) { return mote::gelu(x, mote::Gelu::Tanh); }
Tensor naive_gelu_erf(const Tensor& x) { return x * 0.5 * (1.0 + mote::erf(x * 0.7071067811865476)); }
Tensor naive_gelu_tanh(const Tensor& x) {
  return x * 0.5 * (1.0 + mote::tanh((x + x * x * x * 0.044715) * 0.7978845608028654));
}
Tensor relu(const Tensor& x) { return mote::relu(x); }

const std::vector<Unary>& unary_operations() {
  static const std::vector<Unary> all = {
      {"gelu_erf", gelu_erf, "F.gelu(x)", true},
      {"gelu_tanh", gelu_tanh, "F.gelu(x, approximate='tanh')", true},
      {"exp", mote::exp, "x.exp()", false},
      {"tanh", mote::tanh, "x.tanh()", false},
      {"sigmoid", mote::sigmoid, "x.sigmoid()", false},
      {"erf", mote::erf, "x.erf()", false},
      {"log", mote::log, "x.log()", false, 0.01, 100},
      {"sqrt", mote::sqrt, "x.sqrt()", false, 0.01, 100},
      {"silu", mote::silu, "F.silu(x)", false},
      {"relu", relu, "F.relu(x)", false},
  };
  return all;
}

Tensor reference_of(const Unary& unary, const Tensor& x) {
  if (unary.run == gelu_erf) return naive_gelu_erf(x);
  if (unary.run == gelu_tanh) return naive_gelu_tanh(x);
  return unary.run(x);
}

void add_unary(Rows& rows, const Selection& selection, const Unary& unary, const Choice<Shape>& shape) {
  const auto elements = static_cast<double>(shape.value.numel());
  add(rows,
      {.family = "pointwise",
       .name = unary.name,
       .shape = shape_name(shape.value),
       .headline = unary.headline && shape.headline,
       .inputs = {uniform(shape.value, unary.low, unary.high)},
       .run = [unary](const auto& in) { return unary.run(in[0]); },
       .reference = [unary](const auto& in) { return reference_of(unary, in[0]); },
       .torch = {{.run = unary.torch}},
       .forward_flops = elements,
       .both_flops = 3 * elements},
      selection);
}

void add_broadcast(Rows& rows, const Selection& selection, const Choice<Shape>& shape) {
  const auto n = static_cast<double>(shape.value.numel()), row = static_cast<double>(shape.value.back());
  const auto run = [](const auto& in) { return in[0] + in[1]; };
  Operation operation{.family = "pointwise",
                      .name = "broadcast_add",
                      .shape = shape_name(shape.value) + "+" + shape_name({shape.value.back()}),
                      .headline = shape.headline,
                      .inputs = {normal(shape.value), normal({shape.value.back()})},
                      .run = run,
                      .torch = {{.run = "x + y"}},
                      .forward_flops = n,
                      .both_flops = 2 * n,
                      // The gradient of x is the output's; that of y is a sum over it.
                      .both_bytes = 4 * (3 * n + 2 * row)};
  add(rows, operation, selection);
  operation.name = "broadcast_mul";
  operation.headline = false;
  operation.run = [](const auto& in) { return in[0] * in[1]; };
  operation.torch = {{.run = "x * y"}};
  operation.both_flops = 4 * n;
  operation.both_bytes = std::nullopt;
  add(rows, operation, selection);
}

}  // namespace

void add_pointwise(Rows& rows, const Selection& selection) {
  // 64 MiB are beyond the caches.
  for (const auto& shape : choose<Shape>(selection, {{1024, 3072}, {4096, 4096}}, {{64, 64}}, {{5, 37}}))
    for (const Unary& unary : unary_operations()) add_unary(rows, selection, unary, shape);
  for (const auto& shape : choose<Shape>(selection, {{4096, 4096}}, {{1024, 768}}, {{7, 33}}))
    add_broadcast(rows, selection, shape);
}

}  // namespace bench
