// The in-place forms of element-wise operations.
#include <cmath>

#include "mote/core.h"
#include "support/catch.h"

namespace mote::testing {

TEST_CASE("in-place operations change their tensor, views included, and return it") {
  const Tensor x = ones({3, 4});
  const Tensor column = x.select(1, 1);
  const uint32_t version = x.version();
  CHECK(is_same(column.add_(2), column));
  column *= tensor({1, 2, 3});
  column.sub_(tensor({1.0, 1.0, 1.0}), 0.5);
  CHECK(equal(column, tensor({2.5, 5.5, 8.5})));
  CHECK(equal(x.select(1, 0), ones({3})));
  CHECK(x.version() == version + 3);
  x.zero_();
  CHECK(equal(x, zeros({3, 4})));
  x.fill_(4).sqrt_().div_(4).exp_().log_().neg_().abs_();
  CHECK(allclose(x, full({3, 4}, 0.5)));
  x.pow_(2).reciprocal_().rsqrt_().sin_().cos_().tanh_().sigmoid_().relu_();
  CHECK(x[0][0].item<double>() == Approx(1 / (1 + std::exp(-std::tanh(std::cos(std::sin(0.5)))))));
  x.fill_(2.5).round_();
  CHECK(equal(x, full({3, 4}, 2.0)));
  x.add_(0.5)
      .floor_()
      .clamp_(0, 1.5)
      .lerp_(full({4}, 3.5), 0.5)
      .addcmul_(ones({4}), ones({4}), 2)
      .addcdiv_(ones({4}), ones({4}), -1);
  CHECK(equal(x, full({3, 4}, 3.5)));
}

TEST_CASE("an in-place result must fit its tensor in shape and kind") {
  CHECK_THAT(message_of<ShapeError>([] {
               ones({2}).add_(ones({3, 2}));
             }),
             contains("add_: the result has shape [3, 2], which does not fit into self of shape [2]"));
  CHECK_THAT(message_of<DTypeError>([] { tensor({1}).add_(1.5); }),
             contains("add_: the result has dtype float32, which cannot be cast to that of self, int64"));
  CHECK_THROWS_AS(tensor({1}).div_(2), DTypeError);
  CHECK(equal(tensor({7, -7}).floor_divide_(2), tensor({3, -4})));
  CHECK(equal(tensor({7, -7}).remainder_(tensor({4, 4})), tensor({3, 1})));
  CHECK_THROWS_AS(tensor({7}).floor_divide_(2.0), DTypeError);
  CHECK_THROWS_AS(tensor({7}).remainder_(2.5), DTypeError);
  CHECK_THROWS_AS(tensor({true}).remainder_(2), DTypeError);
  CHECK_THROWS_AS(tensor({1}).exp_(), DTypeError);
  CHECK_THROWS_AS(tensor({true}).add_(1), DTypeError);
  CHECK_THROWS_AS(tensor({true}).square_(), DTypeError);
  CHECK_THROWS_AS(tensor({1}).mul_(tensor(1.5)), DTypeError);
  // Within a kind the result is narrowed.
  const Tensor small = tensor({1, 2}).to(int32);
  small.add_(tensor({10, 20}));
  CHECK(equal(small, tensor({11, 22}).to(int32)));
  const Tensor half = ones({2}, {.dtype = float16});
  half.mul_(full({2}, 1.5, {.dtype = float64}));
  CHECK(equal(half, full({2}, 1.5, {.dtype = float16})));
}

TEST_CASE("comparisons and logic in place keep the dtype of their tensor") {
  const Tensor zero = tensor({1.0, 0.0, 0.0});
  const auto changed = [](auto change) {
    const Tensor x = tensor({1.0, 2.0, 0.0});
    CHECK(is_same(change(x), x));
    return x;
  };
  const auto is = [](const Tensor& x, double a, double b, double c) { return equal(x, tensor({a, b, c})); };
  CHECK(is(changed([&](const Tensor& x) { return x.eq_(zero); }), 1, 0, 1));
  CHECK(is(changed([&](const Tensor& x) { return x.ne_(zero); }), 0, 1, 0));
  CHECK(is(changed([&](const Tensor& x) { return x.lt_(1); }), 0, 0, 1));
  CHECK(is(changed([&](const Tensor& x) { return x.le_(zero); }), 1, 0, 1));
  CHECK(is(changed([&](const Tensor& x) { return x.gt_(1); }), 0, 1, 0));
  CHECK(is(changed([&](const Tensor& x) { return x.ge_(1); }), 1, 1, 0));
  CHECK(is(changed([&](const Tensor& x) { return x.logical_and_(zero); }), 1, 0, 0));
  CHECK(is(changed([&](const Tensor& x) { return x.logical_or_(zero); }), 1, 1, 0));
  CHECK(is(changed([&](const Tensor& x) { return x.logical_xor_(zero); }), 0, 1, 0));
  CHECK(is(changed([&](const Tensor& x) { return x.logical_not_(); }), 0, 0, 1));
  CHECK(equal(tensor({1, 2, 0}).bitwise_or_(tensor({1, 3, 4})), tensor({1, 3, 4})));
  CHECK(equal(tensor({1, 0}).bitwise_not_(), tensor({-2, -1})));
  CHECK(equal(tensor({true, false}).eq_(tensor({1.5, 0.0})), tensor({false, true})));
  CHECK(equal(tensor({1, 0}).to(int32).eq_(tensor({1.5, 0.0})), tensor({0, 1}).to(int32)));
  const Tensor square = tensor({{1.0, 2.0}, {3.0, 1.0}});
  square.eq_(square.t());
  CHECK(equal(square, tensor({{1.0, 0.0}, {0.0, 1.0}})));
  CHECK_THROWS_AS(tensor({1.0}).bitwise_and_(tensor({1})), DTypeError);
  CHECK_THROWS_AS(tensor({{1, 0}}).eq_(ones({2, 2})), ShapeError);
}

TEST_CASE("running sums in place keep the dtype of their tensor and wrap around") {
  const Tensor x = tensor({{1.0, 2.0}, {3.0, 4.0}});
  x.t().cumsum_(0);
  CHECK(equal(x, tensor({{1.0, 3.0}, {3.0, 7.0}})));
  CHECK(equal(full({3}, INT32_MAX, {.dtype = int32}).cumsum_(0),
              tensor({INT32_MAX, -2, INT32_MAX - 2}, {.dtype = int32})));
  CHECK(equal(full({4}, 100, {.dtype = uint8}).cumsum_(0), tensor({100, 200, 44, 144}, {.dtype = uint8})));
  CHECK_THROWS_AS(tensor({true}).cumsum_(0), DTypeError);
  CHECK_THROWS_AS(x.cumsum_(2), IndexError);
}

TEST_CASE("a failed in-place operation leaves its tensor as it was") {
  const Tensor x = tensor({1, 2, 3});
  CHECK_THROWS_AS(x.add_(1.5), DTypeError);
  CHECK_THROWS_AS(x.masked_fill_(tensor({true}).expand({2}), 0), ShapeError);
  CHECK(equal(x, tensor({1, 2, 3})));
  CHECK(x.version() == 0);
}

TEST_CASE("operands that overlap their result are read before it is written") {
  const Tensor x = arange(8, {.dtype = float32});
  x.slice(0, 1).add_(x.slice(0, 0, 7));
  CHECK(equal(x, tensor({0., 1., 3., 5., 7., 9., 11., 13.})));
  const Tensor y = arange(6, {.dtype = float32}).reshape({2, 3});
  y.mul_(y[1]);
  CHECK(equal(y, tensor({{0., 4., 10.}, {9., 16., 25.}})));
  const Tensor z = arange(5);
  z.slice(0, 1).copy_(z.slice(0, 0, 4));
  CHECK(equal(z, tensor({0, 0, 1, 2, 3})));
  const Tensor w = tensor({3.0, 5.0});
  w.add_(w);
  w.div_(w[0]);
  CHECK(equal(w, tensor({6.0, 10.0}) / 6.0));
  const Tensor m = arange(9, {.dtype = float32}).reshape({3, 3});
  const Tensor expected = m + m.t();
  m.add_(m.t());
  CHECK(equal(m, expected));
  const Tensor mask = tensor({true, true, false, false});
  mask.slice(0, 1).masked_fill_(mask.slice(0, 0, 3), true);
  CHECK(equal(mask, tensor({true, true, true, false})));
  const Tensor other = tensor({true, true, false, false});
  other.slice(0, 1).masked_fill_(other.slice(0, 0, 3), tensor(true));
  CHECK(equal(other, mask));
}

TEST_CASE("assigning to a temporary writes through a view, and refuses a copy") {
  const Tensor x = zeros({2, 2});
  x[0] = tensor({1.0, 2.0});
  x.index({1, Slice(1)}) = 3.0;
  CHECK(equal(x, tensor({{1.0, 2.0}, {0.0, 3.0}})));
  CHECK_THAT(message_of<StateError>([&] { x.index({x > 1.0}) = 0.0; }), contains("index_put_"));
  CHECK_THROWS_AS((x.index({tensor({0, 1})}) = x), StateError);
  float memory[2] = {};
  from_blob(memory, {2}) = tensor({4.0, 5.0});  // somebody else sees this memory
  CHECK(memory[1] == 5.0F);
}

TEST_CASE("elements that several indices share cannot be written") {
  CHECK_THROWS_AS(ones({1}).expand({3}).add_(1), ShapeError);
  CHECK_THROWS_AS(ones({1}).expand({3}).fill_(1), ShapeError);
}

TEST_CASE("a leaf that requires grad is changed only without recording") {
  const Tensor x = ones({2}, {.requires_grad = true});
  CHECK_THROWS_AS(x.add_(1), StateError);
  CHECK_THROWS_AS(x.fill_(1), StateError);
  {
    const NoGradGuard no_grad;
    x.add_(1);
  }
  CHECK(equal(x, full({2}, 2.0)));
  CHECK(x.is_leaf());
}

TEST_CASE("gradients flow through in-place operations") {
  const auto run = [](auto change) {
    const Tensor x = tensor({0.5, 2.0}, {.dtype = float64, .requires_grad = true});
    const Tensor y = x * 1.0;
    change(y, x);
    (y * tensor({1.0, 10.0}, {.dtype = float64})).sum().backward();
    return x.grad();
  };
  const auto near = [](const Tensor& got, double a, double b) {
    return allclose(got, tensor({a, b}, {.dtype = float64}));
  };
  CHECK(near(run([](const Tensor& y, const Tensor&) { y.exp_(); }), std::exp(0.5), 10 * std::exp(2.0)));
  CHECK(near(run([](const Tensor& y, const Tensor& x) { y.mul_(x); }), 1.0, 40.0));
  CHECK(near(run([](const Tensor& y, const Tensor& x) { y.add_(x, 2); }), 3.0, 30.0));
  CHECK(near(run([](const Tensor& y, const Tensor&) { y.pow_(3); }), 0.75, 120.0));
  CHECK(near(run([](const Tensor& y, const Tensor&) { y.pow_(full({2}, 3.0)); }), 0.75, 120.0));
  CHECK(near(run([](const Tensor& y, const Tensor&) { y.square_(); }), 1.0, 40.0));
  CHECK(near(run([](const Tensor& y, const Tensor&) { y.clamp_(0.0, 1.0); }), 1.0, 0.0));
  CHECK(near(run([](const Tensor& y, const Tensor&) { y.masked_fill_(y > 1.0, 0.0); }), 1.0, 0.0));
  CHECK(near(run([](const Tensor& y, const Tensor&) { y[1].zero_(); }), 1.0, 0.0));
  CHECK(near(run([](const Tensor& y, const Tensor& x) { y.copy_(x * x); }), 1.0, 40.0));
  CHECK(near(run([](const Tensor& y, const Tensor& x) { y[0].copy_(x[1]); }), 0.0, 11.0));
  CHECK(near(run([](const Tensor& y, const Tensor&) { y.fill_(3); }), 0.0, 0.0));
  CHECK(near(run([](const Tensor& y, const Tensor&) { y.gt_(1); }), 0.0, 0.0));
  CHECK(near(run([](const Tensor& y, const Tensor&) { y.logical_not_(); }), 0.0, 0.0));
  CHECK(near(run([](const Tensor& y, const Tensor&) { y.cumsum_(0); }), 11.0, 10.0));
}

TEST_CASE("copy_ gives what it overwrites a gradient of zeros") {
  const Tensor x = ones({3}, {.requires_grad = true}), y = ones({3}, {.requires_grad = true});
  x.clone().copy_(y).sum().backward();
  REQUIRE(x.grad().defined());
  CHECK(equal(x.grad(), zeros({3})));
  CHECK(equal(y.grad(), ones({3})));
  const Tensor z = ones({3}, {.requires_grad = true}), overwritten = z.clone().copy_(zeros({3}));
  CHECK(overwritten.requires_grad());
  overwritten.sum().backward();
  CHECK(equal(z.grad(), zeros({3})));
}

TEST_CASE("a tensor without gradient takes over that of what is written into it") {
  const Tensor x = ones({2, 2}, {.requires_grad = true});
  const Tensor out = zeros({2});
  out.copy_(x[1] * 3.0);
  CHECK(out.requires_grad());
  const Tensor narrow = zeros({2}, {.dtype = float16});
  narrow.add_(out);
  narrow.sum().backward();
  CHECK(equal(x.grad(), tensor({{0., 0.}, {3., 3.}})));
}

}  // namespace mote::testing
