// In-place changes: of values that backward needs, of results, of views and of their bases.
#include "mote/core.h"
#include "mote/testing.h"
#include "support/catch.h"

namespace mote::testing {

namespace {

using Tensors = std::vector<Tensor>;

Tensor leaf(const NestedList& values) { return tensor(values, {.dtype = float64, .requires_grad = true}); }
Tensor plain(const NestedList& values) { return tensor(values, {.dtype = float64}); }

// Checks first and second derivatives of an in-place program, which has to work on a copy of its input.
template <class F>
bool checked(F function, const Tensors& inputs) {
  const std::function<Tensor(const Tensors&)> f = function;
  return gradcheck(f, inputs) && gradgradcheck(f, inputs);
}

Tensor input(const Shape& shape) { return (rand(shape, {.dtype = float64}) + 0.5).requires_grad_(); }

const char* const kChanged = "was changed by an in-place operation";

}  // namespace

TEST_CASE("in place: a saved value that was changed is an error, never a wrong gradient") {
  const Tensor x = leaf({1.0, 2.0});
  const auto error = [&](auto change) {
    const Tensor y = x * 1.0, z = exp(y), product = z * y;
    change(y, z);
    return message_of<StateError>([&] { product.sum().backward(); });
  };
  CHECK_THAT(error([](const Tensor&, const Tensor& z) { z.add_(1.0); }), contains(kChanged));
  CHECK_THAT(error([](const Tensor& y, const Tensor&) { y.mul_(2.0); }), contains(kChanged));
  CHECK_THAT(error([](const Tensor& y, const Tensor&) { y[0].zero_(); }), contains(kChanged));
  CHECK_THAT(error([](const Tensor&, const Tensor& z) { z.mul_(z); }), contains(kChanged));
  CHECK_THAT(error([](const Tensor& y, const Tensor&) { y.detach().zero_(); }), contains(kChanged));
  CHECK_THAT(error([](const Tensor& y, const Tensor&) {
               const NoGradGuard no_grad;
               y.copy_(plain({0.0, 0.0}));
             }),
             contains(kChanged));
  CHECK(error([](const Tensor&, const Tensor&) {}) == "(nothing was thrown)");
  CHECK_FALSE(error([](const Tensor&, const Tensor& z) { z.add_(1.0); }).find("mul") == std::string::npos);
}

TEST_CASE("in place: what backward does not need may be changed") {
  const Tensor x = leaf({1.0, 2.0});
  const Tensor y = x * 3.0;
  const Tensor z = y + 1.0;
  y.zero_();
  z.sum().backward();
  CHECK(equal(x.grad(), plain({3.0, 3.0})));
}

TEST_CASE("in place: a parameter that a graph saved may not change before backward") {
  const Tensor w = leaf({1.0, 2.0}), x = leaf({3.0, 4.0});
  const Tensor loss = (w * x).sum();
  {
    const NoGradGuard no_grad;
    w.sub_(0.5);
  }
  CHECK_THAT(message_of<StateError>([&] { loss.backward(); }), contains(kChanged));
  CHECK(equal(w.detach(), plain({0.5, 1.5})));
  CHECK((w * x).sum().item<double>() == Approx(7.5));
}

TEST_CASE("in place: leaves that require grad are protected, except under NoGradGuard") {
  const Tensor x = leaf({1.0, 2.0});
  CHECK_THAT(message_of<StateError>([&] { x.add_(1.0); }), contains("add_: a leaf that requires grad"));
  CHECK_THAT(message_of<StateError>([&] { x[0].zero_(); }), contains("a view of a leaf that requires grad"));
  CHECK_THAT(message_of<StateError>([&] { x[0] = 5.0; }), contains("a view of a leaf"));
  CHECK(equal(x.detach(), plain({1.0, 2.0})));
  const NoGradGuard no_grad;
  const uint32_t version = x.version();
  CHECK_NOTHROW(x.add_(1.0));
  CHECK_NOTHROW(x[0].zero_());
  CHECK(x.version() == version + 2);
  CHECK(x.is_leaf());
  CHECK(equal(x.detach(), plain({0.0, 3.0})));
}

TEST_CASE("in place: results have the history of the change") {
  manual_seed(2);
  CHECK(checked([](const Tensors& in) { return (in[0] * 1.0).mul_(in[1]).exp_().add_(in[0]); },
                {input({2, 3}), input({3})}));
  CHECK(checked(
      [](const Tensors& in) {
        const Tensor y = in[0] * 2.0;
        y.mul_(in[0]);
        return y.div_(in[0] + 1.0).sqrt_();
      },
      {input({3})}));
  CHECK(checked(
      [](const Tensors& in) {
        const Tensor constant = zeros({3}, {.dtype = float64});  // no leaf any more once it took a recorded value
        constant.add_(in[0]).add_(in[0] * in[0]);
        return constant;
      },
      {input({3})}));
}

TEST_CASE("in place: a value that is overwritten gets a gradient of zero") {
  const Tensor x = leaf({1.0, 2.0});
  const Tensor y = x * 2.0;
  y.zero_();
  CHECK(y.requires_grad());
  CHECK_FALSE(y.is_leaf());
  (y + x).sum().backward();
  CHECK(equal(x.grad(), plain({1.0, 1.0})));
  const Tensor z = x * 2.0;
  z.fill_(3.0);
  z.sum().backward();
  CHECK(equal(x.grad(), plain({1.0, 1.0})));
}

TEST_CASE("in place: a change through a view reaches the base") {
  manual_seed(3);
  CHECK(checked(
      [](const Tensors& in) {
        const Tensor y = in[0] * 1.0;
        y.index({Slice(1, 3)}).mul_(in[1]);
        y[0].exp_();
        return y * y;
      },
      {input({4}), input({2})}));
  CHECK(checked(
      [](const Tensors& in) {
        const Tensor y = in[0] * 1.0;
        y.transpose(0, 1).slice(0, 0, 3, 2).add_(in[1]);
        return y.sin();
      },
      {input({2, 3}), input({2, 2})}));
  CHECK(checked(
      [](const Tensors& in) {
        Tensor table = zeros({2, 3}, {.dtype = float64});  // filled row by row
        table[0] = in[0];
        table[1] = in[0] * in[0];
        return table * table;
      },
      {input({3})}));
}

TEST_CASE("in place: a change of the base reaches views that were taken before") {
  manual_seed(4);
  CHECK(checked(
      [](const Tensors& in) {
        const Tensor y = in[0] * 1.0, view = y.slice(0, 1, 3), deeper = view[0];
        y.mul_(in[1]);
        return view * view + deeper;
      },
      {input({4}), input({})}));
  CHECK(checked(
      [](const Tensors& in) {
        const Tensor y = in[0] * 1.0, a = y.slice(0, 0, 3), b = y.slice(0, 1, 4);
        a.mul_(in[0].slice(0, 0, 3));  // overlaps b
        b.exp_();
        return a * 2.0 + b;
      },
      {input({4})}));
  const Tensor x = leaf({1.0, 2.0});
  const Tensor base = zeros({2}, {.dtype = float64}), view = base[1];
  CHECK_FALSE(view.requires_grad());
  base.copy_(x * 2.0);
  CHECK(view.requires_grad());
  view.backward();
  CHECK(equal(x.grad(), plain({0.0, 2.0})));
}

TEST_CASE("in place: views of views, of many shapes") {
  manual_seed(5);
  CHECK(checked(
      [](const Tensors& in) {
        const Tensor y = in[0] * 1.0;
        const Tensor view = y.permute({2, 0, 1}).unsqueeze(0).select(1, 1).squeeze(0).diagonal();
        view.mul_(in[1]);
        y.reshape({6, 2}).narrow(0, 2, 2).tanh_();
        return y;
      },
      {input({2, 3, 2}), input({2})}));
}

TEST_CASE("in place: a view that was made without recording cannot be changed with it") {
  const Tensor x = leaf({1.0, 2.0});
  const Tensor y = x * 1.0;
  Tensor view;
  {
    const NoGradGuard no_grad;
    view = y[0];
    CHECK_NOTHROW(view.add_(1.0));
  }
  CHECK_THAT(message_of<StateError>([&] { view.mul_(x.sum()); }),
             contains("mul_: self is a view that was made under a mote::NoGradGuard"));
  CHECK_NOTHROW(view.mul_(2.0));
  const Tensor cut = y.detach();  // asked for: its changes are no part of y's history
  CHECK_NOTHROW(cut.mul_(x.sum()));
  CHECK(cut.requires_grad());
  CHECK(y.grad_fn() != cut.grad_fn());
}

TEST_CASE("in place: assignment to an index is recorded") {
  manual_seed(6);
  CHECK(checked(
      [](const Tensors& in) {
        Tensor y = in[0] * 1.0;
        y[0] = in[1];
        y.index({Slice(1, None), 0}) = 2.0;
        y.index_put_({tensor({1, 0}), tensor({1, 2})}, in[1].slice(0, 0, 2));
        return y * y;
      },
      {input({2, 3}), input({3})}));
}

TEST_CASE("in place: a tensor with shared elements cannot be written") {
  const Tensor wide = plain({1.0}).expand({3});
  CHECK_THAT(message_of<ShapeError>([&] { wide.add_(1.0); }), contains("several indices share one element"));
}

TEST_CASE("in place: a retained gradient is that of the new value") {
  const Tensor x = leaf({1.0, 2.0});
  const Tensor y = x * 2.0;
  y.retain_grad();
  y.mul_(5.0);
  y[0].mul_(3.0);
  (y * plain({7.0, 11.0})).sum().backward();
  CHECK(equal(y.grad(), plain({7.0, 11.0})));
  CHECK(equal(x.grad(), plain({210.0, 110.0})));
}

TEST_CASE("in place: a failed operation leaves its operand and its history as they were") {
  const Tensor x = leaf({1.0, 2.0});
  const Tensor y = x * 2.0;
  const uint32_t version = y.version();
  const Node* node = y.grad_fn();
  CHECK_THROWS_AS(y.add_(ones({3}, {.dtype = float64})), ShapeError);
  CHECK_THROWS_AS(y.copy_(ones({3}, {.dtype = float64})), ShapeError);
  CHECK(y.version() == version);
  CHECK(y.grad_fn() == node);
  CHECK(equal(y.detach(), plain({2.0, 4.0})));
}

}  // namespace mote::testing
