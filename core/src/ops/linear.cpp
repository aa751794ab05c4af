// Matrix products with an addend: the result is filled with the addend, and the product is added to it.
#include <fmt/format.h>

#include "mote/matmul.h"
#include "ops/autocast_operand.h"
#include "ops/matmul_views.h"

namespace mote {

namespace {

// input + a b: the result is filled with the input, and the product is added to it.
Tensor product_onto(const Tensor& input, const Tensor& a, const Tensor& b, const Shape& shape) {
  Tensor y = make_result("addmm", shape, a.dtype(), a.device());
  Backend& backend = backend_of(a);
  backend.copy(view_of(y), view_of(input, shape));
  run_product(backend, view_of(y), view_of(a), view_of(b), true);
  if (needs_grad(input, a, b))
    record("addmm", y, {&input, &a, &b},
           [shape = input.shape(), a = Saved(a, tracks_grad(b)), b = Saved(b, tracks_grad(a))](const Tensor& g,
                                                                                               Needs needs) {
             return std::array<Tensor, 3>{needs[0] ? sum_to(g, shape) : Tensor(),
                                          needs[1] ? matmul(g, t(b())) : Tensor(),
                                          needs[2] ? matmul(t(a()), g) : Tensor()};
           });
  return y;
}

bool is_one(const Scalar& value) { return value.to<double>() == 1.0; }

}  // namespace

Tensor addmm(const Tensor& own_input, const Tensor& own_a, const Tensor& own_b, const Scalar& beta,
             const Scalar& alpha) {
  const Autocast cast_input(kProducts, own_input), cast_a(kProducts, own_a), cast_b(kProducts, own_b);
  const Tensor &input = cast_input, &a = cast_a, &b = cast_b;
  check_same_device("addmm", {{"input", &input}, {"mat1", &a}, {"mat2", &b}});
  check_operands("addmm", "mat1", a, "mat2", b);
  check_dtype("addmm", "input", input, a.dtype());
  check_rank("addmm", "mat1", a, 2);
  check_rank("addmm", "mat2", b, 2);
  if (a.size(1) != b.size(0)) throw_inner_sizes("addmm", a, b, a.size(1), b.size(0));
  const Shape shape({a.size(0), b.size(1)});
  if (broadcast_shapes("addmm", input.shape(), shape) != shape)
    throw ShapeError(
        fmt::format("addmm: expected an input that broadcasts to {}, but got {}", shape.str(), input.shape().str()));
  if (is_one(beta) && is_one(alpha)) return product_onto(input, a, b, shape);
  Tensor scaled = product("addmm", a, b);
  if (!is_one(alpha)) scaled = scaled * alpha;
  return beta.to<double>() == 0.0 ? scaled : add(scaled, input, beta);  // with beta 0 a NaN in input counts for nothing
}

namespace {

// Exchanges the last two dimensions.
View transposed(View view) {
  const int rank = view.shape.rank();
  std::swap(view.shape[rank - 1], view.shape[rank - 2]);
  std::swap(view.strides[rank - 1], view.strides[rank - 2]);
  return view;
}

struct LinearRule {
  Saved x, weight;
  Shape x_shape, weight_shape;

  // The third gradient is left out where there is no bias.
  template <size_t N>
  std::array<Tensor, N> gradients(const Tensor& g, Needs needs) const {
    std::array<Tensor, N> result;
    if (needs[1]) {  // first: x may be computed again for it, and is gone when the gradient of x is made
      const int64_t rows = Shape(x_shape.data(), x_shape.size() - 1).numel();
      result[1] = matmul(t(reshape(g, {rows, weight_shape[0]})), reshape(x(), {rows, x_shape.back()}));
    }
    if (needs[0]) result[0] = matmul(g, weight());
    if constexpr (N == 3)
      if (needs[2]) result[2] = sum_to(g, Shape({weight_shape[0]}));
    return result;
  }
};

Tensor run_linear(const Tensor& x, const Tensor& weight, const Tensor* bias) {
  const bool fits = x.dim() > 0 && weight.dim() == 2 && x.size(-1) == weight.size(1);
  if (!fits)
    throw ShapeError(fmt::format("linear: expected input [..., in] and weight [out, in], but got {} and {}",
                                 x.shape().str(), weight.shape().str()));
  if (bias && (bias->dim() != 1 || bias->size(0) != weight.size(0)))
    throw ShapeError(fmt::format("linear: expected bias [{}] for weight {}, but got {}", weight.size(0),
                                 weight.shape().str(), bias->shape().str()));
  Shape shape = x.shape();
  shape[shape.rank() - 1] = weight.size(0);
  Tensor y = make_result("linear", shape, x.dtype(), x.device());
  Backend& backend = backend_of(x);
  View out = view_of(y), in = view_of(x), columns = transposed(view_of(weight));
  if (x.dim() == 1) {
    insert_dim(out, 0);
    insert_dim(in, 0);
  }
  broadcast_batch(columns, batch_of(in));
  if (bias)
    run_product_with_bias(backend, out, in, columns, view_of(*bias));
  else
    run_product(backend, out, in, columns, false);
  return y;
}

}  // namespace

Tensor linear(const Tensor& own_x, const Tensor& own_weight) {
  const Autocast cast_x(kProducts, own_x), cast_weight(kProducts, own_weight);
  const Tensor &x = cast_x, &weight = cast_weight;
  check_operands("linear", "input", x, "weight", weight);
  Tensor y = run_linear(x, weight, nullptr);
  if (needs_grad(x, weight)) {
    LinearRule rule{Saved::by_recipe(x, tracks_grad(weight)), Saved(weight, tracks_grad(x)), x.shape(), weight.shape()};
    record("linear", y, {&x, &weight},
           [rule = std::move(rule)](const Tensor& g, Needs needs) { return rule.gradients<2>(g, needs); });
  }
  return y;
}

Tensor linear(const Tensor& own_x, const Tensor& own_weight, const Tensor& own_bias) {
  if (!own_bias.defined()) return linear(own_x, own_weight);
  const Autocast cast_x(kProducts, own_x), cast_weight(kProducts, own_weight), cast_bias(kProducts, own_bias);
  const Tensor &x = cast_x, &weight = cast_weight, &bias = cast_bias;
  check_same_device("linear", {{"input", &x}, {"weight", &weight}, {"bias", &bias}});
  check_operands("linear", "input", x, "weight", weight);
  check_dtype("linear", "bias", bias, x.dtype());
  Tensor y = run_linear(x, weight, &bias);
  if (needs_grad(x, weight, bias)) {
    LinearRule rule{Saved::by_recipe(x, tracks_grad(weight)), Saved(weight, tracks_grad(x)), x.shape(), weight.shape()};
    record("linear", y, {&x, &weight, &bias},
           [rule = std::move(rule)](const Tensor& g, Needs needs) { return rule.gradients<3>(g, needs); });
  }
  return y;
}

}  // namespace mote
