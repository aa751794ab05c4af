// Trading time for memory: a checkpointed function runs again in backward.
#include "mote/core.h"
#include "mote/testing.h"
#include "support/catch.h"
#include "support/fake_backend.h"

namespace mote::testing {

namespace {

using Tensors = std::vector<Tensor>;

Tensor input(const Shape& shape) { return randn(shape, {.dtype = float64}).requires_grad_(); }

}  // namespace

TEST_CASE("checkpoint: the same values and gradients, also of tensors that the function captures") {
  manual_seed(1);
  const Tensor x = input({3, 4}), w = input({4, 2}), unused = input({1});
  const auto function = [&](const Tensors& in) { return tanh(matmul(in[0], w)) * in[0].sum(); };
  const Tensor direct = function({x});
  const Tensors expected = grad({direct.sum()}, {x, w});
  const Tensor y = checkpoint(function, {x, unused});
  CHECK(equal(y, direct));
  CHECK(std::string(y.grad_fn()->name()) == "checkpoint");
  y.sum().backward();
  CHECK(equal(x.grad(), expected[0]));
  CHECK(equal(w.grad(), expected[1]));
  CHECK_FALSE(unused.grad().defined());
}

TEST_CASE("checkpoint: the function runs twice, and draws the same random numbers") {
  manual_seed(2);
  const Tensor x = ones({50}).requires_grad_();
  int runs = 0;
  const auto drop = [&](const Tensors& in) {
    ++runs;
    return in[0] * (rand({50}) > 0.5).to(float32);
  };
  const Tensor y = checkpoint(drop, {x});
  const Tensor between = rand({3});
  y.sum().backward();
  CHECK(runs == 2);
  CHECK(equal(x.grad(), y.detach()));
  const Tensor after = rand({3});
  manual_seed(2);
  rand({50});
  CHECK(equal(between, rand({3})));
  CHECK(equal(after, rand({3})));  // the replay left no trace in the stream
}

TEST_CASE("checkpoint: within one another, and one after the other") {
  manual_seed(3);
  const Tensor x = input({4});
  const auto inner = [](const Tensors& in) { return sin(in[0]) * in[0]; };
  const auto outer = [&](const Tensors& in) { return checkpoint(inner, {exp(in[0])}) + in[0]; };
  const Tensor expected = grad({(inner({exp(x)}) + x).sum()}, {x})[0];
  checkpoint(outer, {x}).sum().backward();
  CHECK(allclose(x.grad(), expected));
  x.set_grad(Tensor());
  checkpoint(inner, {checkpoint(inner, {x})}).sum().backward();
  CHECK(allclose(x.grad(), grad({inner({inner({x})}).sum()}, {x})[0]));
}

TEST_CASE("checkpoint: keeps its inputs and output only") {
  FakeBackend fake;
  const BackendOverride guard(DeviceType::CUDA, fake);
  const Tensor x = ones({8}).to("cuda").requires_grad_();
  const auto deep = [](const Tensors& in) {
    Tensor y = in[0];
    for (int i = 0; i < 10; ++i) y = tanh(y);
    return y;
  };
  const size_t before = fake.live_allocations();
  const Tensor y = checkpoint(deep, {x});
  CHECK(fake.live_allocations() == before + 1);
  const Tensor z = deep({x});
  CHECK(fake.live_allocations() == before + 11);
}

TEST_CASE("checkpoint: without gradients, and where the function alone has them") {
  const Tensor x = ones({2}), w = ones({2}).requires_grad_();
  int runs = 0;
  const auto function = [&](const Tensors& in) {
    ++runs;
    return in[0] * w;
  };
  checkpoint(function, {x}).sum().backward();
  CHECK(equal(w.grad(), x));
  CHECK(runs == 1);
  const NoGradGuard no_grad;
  CHECK_FALSE(checkpoint(function, {w}).requires_grad());
}

TEST_CASE("checkpoint: what it cannot do is said") {
  const Tensor x = ones({2}).requires_grad_();
  const auto function = [](const Tensors& in) { return exp(in[0]); };
  CHECK_THAT(message_of<StateError>([&] { grad({checkpoint(function, {x}).sum()}, {x}); }), contains("use backward()"));
  CHECK_THAT(message_of<StateError>([&] { checkpoint(function, {x}).sum().backward({.create_graph = true}); }),
             contains("create_graph is not possible"));
  const Tensor y = x * 1.0, z = checkpoint(function, {y});
  y.add_(1.0);
  CHECK_THAT(message_of<StateError>([&] { z.sum().backward(); }), contains("checkpoint: a tensor of shape [2]"));
}

}  // namespace mote::testing
