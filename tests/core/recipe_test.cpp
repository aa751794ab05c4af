// Results that are computed again in backward in place of being kept, and gradients that are overwritten where nobody
// else has them.
#include "mote/recipe.h"

#include <algorithm>
#include <functional>

#include "mote/core.h"
#include "mote/cpu.h"
#include "mote/dlpack.h"
#include "mote/testing.h"
#include "support/catch.h"

namespace mote::testing {

namespace {

using Tensors = std::vector<Tensor>;
using Function = std::function<Tensor(const Tensor&)>;

constexpr int64_t kSize = 512;  // kSize x kSize of float32: just large enough for a recipe
constexpr int64_t kBytes = 4 * kSize * kSize;

Tensor leaf(const Shape& shape = {kSize, kSize}) { return randn(shape).requires_grad_(); }

struct Case {
  const char* name;
  Function function;
};

// What has a recipe.
std::vector<Case> cases() {
  const Tensor weight = leaf({kSize}), bias = leaf({kSize});
  return {{"gelu erf", [](const Tensor& x) { return gelu(x); }},
          {"gelu tanh", [](const Tensor& x) { return gelu(x, Gelu::Tanh); }},
          {"silu", [](const Tensor& x) { return silu(x); }},
          {"layer_norm", [=](const Tensor& x) { return layer_norm(x, {kSize}, weight, bias); }},
          {"layer_norm without bias", [=](const Tensor& x) { return layer_norm(x, {kSize}, weight); }},
          {"layer_norm without weight", [=](const Tensor& x) { return layer_norm(x, {kSize}); }},
          {"rms_norm", [=](const Tensor& x) { return rms_norm(x, {kSize}, weight); }}};
}

int64_t live() { return static_cast<int64_t>(cpu::memory_stats().allocated_bytes); }

}  // namespace

TEST_CASE("recipe: linear keeps no result that can be computed again, and the gradients have the same bits") {
  manual_seed(1);
  const Tensor x = leaf(), w = leaf();
  for (const Case& c : cases()) {
    INFO(c.name);
    const int64_t before = live();
    const Tensor z = linear(c.function(x), w);
    CHECK(live() - before < 2 * kBytes);  // z, and not the other
    const Tensor kept = linear(c.function(x).clone(), w);
    CHECK(equal(z, kept));
    const Tensor direction = randn({kSize, kSize});
    const Tensors got = grad({z}, {x, w}, {.grad_outputs = {direction}});
    const Tensors want = grad({kept}, {x, w}, {.grad_outputs = {direction}});
    CHECK(equal(got[0], want[0]));
    CHECK(equal(got[1], want[1]));
  }
}

TEST_CASE("recipe: small results are kept") {
  const Tensor x = leaf({16, 16}), w = leaf({16, 16});
  const Tensor y = gelu(x);
  CHECK_FALSE(y.grad_fn()->recipe());
  CHECK(gelu(leaf()).grad_fn()->recipe());
  const NoGradGuard no_grad;
  CHECK_FALSE(takes_recipe(gelu(leaf())));
}

TEST_CASE("recipe: a result that a program may have written to is kept") {
  manual_seed(7);
  const Tensor x = leaf(), w = leaf();
  const Tensor y = gelu(x);
  std::fill_n(y.data_ptr<float>(), kSize * kSize / 2, 0.0f);  // no version tells of it
  const Tensor gradient = grad({linear(y, w).sum()}, {w})[0];
  CHECK(equal(gradient, grad({linear(y.detach().clone(), w).sum()}, {w})[0]));
  const Tensor shared = randn({4});
  CHECK_FALSE(shared.get().storage->is_exposed());
  const Dlpack exported = to_dlpack(shared);
  CHECK(shared.get().storage->is_exposed());
}

TEST_CASE("recipe: backward frees the operand, also where several operations share the recipe") {
  manual_seed(2);
  const Tensor x = leaf();
  const Tensors weights = {leaf(), leaf(), leaf()};
  const int64_t before = live();
  const auto loss_of = [&](const Tensor& y) {
    return linear(y, weights[0]).sum() + linear(y, weights[1]).mean() + linear(y, weights[2]).max();
  };
  Tensor loss = loss_of(layer_norm(x, {kSize}));
  const Tensors want = grad({loss_of(layer_norm(x, {kSize}).clone())}, {x, weights[0], weights[1], weights[2]});
  loss.backward({.retain_graph = true});
  loss.backward();
  for (size_t i = 0; i < 3; ++i) CHECK(equal(weights[i].grad(), want[i + 1] + want[i + 1]));
  CHECK(equal(x.grad(), want[0] + want[0]));
  CHECK_THROWS_AS(loss.backward(), StateError);
  CHECK(live() - before < 9 * kBytes);  // four gradients and four in `want`; the graph holds nothing
}

TEST_CASE("recipe: the operand outlives the backward of the operation that made it") {
  manual_seed(3);
  const Tensor x = leaf(), first = leaf(), second = leaf();
  const Tensor y = gelu(x);
  const Tensor one = linear(y, first).sum(), two = linear(y, second).sum();
  one.backward();
  CHECK_FALSE(y.grad_fn()->recipe());
  const Tensor want = grad({linear(gelu(x).clone(), second).sum()}, {second})[0];
  CHECK(equal(grad({two}, {second}, {.retain_graph = true})[0], want));
  CHECK_THROWS_AS(two.backward(), StateError);  // through gelu
  const Tensor later = linear(y, second).sum();
  CHECK(equal(grad({later}, {second})[0], want));
}

TEST_CASE("recipe: gradients of gradients") {
  manual_seed(4);
  const Tensor x = leaf(), w = leaf();
  const auto second = [&](const Tensor& y) {
    const Tensors first = grad({linear(y, w).square().mean()}, {x, w}, {.create_graph = true});
    return grad({first[0].square().sum() + first[1].square().sum()}, {x, w});
  };
  for (const Case& c : cases()) {
    INFO(c.name);
    const Tensors got = second(c.function(x)), want = second(c.function(x).clone());
    CHECK(allclose(got[0], want[0], 1e-4, 1e-6));
    CHECK(allclose(got[1], want[1], 1e-4, 1e-6));
  }
}

TEST_CASE("recipe: changes in place") {
  manual_seed(5);
  const Tensor leaf_x = leaf(), w = leaf();
  const Tensor want = grad({linear(gelu(leaf_x).clone(), w).sum()}, {w})[0];
  {  // what the recipe reads
    const Tensor x = leaf_x * 1.0, z = linear(gelu(x), w);
    x.add_(1.0);
    const auto backward = [&] { grad({z.sum()}, {w}); };
    CHECK_THAT(message_of<StateError>(backward),
               contains("linear: a tensor of shape [512, 512] that backward needs was changed"));
  }
  {  // the result itself, later: it is computed again as it was
    const Tensor y = gelu(leaf_x), z = linear(y, w);
    y.add_(1.0);
    CHECK(equal(grad({z.sum()}, {w})[0], want));
  }
  {  // the result itself, earlier
    const Tensor y = gelu(leaf_x);
    y.mul_(2.0);
    CHECK(equal(grad({linear(y, w).sum()}, {w})[0], want * 2.0));
  }
  {  // earlier, and autograd did not see it
    const Tensor y = gelu(leaf_x);
    {
      const NoGradGuard no_grad;
      y.mul_(2.0);
    }
    CHECK(equal(grad({linear(y, w).sum()}, {w})[0], want * 2.0));
  }
}

TEST_CASE("a gradient is overwritten only where nobody else has it") {
  manual_seed(6);
  const Tensor x = leaf({8, 8}), other = leaf({8, 8}), direction = randn({8, 8}), copy = direction.clone();
  gelu(x).backward(direction);  // the caller's
  CHECK(equal(direction, copy));
  const Tensor want = x.grad().clone();

  Tensor seen;
  Tensor y = gelu(x);
  y.retain_grad();
  y.register_hook([&](const Tensor& g) {
    seen = g;
    return Tensor();
  });
  (y * direction).sum().backward();
  CHECK(equal(seen, copy));
  CHECK(equal(y.grad(), copy));
  CHECK(equal(x.grad(), want + want));

  (tanh(other) * direction + 0.0).sum().backward();
  const Tensor alone = other.grad().clone();
  x.set_grad(Tensor());
  other.set_grad(Tensor());
  ((gelu(x) + tanh(other)) * direction).sum().backward();  // one gradient for both
  CHECK(equal(x.grad(), want));
  CHECK(equal(other.grad(), alone));

  y = gelu(x);
  const Tensors both = grad({(y * direction).sum()}, {y, x});
  CHECK(equal(both[0], copy));
  CHECK(equal(both[1], want));

  Tensor memory = direction.clone();  // of somebody else, who looks at it without a tensor
  Tensor borrowed = from_blob(memory.data_ptr<float>(), {8, 8});
  gelu(x).backward(std::move(borrowed));
  CHECK(equal(memory, copy));
}

}  // namespace mote::testing
