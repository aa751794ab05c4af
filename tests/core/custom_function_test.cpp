// A user's own operations.
#include "mote/custom_function.h"

#include "mote/core.h"
#include "mote/testing.h"
#include "support/catch.h"

namespace mote::testing {

namespace {

using Tensors = std::vector<Tensor>;

Tensor input(const Shape& shape) { return (rand(shape, {.dtype = float64}) + 0.5).requires_grad_(); }

struct Cube : Function<Cube> {
  static constexpr const char* name = "cube";
  static Tensor forward(AutogradContext& context, const Tensor& x) {
    CHECK_FALSE(is_grad_enabled());
    context.save_for_backward({x});
    return x * x * x;
  }
  static Tensor backward(AutogradContext& context, const Tensor& g) {
    return g * 3.0 * square(context.saved_tensors()[0]);
  }
};

struct Exp : Function<Exp> {  // saves its output
  static Tensor forward(AutogradContext& context, const Tensor& x) {
    const Tensor y = exp(x);
    context.save_for_backward({y});
    return y;
  }
  static Tensor backward(AutogradContext& context, const Tensor& g) { return g * context.saved_tensors()[0]; }
};

// scale * a * b and a + sum of others, with an argument of each kind.
struct Mixed : Function<Mixed> {
  static Tensors forward(AutogradContext& context, const Tensor& a, double scale, const Tensor& b,
                         const Tensors& others) {
    context.save_for_backward({a, Tensor(), b});
    context.saved_data["scale"] = scale;
    Tensor sum = a.clone();
    for (const Tensor& other : others) sum = sum + other;
    return {a * b * scale, sum};
  }
  static Tensors backward(AutogradContext& context, const Tensors& g) {
    const Tensors saved = context.saved_tensors();
    CHECK_FALSE(saved[1].defined());
    const auto scale = std::any_cast<double>(context.saved_data.at("scale"));
    Tensors result = {g[0] * saved[2] * scale + g[1], Tensor()};
    if (context.needs_input_grad(1)) result[1] = g[0] * saved[0] * scale;
    for (int i = 0; i < 2; ++i) result.push_back(g[1]);
    return result;
  }
};

// Its input as it is, with the gradient turned round (Ganin and Lempitsky 2015).
struct Reverse : Function<Reverse> {
  static Tensor forward(AutogradContext&, const Tensor& x) { return x; }
  static Tensor backward(AutogradContext&, const Tensor& g) { return -g; }
};

struct Sorted : Function<Sorted> {
  static Tensors forward(AutogradContext& context, const Tensor& x) {
    const ValuesAndIndices sorted = sort(x, 0);
    const Tensor count = full_like(x, static_cast<double>(x.numel()));
    context.save_for_backward({sorted.indices});
    context.mark_non_differentiable({count});
    return {sorted.values, sorted.indices, count};
  }
  static Tensors backward(AutogradContext& context, const Tensors& g) {
    CHECK(g[2].sum().item<double>() == 0.0);
    return {zeros_like(g[0]).scatter_add(0, context.saved_tensors()[0], g[0])};
  }
};

template <int kWhat>
struct Wrong : Function<Wrong<kWhat>> {
  static constexpr const char* name = "wrong";
  static Tensor forward(AutogradContext&, const Tensor& a, const Tensor&) { return a * 1.0; }
  static Tensors backward(AutogradContext&, const Tensor& g) {
    if (kWhat == 0) return {g};
    if (kWhat == 1) return {g.unsqueeze(0), Tensor()};
    if (kWhat == 2) return {g.to("meta"), Tensor()};
    return {g.to(float32), Tensor()};
  }
};

}  // namespace

TEST_CASE("custom function: its gradient is used, and can be differentiated again") {
  manual_seed(1);
  const Tensor x = tensor({1.0, 2.0}, {.dtype = float64, .requires_grad = true});
  const Tensor y = Cube::apply(x);
  CHECK(std::string(y.grad_fn()->name()) == "cube");
  y.sum().backward();
  CHECK(equal(x.grad(), tensor({3.0, 12.0}, {.dtype = float64})));
  for (const auto& function : {&Cube::apply<Tensor>, &Exp::apply<Tensor>, &Reverse::apply<Tensor>}) {
    const auto on_list = [&](const Tensors& in) { return function(in[0] * 1.0); };
    if (function == &Reverse::apply<Tensor>) continue;  // wrong on purpose
    CHECK(gradcheck(on_list, {input({3})}));
    CHECK(gradgradcheck(on_list, {input({3})}));
  }
}

TEST_CASE("custom function: several inputs and outputs, numbers and lists among the arguments") {
  manual_seed(2);
  const TensorFunction function = [](const Tensors& in) {
    return Mixed::apply(in[0], 2.5, in[1], Tensors{in[2], in[3]});
  };
  const Tensors inputs = {input({3}), input({3}), input({3}), input({3})};
  CHECK(gradcheck(function, inputs));
  CHECK(gradgradcheck(function, inputs));
  const Tensors constant_b = {inputs[0], inputs[1].detach(), inputs[2].detach(), inputs[3]};
  CHECK(gradcheck(function, constant_b));
  const Tensors outputs = function(inputs);
  outputs[1].sum().backward();  // the other output got no gradient: zeros arrive
  CHECK(equal(inputs[1].grad(), zeros({3}, {.dtype = float64})));
  CHECK_FALSE(Mixed::apply(inputs[0].detach(), 1.0, inputs[1].detach(), Tensors{})[0].requires_grad());
}

TEST_CASE("custom function: an input may be returned as it is") {
  const Tensor x = tensor({1.0, 2.0}, {.requires_grad = true});
  const Tensor y = Reverse::apply(x);
  CHECK_FALSE(is_same(x, y));
  CHECK(y.data_ptr() == x.data_ptr());
  CHECK(x.is_leaf());
  y.sum().backward();
  CHECK(equal(x.grad(), tensor({-1.0, -1.0})));
}

TEST_CASE("custom function: outputs without a gradient") {
  const Tensor x = tensor({3.0, 1.0, 2.0}, {.requires_grad = true});
  const Tensors y = Sorted::apply(x);
  CHECK(y[0].requires_grad());
  CHECK_FALSE(y[1].requires_grad());
  CHECK_FALSE(y[2].requires_grad());
  (y[0] * tensor({1.0, 10.0, 100.0})).sum().backward();
  CHECK(equal(x.grad(), tensor({100.0, 1.0, 10.0})));
}

TEST_CASE("custom function: what is saved is watched and released") {
  const Tensor x = tensor({1.0, 2.0}, {.requires_grad = true});
  const Tensor y = x * 1.0, cube = Cube::apply(y);
  y.add_(1.0);
  CHECK_THAT(message_of<StateError>([&] { cube.sum().backward(); }), contains("cube: a tensor of shape [2]"));
  const Tensor z = Exp::apply(x);
  z.sum().backward();
  CHECK_THAT(message_of<StateError>([&] { z.sum().backward(); }), contains("'custom function' saved for it is gone"));
}

TEST_CASE("custom function: a wrong backward is refused with its name") {
  const Tensor a = ones({3}, {.dtype = float64}).requires_grad_(), b = ones({2}, {.dtype = float64}).requires_grad_();
  CHECK_THAT(message_of<StateError>([&] { Wrong<0>::apply(a, b).sum().backward(); }),
             contains("wrong: expected backward to give a gradient for each of 2 tensor arguments, but got 1"));
  CHECK_THAT(
      message_of<ShapeError>([&] { Wrong<1>::apply(a, b).sum().backward(); }),
      contains("wrong: expected backward to give a gradient of shape [3] for tensor argument 0, but got [1, 3]"));
  CHECK_THAT(message_of<DeviceError>([&] { Wrong<2>::apply(a, b).sum().backward(); }), contains("got one on meta"));
  CHECK_FALSE(a.grad().defined());
  Wrong<3>::apply(a, b).sum().backward();
  CHECK(a.grad().dtype() == float64);
}

}  // namespace mote::testing
