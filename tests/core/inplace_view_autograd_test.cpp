// In-place changes through views: the base's history and every other view see them, in first and second derivatives.
#include "mote/core.h"
#include "mote/testing.h"
#include "support/catch.h"

namespace mote::testing {

namespace {

using Tensors = std::vector<Tensor>;

Tensor input(const Shape& shape) {
  return (arange(shape.numel(), {.dtype = float64}).reshape(shape) * 0.1 + 0.35).requires_grad_();
}

void check(const Tensors& inputs, const std::function<Tensor(const Tensors&)>& function) {
  CHECK(gradcheck(function, inputs));
  CHECK(gradgradcheck(function, inputs));
}

}  // namespace

TEST_CASE("a change through a view reaches the base") {
  const Tensor x = ones({4}).requires_grad_();
  const Tensor y = x * 1.0;
  y.slice(0, 1, 3).mul_(5.0);
  CHECK(std::string(y.grad_fn()->name()) == "as_strided_scatter");
  y.sum().backward();
  CHECK(equal(x.grad(), tensor({1.0, 5.0, 5.0, 1.0})));
}

TEST_CASE("a change of the base reaches views made before") {
  check({input({3, 2})}, [](const Tensors& x) {
    const Tensor y = x[0] * 1.0;
    const Tensor row = y[1], column = y.t()[0];
    y.mul_(x[0]);
    return row * column.sum();
  });
}

TEST_CASE("a change of one view reaches those that overlap it") {
  check({input({3, 3})}, [](const Tensors& x) {
    const Tensor y = square(x[0]);
    const Tensor row = y[1], column = y.select(1, 1), corner = y.slice(0, 1).slice(1, 1);
    row.mul_(2.0);
    column.mul_(x[0][0]);
    corner.add_(x[0][2][0]);
    return y * row.sum() + corner.sum() * column;
  });
}

TEST_CASE("views of views") {
  check({input({2, 3, 4})}, [](const Tensors& x) {
    const Tensor y = square(x[0]);
    const Tensor inner = y.transpose(0, 2).slice(0, 1, 3).select(1, 2).unsqueeze(0).squeeze();
    inner.mul_(inner.clone());
    y.permute({1, 2, 0}).reshape({12, 2})[3].sin_();
    return y.reshape({6, 4}) * inner.sum();
  });
}

TEST_CASE("several changes of one view in a row") {
  check({input({4}), input({2})}, [](const Tensors& x) {
    const Tensor y = x[0].clone();
    const Tensor part = y.slice(0, 1, 3);
    part.mul_(x[1]).sin_().add_(x[1]).mul_(part.clone());
    return y * y;
  });
}

TEST_CASE("a view gets a value that requires grad, the base does not") {
  const Tensor y = zeros({2, 3}, {.dtype = float64});
  const Tensor other = y.t();
  check({input({3})}, [&](const Tensors& x) {
    const Tensor base = y.clone();
    const Tensor row = base.t();
    base[1].copy_(square(x[0]));
    return row * row;
  });
  CHECK_FALSE(other.requires_grad());
  const Tensor x = input({3});
  y[0].copy_(x);
  CHECK(y.requires_grad());
  CHECK(other.requires_grad());
  (other * 2.0).sum().backward();
  CHECK(equal(x.grad(), full({3}, 2.0, {.dtype = float64})));
}

TEST_CASE("a base that is transposed or lies inside its storage") {
  check({input({2, 3})}, [](const Tensors& x) {
    const Tensor base = zeros({4, 3}, {.dtype = float64}).slice(0, 1, 3).t().detach();  // [3, 2], strides [1, 3]
    base.copy_(x[0].t());
    base[1].mul_(base[2].clone());
    base.t().select(0, 0).mul_(x[0][1]);
    return base * base;
  });
}

TEST_CASE("overwriting cuts the old value off") {
  const Tensor x = input({3});
  const Tensor y = x * 2.0;
  y.slice(0, 0, 2).fill_(1.0);
  (y * y).sum().backward();
  CHECK(x.grad()[0].item<double>() == 0.0);
  CHECK(x.grad()[1].item<double>() == 0.0);
  CHECK(x.grad()[2].item<double>() == Approx(8.0 * x[2].item<double>()));
}

TEST_CASE("parts of split and unbind may be changed") {
  check({input({6})}, [](const Tensors& x) {
    const Tensor y = square(x[0]);
    const Tensors parts = split(y, 2);
    parts[1].mul_(parts[0].clone());
    parts[2].mul_(parts[1].clone());
    const Tensors singles = unbind(y.reshape({2, 3}));
    singles[0].sin_();
    return y * parts[2].sum() + singles[1].sum();
  });
}

TEST_CASE("masked and picked elements of a view") {
  check({input({3, 4}), input({3})}, [](const Tensors& x) {
    const Tensor y = square(x[0]);
    const Tensor view = y.t().slice(0, 1, 4);
    view.index_put_({tensor({0, 2, 0})}, x[1], true);
    view.masked_fill_(view > 1.0, 0.25);
    view.index_put_({Slice(), 1}, x[1]);
    view.scatter_add_(0, tensor({{0, 1, 1}}), x[1].unsqueeze(0));
    return y * y;
  });
}

TEST_CASE("diagonal, as_strided and expanded views") {
  check({input({3, 3})}, [](const Tensors& x) {
    const Tensor y = x[0] * 1.0;
    y.diagonal().mul_(y.diagonal(1).sum());
    y.as_strided({2, 2}, {4, 2}).add_(x[0][0][1]);
    y[0].expand({2, 3});  // makes no difference
    return square(y);
  });
}

TEST_CASE("gradients arrive in order when backward runs twice") {
  const Tensor x = input({4});
  const Tensor y = x * x;
  y.slice(0, 0, 2).mul_(3.0);
  const Tensor loss = y.sum();
  loss.backward({.retain_graph = true});
  const Tensor first = x.grad().clone();
  loss.backward();
  CHECK(allclose(x.grad(), first * 2.0));
}

TEST_CASE("a saved value that a view changes is an error") {
  const Tensor x = input({4});
  const Tensor y = exp(x);
  y.slice(0, 0, 1).fill_(0.0);
  CHECK_THAT(message_of<StateError>([&] { y.sum().backward(); }), contains("in-place"));
  const Tensor z = x * 1.0;
  const Tensor product = z * z;
  z[0].add_(1.0);
  CHECK_THROWS_AS(product.sum().backward(), StateError);
}

TEST_CASE("an operand in the memory that an operation changes is an error when backward needs it") {
  const Tensor y = input({2, 3}) * 1.0;
  y[0].mul_(y[1]);
  CHECK_THAT(message_of<StateError>([&] { y.sum().backward(); }), contains("in-place"));
}

TEST_CASE("leaves and overlapping memory are not written") {
  const Tensor x = input({4});
  CHECK_THROWS_AS(x.add_(1.0), StateError);
  CHECK_THROWS_AS(x[0].add_(1.0), StateError);
  CHECK_THROWS_AS(x.index_put_({tensor({0})}, 1.0), StateError);
  CHECK_THROWS_AS(zeros({3}).expand({2, 3}).add_(1.0), ShapeError);
  CHECK_THROWS_AS(arange(5).as_strided({3, 3}, {1, 1}).fill_(0), ShapeError);
  NoGradGuard no_grad;
  CHECK_NOTHROW(x[0].add_(1.0));
}

TEST_CASE("hooks and retained gradients of changed tensors") {
  const Tensor x = input({3});
  const Tensor y = x * 2.0;
  const Tensor view = y.slice(0, 1);
  view.mul_(4.0);
  view.retain_grad();
  view.sum().backward();
  CHECK(equal(view.grad(), ones({2}, {.dtype = float64})));
  CHECK(equal(x.grad(), tensor({0.0, 8.0, 8.0}, {.dtype = float64})));
}

}  // namespace mote::testing
