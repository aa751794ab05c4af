// Captured steps: replays against the same steps run by the host, bit for bit; the memory of a graph; what a capture
// refuses.
#include <stdexcept>

#include "cuda/parity.h"
#include "mote/mote.h"

namespace mote::testing {

namespace {

const TensorOptions kOnCuda{.device = "cuda"};

Tensor draw(const Shape& shape, uint64_t seed) {
  Generator generator(seed);
  return randn(shape, {}, &generator);
}

// linear, relu, dropout, linear, mse, backward, SGD: on the default stream or captured.
class Training {
 public:
  Training(const optim::SGDOptions& options, double dropout_p, bool autocast = false)
      : first_(7, 16),
        second_(16, 3),
        x_(zeros({5, 7}, kOnCuda)),
        y_(zeros({5, 3}, kOnCuda)),
        dropout_p_(dropout_p),
        autocast_(autocast),
        optimizer_(parameters(), options) {
    uint64_t seed = 1;
    for (nn::Linear* layer : {&first_, &second_}) {
      layer->to("cuda");
      const NoGradGuard no_grad;
      layer->weight.copy_(draw(layer->weight.shape(), seed++) * 0.3);
      layer->bias.copy_(draw(layer->bias.shape(), seed++) * 0.3);
    }
  }

  void feed(uint64_t batch) {
    x_.copy_(draw({5, 7}, 100 + batch));
    y_.copy_(draw({5, 3}, 200 + batch));
  }
  void step() {
    optimizer_.zero_grad();
    const AutocastGuard guard("cuda", bfloat16, autocast_);
    loss_ = mse_loss(second_(dropout(relu(first_(x_)), dropout_p_)), y_);
    loss_.backward();
    optimizer_.step();
  }

  std::vector<nn::Parameter> parameters() { return {first_.weight, first_.bias, second_.weight, second_.bias}; }
  // Loss, parameters and gradients.
  Tensors values() {
    Tensors result{loss_.detach().to("cpu")};
    for (const nn::Parameter& p : parameters()) {
      result.push_back(p.tensor().detach().to("cpu"));
      result.push_back(p.grad().to("cpu"));
    }
    return result;
  }
  optim::SGD& optimizer() { return optimizer_; }

