// gradcheck has to pass right gradients, and to find each kind of wrong one.
#include "mote/core.h"
#include "mote/testing.h"
#include "support/catch.h"
#include "support/fake_backend.h"

namespace mote::testing {

namespace {

using Tensors = std::vector<Tensor>;

Tensor input(const Shape& shape) { return rand(shape, {.dtype = float64}).requires_grad_(); }

// x * x with a rule that is off by `factor` at its first element.
struct WrongSquare : Function<WrongSquare> {
  static Tensor forward(AutogradContext& ctx, const Tensor& x, double) {
    ctx.save_for_backward({x});
    return x * x;
  }
  static Tensor backward(AutogradContext& ctx, const Tensor& g) {
    Tensor factor = ones({3}, {.dtype = float64});
    factor.index_put_({0}, 1.5);
    return g * 2.0 * ctx.saved_tensors()[0] * factor;
  }
};

// sin with a right first derivative that has no second one.
struct FlatSin : Function<FlatSin> {
  static Tensor forward(AutogradContext& ctx, const Tensor& x) {
    ctx.save_for_backward({x});
    return sin(x);
  }
  static Tensor backward(AutogradContext& ctx, const Tensor& g) { return g * cos(ctx.saved_tensors()[0].detach()); }
};

Tensor wrong_shape(const Tensor& x) {
  Tensor y = x.detach() * 2.0;
  if (needs_grad(x)) record("wrong_shape", y, {&x}, [](const Tensor& g) { return (g * 2.0).unsqueeze(0); });
  return y;
}

}  // namespace

TEST_CASE("gradcheck passes right gradients of several inputs and outputs") {
  manual_seed(1);
  const Tensors x = {input({2, 3}), input({3}), rand({2, 3}, {.dtype = float64})};
  const TensorFunction function = [](const Tensors& in) {
    return Tensors{in[0] * in[1] + in[2], exp(in[0]).sum(0), argmax(in[0], 1)};
  };
  CHECK(gradcheck(function, x));
  CHECK(gradgradcheck(function, x));
  CHECK(gradcheck([](const Tensors& in) { return matmul(in[0], in[1]); }, {x[0], x[1]}));
}

TEST_CASE("gradcheck takes inputs of any strides, and puts them back") {
  const Tensor base = rand({3, 4}, {.dtype = float64});
  const Tensor before = base.clone();
  const Tensor x = base.t().slice(0, 0, 4, 2).requires_grad_();
  CHECK_FALSE(x.is_contiguous());
  CHECK(gradcheck([](const Tensors& in) { return sin(in[0]) * in[0]; }, {x}));
  CHECK(equal(base, before));
  CHECK_FALSE(x.grad().defined());
  CHECK(gradcheck([](const Tensors& in) { return in[0] * 2.0; }, {input({})}));
  CHECK(gradcheck([](const Tensors& in) { return in[0] * 2.0; }, {input({0, 3})}));
  CHECK(gradcheck([](const Tensors& in) { return in[0] * in[1]; }, {base.select(0, 0).requires_grad_(), base[1]}));
}

TEST_CASE("gradcheck runs on a device and without grad mode around it") {
  FakeBackend fake;
  const BackendOverride guard(DeviceType::CUDA, fake);
  const Tensor x = rand({3}, {.dtype = float64}).to("cuda").requires_grad_();
  const NoGradGuard no_grad;
  CHECK(gradcheck([](const Tensors& in) { return in[0] * in[0]; }, {x}));
  CHECK(gradgradcheck([](const Tensors& in) { return in[0] * in[0]; }, {x}));
}

TEST_CASE("a wrong gradient is found and placed") {
  const Tensor x = tensor({1.0, 2.0, 3.0}, {.dtype = float64}).requires_grad_();
  const Tensor other = input({2});
  const TensorFunction wrong = [](const Tensors& in) { return Tensors{in[0] * 1.0, WrongSquare::apply(in[1], 0.0)}; };
  CHECK_THAT(message_of<Error>([&] {
               gradcheck(wrong, {other, x});
             }),
             contains("gradcheck: the derivative of output 1 at [0] (shape [3]) with respect to input 1 at [0] (shape "
                      "[3]) is 3 by backward, but "));
  CHECK_FALSE(gradcheck(wrong, {other, x}, {.raise_exception = false}));
  CHECK(gradcheck(wrong, {other, x}, {.atol = 1.1}));
  CHECK_THAT(message_of<Error>([&] { gradcheck([](const Tensors& in) { return wrong_shape(in[0]); }, {x}); }),
             contains("the gradient of input 0 is float64 of shape [1, 3], but the input is float64 of shape [3]"));
}

TEST_CASE("a missing gradient is found") {
  const Tensor x = input({2});
  CHECK_THAT(message_of<Error>([&] { gradcheck([](const Tensors& in) { return in[0].detach() * 2.0; }, {x}); }),
             contains("is 0 by backward"));
}

TEST_CASE("a wrong second derivative is found, where the first is right") {
  const Tensor x = input({2});
  const auto function = [](const Tensors& in) { return FlatSin::apply(in[0]); };
  CHECK(gradcheck(function, {x}));
  CHECK_FALSE(gradgradcheck(function, {x}, {.raise_exception = false}));
  CHECK(gradgradcheck([](const Tensors& in) { return sin(in[0]); }, {x}));
}

TEST_CASE("what cannot be checked is said") {
  const auto identity = [](const Tensors& in) { return in[0] * 1.0; };
  CHECK_THAT(message_of<DTypeError>([&] { gradcheck(identity, {ones({2}).requires_grad_()}); }),
             contains("expected input 0 to be float64"));
  CHECK_THAT(message_of<ValueError>([&] { gradcheck(identity, {ones({2})}); }), contains("none of 1 inputs"));
  CHECK_THAT(message_of<ValueError>([&] { gradcheck(identity, {input({1}).expand({3})}); }), contains("expand"));
  CHECK_THAT(message_of<DeviceError>(
                 [&] { gradcheck(identity, {zeros({1}, {.dtype = float64, .device = "meta"}).requires_grad_()}); }),
             contains("meta"));
  CHECK_THAT(
      message_of<ValueError>([&] { gradgradcheck([](const Tensors& in) { return in[0].detach(); }, {input({1})}); }),
      contains("no output"));
  double calls = 0;
  CHECK_THAT(message_of<Error>([&] { gradcheck([&](const Tensors& in) { return in[0] * ++calls; }, {input({2})}); }),
             contains("draws random numbers"));
}

TEST_CASE("gradgradcheck leaves the random stream alone") {
  manual_seed(5);
  const Tensor expected = rand({2});
  manual_seed(5);
  const Tensor x = ones({2}, {.dtype = float64}).requires_grad_();
  CHECK(gradgradcheck([](const Tensors& in) { return exp(in[0]); }, {x}));
  CHECK(equal(rand({2}), expected));
}

}  // namespace mote::testing
