// What a graph keeps alive and for how long, how deep it may be, and graphs on several threads. The second device
// counts its allocations.
#include <pthread.h>

#include <cmath>
#include <functional>
#include <thread>

#include "mote/core.h"
#include "support/catch.h"
#include "support/fake_backend.h"

namespace mote::testing {

namespace {

using Tensors = std::vector<Tensor>;

struct Device0 {
  FakeBackend fake;
  BackendOverride guard{DeviceType::CUDA, fake};

  Tensor leaf(const Shape& shape) const { return full(shape, 0.5).to("cuda").requires_grad_(); }
  size_t live() const { return fake.live_allocations(); }
};

void run_on_stack_of(size_t bytes, std::function<void()> function) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, bytes);
  pthread_t thread;
  const auto start = [](void* argument) -> void* {
    (*static_cast<std::function<void()>*>(argument))();
    return nullptr;
  };
  REQUIRE(pthread_create(&thread, &attributes, start, &function) == 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

}  // namespace

TEST_CASE_METHOD(Device0, "backward frees what forward saved as it goes") {
  const Tensor x = leaf({4});
  const size_t before = live();
  const Tensor z = sin(exp(x * x)) * 2.0;  // the product saves x, exp its output, sin its input: the same memory
  const Tensor loss = z.sum();
  CHECK(live() == before + 3);  // that, z and the loss
  loss.backward({.retain_graph = true});
  CHECK(live() == before + 4);  // and x.grad
  loss.backward();
  CHECK(live() == before + 3);
}

TEST_CASE_METHOD(Device0, "what no needed gradient uses is not saved") {
  const Tensor x = leaf({4}), w = full({4}, 2.0).to("cuda");
  const size_t before = live();
  Tensor y = (w * 3.0) * x;  // keeps w * 3 for the gradient of x, and nothing for that of w * 3
  CHECK(live() == before + 2);
  y = x * 2.0 + 1.0;
  CHECK(live() == before + 1);
}

TEST_CASE_METHOD(Device0, "no graph holds itself") {
  const size_t before = live();
  const auto freed = [&](const std::function<void(const Tensor&)>& program) {
    program(leaf({2, 3}));
    return live() == before;
  };
  CHECK(freed([](const Tensor& x) { const Tensor y = exp(x).tanh().sigmoid().sqrt(); }));
  CHECK(freed([](const Tensor& x) { softmax(x, 1).max(1).values.sum().backward(); }));
  CHECK(freed([](const Tensor& x) { (x * 1.0).mul_(x).exp_().mul_(2.0).sum().backward(); }));
  CHECK(freed([](const Tensor& x) {
    const Tensor y = x * 1.0;
    y.mul_(y);  // an error only if backward were asked for
    y[0].mul_(y[1]);
    y[1].exp_();
  }));
  CHECK(freed([](const Tensor& x) {
    const Tensor y = x * 1.0, view = y[0];
    view.mul_(x[1]);
    y.add_(view);
    CHECK(view.requires_grad());
    (view * view).sum().backward();
  }));
  CHECK(freed([](const Tensor& x) {
    const Tensor y = exp(x);
    y.retain_grad();
    y.register_hook([kept = x * 2.0](const Tensor& g) { return g * kept; });
    y.sum().backward();
  }));
  CHECK(freed([](const Tensor& x) {
    const Tensor first = grad({exp(x * x).sum()}, {x}, {.create_graph = true})[0];
    grad({first.sum()}, {x}, {.create_graph = true});
  }));
  CHECK(freed([](const Tensor& x) {
    const Tensor y = x * 1.0;  // forward alone, then an error in backward
    const Tensor z = exp(y);
    z.add_(1.0);
    CHECK_THROWS_AS(z.sum().backward(), StateError);
  }));
  CHECK(freed([](const Tensor& x) {
    const Tensor constant = full({2, 3}, 1.0).to("cuda");
    const Tensor row = constant[0].requires_grad_();
    const Tensor square = row * row;
    x.requires_grad_(false);
    x.copy_((x * square).expand({2, 3}));
  }));
}

TEST_CASE("a chain of 300,000 operations on a stack of 1 MiB") {
  run_on_stack_of(1 << 20, [] {
    const Tensor x = ones({1}).requires_grad_();
    Tensor y = x;
    for (int i = 0; i < 300000; ++i) y = y + 0.0;
    y.backward({.retain_graph = true});
    CHECK(x.grad().item<float>() == 1.0f);
    CHECK(grad({y}, {x})[0].item<float>() == 1.0f);
    y = Tensor();
    CHECK(x.grad().item<float>() == 1.0f);
  });
}

TEST_CASE("other deep graphs on a stack of 1 MiB: saved outputs, views, in-place changes, gradients of gradients") {
  run_on_stack_of(1 << 20, [] {
    const Tensor x = full({2}, 0.1).requires_grad_();
    constexpr int kDepth = 20000;
    {
      Tensor y = x;
      for (int i = 0; i < kDepth; ++i) y = tanh(y);
      CHECK(y.requires_grad());
    }
    {
      Tensor y = x * 1.0;
      for (int i = 0; i < kDepth; ++i) y.mul_(1.0);
      y.sum().backward();
      CHECK(x.grad()[0].item<float>() == 1.0f);
    }
    {
      Tensor y = x * 1.0;
      for (int i = 0; i < kDepth; ++i) y = y.view({2, 1}).t()[0];
      CHECK(grad({y.sum()}, {x})[0][1].item<float>() == 1.0f);
    }
    {
      Tensor y = x;
      for (int i = 0; i < 2000; ++i) y = sin(y);
      const Tensor first = grad({y.sum()}, {x}, {.create_graph = true})[0];
      CHECK(grad({first.sum()}, {x})[0].defined());
    }
  });
}

TEST_CASE("graphs on several threads, and a graph that dies on another thread") {
  constexpr int kThreads = 4;
  std::vector<double> results(kThreads);
  std::vector<Tensor> graphs(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      const Tensor x = full({3}, 0.1 * (t + 1), {.dtype = float64}).requires_grad_();
      for (int round = 0; round < 50; ++round) {
        Tensor y = x;
        for (int i = 0; i < 20; ++i) y = sin(y) * 1.5;
        if (round % 2 == 0) {
          const NoGradGuard no_grad;  // of this thread only
          y = y * 2.0;
        } else {
          y.sum().backward();
        }
        graphs[static_cast<size_t>(t)] = y;
      }
      results[static_cast<size_t>(t)] = x.grad().sum().item<double>();
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(is_grad_enabled());
  for (int t = 0; t < kThreads; ++t) {
    const Tensor x = full({3}, 0.1 * (t + 1), {.dtype = float64}).requires_grad_();
    Tensor y = x;
    for (int i = 0; i < 20; ++i) y = sin(y) * 1.5;
    y.sum().backward();
    CHECK(results[static_cast<size_t>(t)] == Approx(25 * x.grad().sum().item<double>()));
  }
  graphs.clear();
}

}  // namespace mote::testing
