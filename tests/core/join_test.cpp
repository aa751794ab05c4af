// cat, stack, split, chunk, unbind.
#include "mote/core.h"
#include "mote/testing.h"
#include "support/catch.h"
#include "support/fake_backend.h"

namespace mote::testing {

namespace {

using Tensors = std::vector<Tensor>;

Tensor iota(const Shape& shape) { return arange(shape.numel(), {.dtype = float64}).reshape(shape); }
Tensor input(const Shape& shape) { return (iota(shape) * 0.1 + 0.05).requires_grad_(); }

}  // namespace

TEST_CASE("cat joins along a dimension") {
  const Tensor a = tensor({{1, 2}, {3, 4}}), b = tensor({{5, 6}});
  CHECK(equal(cat({a, b}), tensor({{1, 2}, {3, 4}, {5, 6}})));
  CHECK(equal(cat({a, b.t()}, -1), tensor({{1, 2, 5}, {3, 4, 6}})));
  CHECK(equal(cat({a.t(), a}, 1), tensor({{1, 3, 1, 2}, {2, 4, 3, 4}})));
  CHECK(equal(cat({a}), a));
  CHECK_FALSE(is_same(cat({a}), a));
}

TEST_CASE("cat promotes dtypes and passes over empty tensors of one dimension") {
  CHECK(cat({tensor({1}), tensor({1.5})}).dtype() == float32);
  CHECK(equal(cat({tensor({1}), tensor({1.5}), tensor({true})}), tensor({1.0, 1.5, 1.0})));
  CHECK(cat({zeros({1}, {.dtype = float16}), zeros({1}, {.dtype = bfloat16})}).dtype() == float32);
  CHECK(cat({zeros({0}), ones({2, 3})}, 1).shape() == Shape({2, 3}));
  CHECK(cat({zeros({0}), zeros({0}, {.dtype = float64})}).dtype() == float64);
  CHECK(cat({zeros({2, 0}), ones({2, 3}), zeros({2, 0})}, 1).shape() == Shape({2, 3}));
}

TEST_CASE("cat and stack say what does not fit") {
  CHECK_THAT(message_of<ShapeError>([] {
               cat({zeros({2, 3}), zeros({2, 3}), zeros({3, 4})});
             }),
             contains("tensors[0] of shape [2, 3] and tensors[2] of shape [3, 4]"));
  CHECK_THROWS_AS(cat({zeros({2, 3}), zeros({3})}), ShapeError);
  CHECK_THROWS_AS(cat({tensor(1.0)}), ShapeError);
  CHECK_THROWS_AS(cat({}), ValueError);
  CHECK_THROWS_AS(cat({zeros({2})}, 1), IndexError);
  CHECK_THROWS_AS(cat({zeros({2}), Tensor()}), StateError);
  CHECK_THAT(message_of<ShapeError>([] { stack({zeros({2}), zeros({3})}); }), contains("tensors[1] of shape [3]"));
  FakeBackend fake;
  const BackendOverride guard(DeviceType::CUDA, fake);
  const Tensor x = zeros({2});
  CHECK_THAT(message_of<DeviceError>([&] {
               cat({x, x, x.to("cuda")});
             }),
             contains("cat: expected tensors[0] and tensors[2] to be on the same device"));
}

TEST_CASE("stack makes a new dimension") {
  const Tensor a = tensor({1, 2}), b = tensor({3, 4});
  CHECK(equal(stack({a, b}), tensor({{1, 2}, {3, 4}})));
  CHECK(equal(stack({a, b}, -1), tensor({{1, 3}, {2, 4}})));
  CHECK(equal(stack({tensor(1), tensor(2)}), a));
  CHECK(stack({zeros({0}), zeros({0})}).shape() == Shape({2, 0}));
}

TEST_CASE("split, chunk and unbind give views") {
  const Tensor x = iota({5, 2});
  const Tensors parts = split(x, 2);
  REQUIRE(parts.size() == 3);
  CHECK(parts[2].shape() == Shape({1, 2}));
  parts[1].fill_(-1.0);
  CHECK(x.index({3, 1}).item<double>() == -1.0);
  const Tensors sized = split(x, {1, 0, 4});
  CHECK(sized[1].shape() == Shape({0, 2}));
  CHECK(sized[2].storage_offset() == 2);
  CHECK(chunk(x, 3).size() == 3);
  CHECK(chunk(x, 3)[2].shape() == Shape({1, 2}));
  CHECK(chunk(x, 4).size() == 3);  // 2 + 2 + 1, as PyTorch
  CHECK(chunk(zeros({0}), 3).size() == 3);
  CHECK(split(zeros({0}), 2).size() == 1);
  CHECK(unbind(x, 1).size() == 2);
  CHECK(equal(unbind(x, 1)[1], x.select(1, 1)));
  CHECK(unbind(zeros({0, 3})).empty());
  CHECK_THROWS_AS(split(x, {2, 2}), ShapeError);
  CHECK_THROWS_AS(split(x, 0), ValueError);
  CHECK_THROWS_AS(chunk(x, 0), ValueError);
  CHECK_THROWS_AS(unbind(tensor(1.0)), ShapeError);
}

TEST_CASE("gradients of joining and cutting") {
  const auto check = [](const Tensors& inputs, const std::function<Tensor(const Tensors&)>& function) {
    const auto squared = [&](const Tensors& x) { return square(function(x)); };
    CHECK(gradcheck(squared, inputs));
    CHECK(gradgradcheck(squared, inputs));
  };
  check({input({2, 3}), input({2, 1})}, [](const Tensors& x) { return cat({x[0], x[1], x[0]}, 1); });
  check({input({3}), input({0})}, [](const Tensors& x) { return cat({x[1], x[0]}); });
  check({input({2, 3}), input({2, 3})}, [](const Tensors& x) { return stack({x[0], x[1]}, 1); });
  check({input({5, 2})}, [](const Tensors& x) { return split(x[0], 2)[1] * split(x[0], {2, 3})[0]; });
  check({input({3, 6})}, [](const Tensors& x) {
    const Tensors qkv = chunk(x[0], 3, 1);
    return qkv[0] * qkv[2];  // one part is not used
  });
  check({input({3, 2})}, [](const Tensors& x) {
    const Tensors rows = unbind(x[0]);
    return rows[0] * rows[2];
  });
}

TEST_CASE("cat gives each input a gradient of its own dtype") {
  const Tensor a = ones({2}).requires_grad_(), b = ones({2}, {.dtype = float64}).requires_grad_();
  cat({a, b}).sum().backward();
  CHECK(a.grad().dtype() == float32);
  CHECK(b.grad().dtype() == float64);
}

}  // namespace mote::testing
