// Backward, grad, second derivatives, hooks, and what they refuse.
#include "mote/autograd.h"

#include <cmath>
#include <limits>

#include "mote/core.h"
#include "mote/testing.h"
#include "support/catch.h"

namespace mote::testing {

namespace {

using Tensors = std::vector<Tensor>;

Tensor leaf(const NestedList& values) { return tensor(values, {.dtype = float64, .requires_grad = true}); }
Tensor plain(const NestedList& values) { return tensor(values, {.dtype = float64}); }

}  // namespace

TEST_CASE("backward: a scalar expression with shared parts") {
  const Tensor a = leaf(2.0), b = leaf(-3.0);
  const Tensor c = a * b + sin(a), d = c * c + a;
  d.backward();
  const double cv = -6.0 + std::sin(2.0);
  CHECK(a.grad().item<double>() == Approx(2 * cv * (-3.0 + std::cos(2.0)) + 1.0));
  CHECK(b.grad().item<double>() == Approx(2 * cv * 2.0));
  CHECK_FALSE(c.grad().defined());
  CHECK(a.is_leaf());
  CHECK_FALSE(c.is_leaf());
  CHECK(std::string(d.grad_fn()->name()) == "add");
}

TEST_CASE("backward: gradients add up until they are set anew") {
  const Tensor x = leaf({1.0, 2.0});
  x.sum().backward();
  (x * 3.0).sum().backward();
  CHECK(equal(x.grad(), plain({4.0, 4.0})));
  x.set_grad(Tensor());
  CHECK_FALSE(x.grad().defined());
  x.set_grad(plain({10.0, 20.0}));
  x.sum().backward();
  CHECK(equal(x.grad(), plain({11.0, 21.0})));
  CHECK_THROWS_AS(x.set_grad(ones({3}, {.dtype = float64})), ShapeError);
  CHECK_THROWS_AS(x.set_grad(ones({2})), Error);
}

TEST_CASE("backward: a gradient belongs to nobody else") {
  const Tensor x = leaf({1.0, 2.0}), y = leaf({3.0, 4.0}), g = plain({1.0, 1.0});
  (x + y).backward(g);
  x.grad().mul_(5.0);
  CHECK(equal(y.grad(), plain({1.0, 1.0})));
  CHECK(equal(g, plain({1.0, 1.0})));
  x.backward(g);
  CHECK(equal(g, plain({1.0, 1.0})));
  y.set_grad(Tensor());
  y.backward(g, {.create_graph = true});
  y.grad().mul_(7.0);
  CHECK(equal(g, plain({1.0, 1.0})));
}

TEST_CASE("backward: weighted outputs, several outputs, one tensor twice") {
  const Tensor x = leaf({1.0, 2.0});
  (x * x).backward(plain({1.0, 10.0}));
  CHECK(equal(x.grad(), plain({2.0, 40.0})));
  x.set_grad(Tensor());
  const Tensor y = (x * x).sum(), z = x.sum();
  backward({y, z, z}, {Tensor(), plain(2.0), Tensor()});
  CHECK(equal(x.grad(), plain({5.0, 7.0})));
}

TEST_CASE("backward: what it refuses") {
  const Tensor x = leaf({1.0, 2.0});
  CHECK_THAT(message_of<StateError>([] { ones({}).backward(); }),
             contains("output 0 of shape [] does not require grad"));
  CHECK_THAT(message_of<ShapeError>([&] { (x * 2.0).backward(); }), contains("output 0 has shape [2]"));
  CHECK_THAT(message_of<ShapeError>([&] { (x * 2.0).backward(ones({3})); }),
             contains("expected a gradient of shape [2] for output 0, but got [3]"));
  CHECK_THAT(message_of<ShapeError>([&] { backward({x.sum()}, {Tensor(), Tensor()}); }), contains("each of 1 outputs"));
  CHECK_THROWS_AS(Tensor().backward(), StateError);
  CHECK_THROWS_AS(ones({2}, {.dtype = int64}).requires_grad_(), DTypeError);
  CHECK_THROWS_AS((x * 2.0).requires_grad_(false), StateError);
  CHECK_FALSE(x.grad().defined());
}

TEST_CASE("backward twice needs a retained graph, where something was saved") {
  const Tensor x = leaf({1.0, 2.0});
  const Tensor y = exp(x).sum();
  y.backward({.retain_graph = true});
  y.backward();
  CHECK(allclose(x.grad(), exp(x.detach()) * 2.0));
  CHECK_THAT(message_of<StateError>([&] { y.backward(); }),
             contains("what 'exp' saved for it is gone; pass {.retain_graph = true} to the first backward"));
  const Tensor z = (x + x).sum();  // saves nothing
  z.backward();
  CHECK_NOTHROW(z.backward());
}

TEST_CASE("recording follows the mode of the thread") {
  const Tensor x = leaf({1.0, 2.0});
  CHECK((x * 2.0).requires_grad());
  {
    const NoGradGuard no_grad;
    CHECK_FALSE(is_grad_enabled());
    CHECK_FALSE((x * 2.0).requires_grad());
    const EnableGradGuard enable;
    CHECK((x * 2.0).requires_grad());
  }
  CHECK(is_grad_enabled());
  CHECK_FALSE(x.detach().requires_grad());
  CHECK(x.detach().data_ptr() == x.data_ptr());
  const Tensor y = (x * x.detach()).sum();
  y.backward();
  CHECK(equal(x.grad(), x.detach()));
}

TEST_CASE("a frozen leaf gets no gradient, and its branch is not walked") {
  const Tensor x = leaf({1.0, 2.0}), w = plain({3.0, 4.0});
  (x * w).sum().backward();
  CHECK_FALSE(w.grad().defined());
  w.requires_grad_();
  (x * w).sum().backward();
  CHECK(equal(w.grad(), x.detach()));
  w.requires_grad_(false);
  CHECK_FALSE((w * 2.0).requires_grad());
}

TEST_CASE("grad: gives gradients and leaves every .grad alone") {
  const Tensor x = leaf({1.0, 2.0}), w = leaf({3.0, 4.0});
  const Tensor y = x * w, z = (y * y).sum();
  const Tensors grads = grad({z}, {x, y}, {.retain_graph = true});
  CHECK(equal(grads[0], plain({18.0, 64.0})));
  CHECK(equal(grads[1], plain({6.0, 16.0})));
  CHECK_FALSE(x.grad().defined());
  CHECK_FALSE(w.grad().defined());
  CHECK(equal(grad({z}, {z}, {.retain_graph = true})[0], plain(1.0)));
  CHECK(equal(grad({z}, {x, x})[1], plain({18.0, 64.0})));
}

TEST_CASE("grad: unused inputs") {
  const Tensor x = leaf(1.0), unused = leaf(2.0);
  const Tensor y = x * 2.0;
  CHECK_THAT(message_of<StateError>([&] { grad({y}, {unused}); }), contains("input 0 of shape [] was not used"));
  const Tensors grads = grad({y}, {x, unused}, {.allow_unused = true});
  CHECK(grads[0].item<double>() == 2.0);
  CHECK_FALSE(grads[1].defined());
  CHECK_THAT(message_of<StateError>([&] { grad({y}, {plain(1.0)}); }),
             contains("input 0 of shape [] does not require"));
}

TEST_CASE("grad: walks only what leads to its inputs") {
  const Tensor x = leaf(2.0), other = leaf(3.0);
  int calls = 0;
  const Tensor aside = other * 2.0;
  aside.register_hook([&](const Tensor&) {
    ++calls;
    return Tensor();
  });
  const Tensor y = x * x + aside * aside;
  CHECK(grad({y}, {x})[0].item<double>() == 4.0);
  CHECK(calls == 0);
}

TEST_CASE("second and third derivatives") {
  const Tensor x = leaf(0.7);
  const Tensor first = grad({sin(x) * x}, {x}, {.create_graph = true})[0];
  const Tensor second = grad({first}, {x}, {.create_graph = true})[0];
  const Tensor third = grad({second}, {x})[0];
  CHECK(first.item<double>() == Approx(std::sin(0.7) + 0.7 * std::cos(0.7)));
  CHECK(second.item<double>() == Approx(2 * std::cos(0.7) - 0.7 * std::sin(0.7)));
  CHECK(third.item<double>() == Approx(-3 * std::sin(0.7) - 0.7 * std::cos(0.7)));
}

TEST_CASE("a gradient penalty: backward through a gradient") {
  manual_seed(1);
  const Tensor x = randn({4, 3}, {.dtype = float64}).requires_grad_();
  const Tensor w = randn({3, 2}, {.dtype = float64}).requires_grad_();
  const auto penalty = [](const Tensors& in) {
    const Tensor out = tanh(matmul(in[0], in[1]));
    const Tensor g = grad({out.sum()}, {in[0]}, {.create_graph = true})[0];
    return (g.square().sum(1) + 1e-3).sqrt().mean() + out.mean();
  };
  penalty({x, w}).backward();
  CHECK(w.grad().defined());
  const auto checked = [&](const Tensors& in) {
    const EnableGradGuard enable;
    return penalty(in);
  };
  CHECK(gradcheck(checked, {x, w}));
}

TEST_CASE("backward with create_graph records the gradients") {
  const Tensor x = leaf({1.0, 2.0});
  (x * x * x).sum().backward({.create_graph = true});
  const Tensor first = x.grad();
  CHECK(first.requires_grad());
  x.set_grad(Tensor());
  first.sum().backward();
  CHECK(allclose(x.grad(), plain({6.0, 12.0})));
}

TEST_CASE("hooks see and replace gradients") {
  const Tensor x = leaf({1.0, 2.0});
  const Tensor y = x * 2.0;
  Tensors seen;
  y.register_hook([&](const Tensor& g) {
    seen.push_back(g);
    return Tensor();
  });
  const uint64_t id = y.register_hook([](const Tensor& g) { return g * 10.0; });
  x.register_hook([](const Tensor& g) { return g + 1.0; });
  y.sum().backward({.retain_graph = true});
  CHECK(equal(seen.at(0), plain({1.0, 1.0})));
  CHECK(equal(x.grad(), plain({21.0, 21.0})));
  remove_hook(y, id);
  x.set_grad(Tensor());
  y.sum().backward();
  CHECK(equal(x.grad(), plain({3.0, 3.0})));
  CHECK(seen.size() == 2);
  CHECK_THROWS_AS(plain(1.0).register_hook([](const Tensor& g) { return g; }), StateError);
}

TEST_CASE("a hook must return a gradient like the one it was given") {
  const Tensor x = leaf({1.0, 2.0});
  const Tensor y = x * 2.0;
  const uint64_t id = y.register_hook([](const Tensor& g) { return g.sum(); });
  CHECK_THAT(message_of<ShapeError>([&] { y.sum().backward({.retain_graph = true}); }),
             contains("register_hook: a hook on a result of 'mul'") && contains("shape [2]"));
  remove_hook(y, id);
  y.register_hook([](const Tensor& g) { return g.to(float16); });
  CHECK_THROWS_AS(y.sum().backward(), ShapeError);
  CHECK_FALSE(x.grad().defined());
}

TEST_CASE("a hook sees the whole gradient of a tensor that is used twice, once") {
  const Tensor x = leaf(3.0);
  const Tensor y = x * 1.0;
  int calls = 0;
  y.register_hook([&](const Tensor& g) {
    ++calls;
    CHECK(g.item<double>() == 7.0);
    return Tensor();
  });
  (y * 2.0 + y * 5.0).backward();
  CHECK(calls == 1);
}

TEST_CASE("a hook may run another backward") {
  const Tensor x = leaf(3.0), other = leaf(5.0);
  const Tensor y = x * 2.0;
  y.register_hook([&](const Tensor& g) {
    const EnableGradGuard enable;
    (other * other).backward();
    return g;
  });
  grad({y * y}, {x});
  CHECK(other.grad().item<double>() == 10.0);
  (x * 2.0).backward();
  CHECK(x.grad().item<double>() == 2.0);
}

TEST_CASE("retain_grad keeps what a result got, after its hooks") {
  const Tensor x = leaf({1.0, 2.0});
  const Tensor y = x * 2.0;
  y.retain_grad();
  y.retain_grad();
  y.register_hook([](const Tensor& g) { return g * 3.0; });
  (y * y).sum().backward({.retain_graph = true});
  CHECK(equal(y.grad(), plain({12.0, 24.0})));
  CHECK(equal(x.grad(), plain({24.0, 48.0})));
  (y * y).sum().backward();
  CHECK(equal(y.grad(), plain({24.0, 48.0})));
  CHECK_NOTHROW(x.retain_grad());
  CHECK_THROWS_AS(plain(1.0).retain_grad(), StateError);
}

TEST_CASE("anomaly mode names the operation of the first NaN") {
  const Tensor x = leaf({0.0, 1.0});
  const auto loss = [&] { return (sqrt(x) * plain({0.0, 1.0})).sum(); };  // 0 * inf in backward of sqrt
  CHECK_NOTHROW(loss().backward());
  const AnomalyGuard anomaly;
  const std::string message = message_of<StateError>([&] { loss().backward(); });
  CHECK_THAT(message, contains("backward of 'sqrt' gave NaN in the gradient of its input 0 of shape [2]"));
  CHECK_THAT(message_of<StateError>([&] { grad({loss()}, {x}); }), contains("'sqrt'"));
  const AnomalyGuard off(false);
  CHECK_NOTHROW(loss().backward());
}

TEST_CASE("a failed backward leaves nothing behind that disturbs the next") {
  const Tensor x = leaf(2.0);
  const Tensor y = x * 3.0, z = exp(y);
  bool fail = true;
  y.register_hook([&](const Tensor& g) {
    if (fail) throw ValueError("from the hook");
    return g;
  });
  CHECK_THROWS_AS(z.backward({.retain_graph = true}), ValueError);
  CHECK(is_grad_enabled());
  fail = false;
  z.backward({.retain_graph = true});
  CHECK(x.grad().item<double>() == Approx(3.0 * std::exp(6.0)));
  fail = true;
  CHECK_THROWS_AS(grad({z}, {x}, {.retain_graph = true}), ValueError);
  fail = false;
  CHECK(grad({z}, {x})[0].item<double>() == Approx(3.0 * std::exp(6.0)));
}

TEST_CASE("gradients run in a fixed order: the latest operation first") {
  const Tensor x = leaf(1.0);
  std::vector<int> order;
  Tensors parts;
  for (int i = 0; i < 5; ++i) {
    parts.push_back(x * static_cast<double>(i));
    parts.back().register_hook([&order, i](const Tensor&) {
      order.push_back(i);
      return Tensor();
    });
  }
  stack({parts[3], parts[0], parts[4], parts[1], parts[2]}).sum().backward();
  CHECK(order == std::vector<int>{4, 3, 2, 1, 0});
}

TEST_CASE("gradients have the dtype of their tensor") {
  const Tensor x = ones({2}).requires_grad_(), y = ones({2}, {.dtype = float64}).requires_grad_();
  const Tensor z = x * y + x.to(float16).to(float64);
  z.sum().backward();
  CHECK(x.grad().dtype() == float32);
  CHECK(y.grad().dtype() == float64);
  CHECK(equal(x.grad(), tensor({2.0, 2.0})));
}

}  // namespace mote::testing