 private:
  nn::Linear first_, second_;
  Tensor x_, y_, loss_;
  double dropout_p_;
  bool autocast_;
  optim::SGD optimizer_;
};

void check_same(const Tensors& a, const Tensors& b) {
  REQUIRE(a.size() == b.size());
  for (size_t i = 0; i < a.size(); ++i) CHECK(equal(a[i], b[i]));
}

void check_replays(const optim::SGDOptions& options, double dropout_p, bool autocast = false) {
  Training plain(options, dropout_p, autocast), captured(options, dropout_p, autocast);
  plain.feed(0);
  captured.feed(0);
  manual_seed(5);
  plain.step();
  manual_seed(5);
  captured.step();
  cuda::Graph graph;
  graph.capture([&] { captured.step(); });
  CHECK(graph.is_captured());
  const Tensor state = get_rng_state("cuda");
  std::vector<Tensors> expected;
  for (uint64_t batch = 1; batch <= 4; ++batch) {
    plain.feed(batch);
    plain.step();
    expected.push_back(plain.values());
  }
  const Tensor end_state = get_rng_state("cuda");
  set_rng_state(state, "cuda");
  for (uint64_t batch = 1; batch <= 4; ++batch) {
    captured.feed(batch);
    graph.replay();
    check_same(captured.values(), expected[batch - 1]);
  }
  CHECK(equal(get_rng_state("cuda"), end_state));
  // The host goes on where the graph stopped.
  plain.feed(5);
  captured.feed(5);
  set_rng_state(end_state, "cuda");
  plain.step();
  set_rng_state(end_state, "cuda");
  captured.step();
  check_same(captured.values(), plain.values());
}

// What capturing `step` says.
template <class Step>
std::string refusal(const Step& step) {
  cuda::Graph graph;
  const std::string message = message_of<StateError>([&] { graph.capture(step); });
  CHECK(!graph.is_captured());
  CHECK(!cuda::is_capturing());
  return message;
}

}  // namespace

TEST_CASE("a captured training step gives the bits of one that is not captured") {
  if (!has_cuda()) return;
  SECTION("SGD") { check_replays({.lr = 0.1}, 0.0); }
  SECTION("SGD with momentum and weight decay") {
    check_replays({.lr = 0.1, .momentum = 0.9, .weight_decay = 0.01, .nesterov = true}, 0.0);
  }
  SECTION("under autocast") { check_replays({.lr = 0.1}, 0.0, true); }
  SECTION("dropout draws other numbers in each replay") { check_replays({.lr = 0.1}, 0.4); }
}

TEST_CASE("AdamW steps after the replay of forward and backward, with a schedule") {
  if (!has_cuda()) return;
  const Tensor start = draw({3, 5}, 1), x = zeros({4, 5}, kOnCuda);
  const auto train = [&](bool capture) {
    nn::Linear layer(5, 3, {.bias = false});
    layer.to("cuda");
    {
      const NoGradGuard no_grad;
      layer.weight.copy_(start);
    }
    optim::AdamW optimizer(layer.parameters(), {.lr = 0.1});
    optim::StepLR schedule(optimizer, 2, 0.5);
    const auto backward = [&] {
      optimizer.zero_grad();
      layer(x).square().sum().backward();
    };
    cuda::Graph graph;
    if (capture) graph.capture(backward);
    for (uint64_t batch = 0; batch < 5; ++batch) {
      x.copy_(draw({4, 5}, 10 + batch));
      if (capture)
        graph.replay();
      else
        backward();
      optimizer.step();
      schedule.step();
    }
    return layer.weight.tensor().detach().to("cpu");
  };
  CHECK(equal(train(true), train(false)));
}

TEST_CASE("a capture does nothing until it is replayed") {
  if (!has_cuda()) return;
  const Tensor x = zeros({1000}, kOnCuda);
  cuda::Graph graph;
  bool inside = false;
  graph.capture([&] {
    inside = cuda::is_capturing();
    x.add_(1.0);
  });
  CHECK(inside);
  CHECK(x.sum().item<float>() == 0.0f);
  for (int i = 1; i <= 3; ++i) {
    graph.replay();
    CHECK(x.sum().item<float>() == 1000.0f * static_cast<float>(i));
  }
  const cuda::Graph copy = graph;
  graph.capture([&] { x.mul_(2.0); });  // in place of the first
  graph.replay();
  CHECK(x.sum().item<float>() == 6000.0f);
  CHECK(copy.is_captured());
}

TEST_CASE("replays on two streams run in turn") {
  if (!has_cuda()) return;
  const Tensor x = ones({100}, kOnCuda);
  cuda::Graph graph;
  graph.capture([&] {
    x.add_(1.0);
    x.mul_(2.0);
  });
  const cuda::Stream side;
  cuda::Event done;
  done.record();
  side.wait(done);
  for (int i = 0; i < 2; ++i) {
    {
      const cuda::StreamGuard guard(side);
      graph.replay();
    }
    graph.replay();
  }
  CHECK(equal(x.to("cpu"), full({100}, 46.0)));  // 4, 10, 22, 46
}

TEST_CASE("random numbers of replays are those that the host would have drawn") {
  if (!has_cuda()) return;
  manual_seed(9);
  const Tensor first = randn({7}, kOnCuda).to("cpu"), second = rand({5}, kOnCuda).to("cpu");
  const Tensor third = randn({7}, kOnCuda).to("cpu"), fourth = rand({5}, kOnCuda).to("cpu");
  cuda::Graph graph;
  Tensor a, b;
  graph.capture([&] {
    a = randn({7}, kOnCuda);
    b = rand({5}, kOnCuda);
  });
  manual_seed(9);
  graph.replay();
  CHECK(equal(a.to("cpu"), first));
  CHECK(equal(b.to("cpu"), second));
  graph.replay();
  CHECK(equal(a.to("cpu"), third));
  CHECK(equal(b.to("cpu"), fourth));
}

TEST_CASE("a checkpointed function draws the same numbers again inside of a capture") {
  if (!has_cuda()) return;
  const Tensor x = ones({64}, kOnCuda);
  const Tensor w = ones({64}, kOnCuda).requires_grad_();
  cuda::Graph graph;
  Tensor y;
  graph.capture([&] {
    w.set_grad(Tensor());
    y = checkpoint([](const std::vector<Tensor>& in) { return dropout(in[0], 0.5); }, {w * x});
    y.sum().backward();
  });
  for (int i = 0; i < 3; ++i) {
    graph.replay();
    CHECK(equal(y.detach().to("cpu"), w.grad().to("cpu")));
  }
}

TEST_CASE("nobody else gets the memory of a graph") {
  if (!has_cuda()) return;
  const Tensor x = ones({256}, kOnCuda);
  const cuda::MemoryStats before = cuda::memory_stats();
  Tensor y;
  {
    cuda::Graph graph;
    graph.capture([&] { y = (x * 2.0 + 1.0) * (x + 3.0); });
    const Tensor other = full({256}, -1.0, kOnCuda), more = full({256}, -2.0, kOnCuda);
    graph.replay();
    CHECK(equal(y.to("cpu"), full({256}, 12.0)));
    CHECK(equal(other.to("cpu"), full({256}, -1.0)));
    CHECK(equal(more.to("cpu"), full({256}, -2.0)));
    y = Tensor();  // a replay goes on writing there
    const Tensor late = full({256}, -3.0, kOnCuda);
    graph.replay();
    CHECK(equal(late.to("cpu"), full({256}, -3.0)));
    y = full({256}, 4.0, kOnCuda);
  }
  CHECK(equal(y.to("cpu"), full({256}, 4.0)));
  y = Tensor();
  CHECK(cuda::memory_stats().allocated_bytes == before.allocated_bytes);
}

TEST_CASE("what is freed inside of a capture is kept for its replays, and a result outlives its graph") {
  if (!has_cuda()) return;
  Tensor input = full({300}, 5.0, kOnCuda), y;
  {
    cuda::Graph graph;
    graph.capture([&] {
      y = input + 1.0;
      input = Tensor();
    });
    const Tensor other = full({300}, -1.0, kOnCuda);
    graph.replay();
    CHECK(equal(y.to("cpu"), full({300}, 6.0)));
  }
  const Tensor other = full({300}, -1.0, kOnCuda);
  CHECK(equal(y.to("cpu"), full({300}, 6.0)));
}

TEST_CASE("what a replay could not repeat is refused, and named") {
  if (!has_cuda()) return;
  const Tensor x = ones({4, 3}, kOnCuda);
  const Tensor target = zeros({4}, {.dtype = int64, .device = "cuda"});
  const Tensor on_cpu = ones({4, 3});
  const auto says = [](const std::string& message, const std::string& op, const std::string& why) {
    CHECK_THAT(message, contains(op + ": cannot be captured in a CUDA graph: "));
    CHECK_THAT(message, contains(why));
  };
  const std::string read = "reads values from the device";
  says(refusal([&] { x.sum().item<float>(); }), "item", read);
  says(refusal([&] { x.to("cpu"); }), "copy from cuda", read);
  says(refusal([&] { nonzero(x); }), "nonzero", read);
  says(refusal([&] { nll_loss(x, target); }), "nll_loss", read);
  says(refusal([&] { x.copy_(on_cpu); }), "copy to cuda", "CPU's memory");
  says(refusal([&] { cuda::synchronize(); }), "synchronize", "before a replay");
  says(refusal([&] { cuda::Stream::current().synchronize(); }), "Stream::synchronize", "before a replay");
  says(refusal([&] { cuda::Stream::current().query(); }), "Stream::query", "before a replay");
  says(refusal([&] { manual_seed(1); }), "manual_seed", "goes on");
  Generator own(3, "cuda");
  says(refusal([&] { rand({4}, kOnCuda, &own); }), "random", "default one");
  const cuda::Stream side;
  says(refusal([&] { const cuda::StreamGuard guard(side); }), "StreamGuard", "another stream");
  cuda::Event event;
  says(refusal([&] { event.record(); }), "Event::record", "after replay");
  says(refusal([&] { event.record(side); }), "Event::record", "other streams");
  says(refusal([&] { side.wait(event); }), "Stream::wait", "other streams");
  cuda::Graph inner;
  says(refusal([&] { inner.capture([] {}); }), "Graph::capture", "another one");
  says(refusal([&] { inner.replay(); }), "Graph::replay", "capturing");
  CHECK(equal(x.to("cpu"), on_cpu));  // all is as before
}

TEST_CASE("optimizers whose steps differ are refused") {
  if (!has_cuda()) return;
  nn::Linear layer(3, 2);
  layer.to("cuda");
  layer(ones({4, 3}, kOnCuda)).sum().backward();
  optim::AdamW adamw(layer.parameters());
  optim::Adam adam(layer.parameters());
  optim::SGD sgd(layer.parameters(), {.lr = 0.1, .momentum = 0.9});
  CHECK_THAT(refusal([&] { adamw.step(); }),
             contains("AdamW: cannot be captured in a CUDA graph: the number of the step"));
  CHECK_THAT(refusal([&] { adam.step(); }), contains("Adam: cannot be captured") && contains(".capturable = true"));
  optim::Adam capturable(layer.parameters(), {.capturable = true});
  CHECK_THAT(refusal([&] { capturable.step(); }), contains("Adam: cannot be captured in a CUDA graph: the first step"));
  CHECK_THAT(refusal([&] { sgd.step(); }), contains("SGD: cannot be captured in a CUDA graph: the first step"));
  const optim::GradScaler scaler;
  CHECK_THAT(refusal([&] { scaler.scale(ones({}, kOnCuda)); }), contains("GradScaler: cannot be captured"));
  layer.to(bfloat16);
  layer(ones({4, 3}, {.dtype = bfloat16, .device = "cuda"})).sum().backward();
  optim::SGD with_masters(layer.parameters(), {.lr = 0.1});
  CHECK_THAT(refusal([&] { with_masters.step(); }), contains("SGD: cannot be captured"));
}

TEST_CASE("a replay is refused when an option of SGD has changed since") {
  if (!has_cuda()) return;
  cuda::Graph graph;
  CHECK_THAT(message_of<StateError>([&] { graph.replay(); }), contains("Graph::replay: nothing was captured"));
  {
    Training training({.lr = 0.1}, 0.0);
    training.feed(0);
    training.step();
    graph.capture([&] { training.step(); });
    training.optimizer().param_groups()[0].lr = 0.05;
    CHECK_THAT(message_of<StateError>([&] { graph.replay(); }), contains("lr was 0.1 and is 0.05"));
    training.optimizer().param_groups()[0].lr = 0.1;
    graph.replay();
    CHECK_THAT(message_of<StateError>([&] {
                 const AutocastGuard guard("cuda");
                 cuda::Graph().capture([] {});
               }),
               contains("put the guard inside"));
  }
}

TEST_CASE("an exception of the step is passed on, and the thread is as before") {
  if (!has_cuda()) return;
  const Tensor x = ones({8}, kOnCuda);
  cuda::Graph graph;
  manual_seed(4);
  const Tensor before = get_rng_state("cuda");
  Tensor lost;
  CHECK_THROWS_AS(graph.capture([&] {
    lost = rand({8}, kOnCuda) + x;
    throw std::runtime_error("no more");
  }),
                  std::runtime_error);
  CHECK(!graph.is_captured());
  CHECK(!cuda::is_capturing());
  CHECK(equal(get_rng_state("cuda"), before));
  CHECK(equal((x + 1.0).to("cpu"), full({8}, 2.0)));
  graph.capture([&] { x.add_(1.0); });
  graph.replay();
  CHECK(equal(x.to("cpu"), full({8}, 2.0)));
  CHECK_THROWS_AS(cuda::Graph(63), DeviceError);
}

}  // namespace mote::testing
