// What changes from replay to replay, and what a replay changes: a capturable optimizer, and the versions of tensors.
// And a graph that lives to the end of the program.
#include "cuda/parity.h"
#include "mote/mote.h"

namespace mote::testing {

namespace {

const TensorOptions kOnCuda{.device = "cuda"};

Tensor draw(const Shape& shape, uint64_t seed) {
  Generator generator(seed);
  return randn(shape, {}, &generator);
}

// Loads 11 steps into the state of an optimizer of one weight; gives the weight as it was.
StateDict load_into(optim::Optimizer& optimizer, const Tensor& shape_of) {
  StateDict state, weight{{"weight", optimizer.param_groups()[0].params[0].tensor().detach().to("cpu", float32, true)}};
  for (const auto& [name, value] : optimizer.state_dict()) state.insert(name, value.to("cpu", value.dtype(), true));
  state.erase("state.0.step");
  state.insert("state.0.step", tensor(11.0));
  CHECK(state.at("state.0.exp_avg").shape() == shape_of.shape());
  optimizer.load_state_dict(state);
  return weight;
}

}  // namespace

TEST_CASE("a replay of a capturable AdamW takes the learning rate of its group, and is refused other options") {
  if (!has_cuda()) return;
  const Tensor start = draw({3, 5}, 1), x = draw({4, 5}, 2).to("cuda");
  const auto train = [&](bool capture) {
    nn::Linear layer(5, 3, {.bias = false});
    layer.to("cuda");
    {
      const NoGradGuard no_grad;
      layer.weight.copy_(start);
    }
    optim::AdamW optimizer(layer.parameters(), {.lr = 0.1, .capturable = true});
    optim::StepLR schedule(optimizer, 2, 0.5);
    const auto step = [&] {
      optimizer.zero_grad();
      layer(x).square().sum().backward();
      optimizer.step();
    };
    step();
    cuda::Graph graph;
    if (capture) graph.capture(step);
    for (int i = 0; i < 5; ++i) {
      if (capture)
        graph.replay();
      else
        step();
      schedule.step();
    }
    if (capture) {
      const StateDict state = load_into(optimizer, start);  // in place: the graph goes on from there
      graph.replay();
      CHECK(optimizer.state_dict().at("state.0.step").item<float>() == 12.0f);
      optimizer.param_groups()[0].options.eps = 1e-5;
      CHECK_THAT(message_of<StateError>([&] { graph.replay(); }), contains("AdamW: an option of group 0"));
      return state.at("weight");
    }
    return layer.weight.tensor().detach().to("cpu", float32, true);
  };
  CHECK(equal(train(true), train(false)));
}

TEST_CASE("a replay counts as a change of what it writes in place") {
  if (!has_cuda()) return;
  const Tensor w = ones({4}, kOnCuda).requires_grad_(), x = ones({4}, kOnCuda), other = ones({4}, kOnCuda);
  cuda::Graph graph;
  Tensor inside;
  graph.capture([&] {
    x.add_(1.0);
    inside = other * 2.0;
    inside.mul_(3.0);
  });
  const uint32_t version = x.version(), version_inside = inside.version();
  const Tensor y = w * x;  // saves x
  graph.replay();
  CHECK(x.version() == version + 1);
  CHECK(other.version() == 0);
  CHECK(inside.version() == version_inside);
  CHECK_THROWS_AS(y.sum().backward(), StateError);
  const Tensor product = w * x;
  product.sum().backward();
  CHECK(equal(w.grad().to("cpu"), full({4}, 2.0)));
}

TEST_CASE("autocast does not use the casts of parameters that a replay has changed") {
  if (!has_cuda()) return;
  nn::Linear layer(3, 2, {.bias = false});
  layer.to("cuda");
  {
    const NoGradGuard no_grad;
    layer.weight.fill_(1.0);
  }
  const Tensor x = ones({1, 3}, kOnCuda);
  cuda::Graph graph;
  graph.capture([&] {
    const NoGradGuard no_grad;
    layer.weight.add_(1.0);
  });
  const AutocastGuard guard("cuda");
  CHECK(equal(layer(x).detach().to("cpu", float32), full({1, 2}, 3.0)));
  graph.replay();
  CHECK(equal(layer(x).detach().to("cpu", float32), full({1, 2}, 6.0)));
}

TEST_CASE("a graph keeps the memory that it writes in place") {
  if (!has_cuda()) return;
  cuda::Graph graph;
  Tensor x = ones({300}, kOnCuda);
  const cuda::MemoryStats before = cuda::memory_stats();
  graph.capture([&] { x.add_(1.0); });
  x = Tensor();
  CHECK(cuda::memory_stats().allocated_bytes == before.allocated_bytes);
  const Tensor fresh = full({300}, 5.0, kOnCuda);
  graph.replay();
  CHECK(equal(fresh.to("cpu"), full({300}, 5.0)));
  graph = cuda::Graph();
  CHECK(cuda::memory_stats().allocated_bytes == before.allocated_bytes);
}

TEST_CASE("a graph of static storage may end with a replay under way") {
  if (!has_cuda()) return;
  static cuda::Graph graph;
  static Tensor x;
  x = ones({300}, kOnCuda);
  graph.capture([] { x.add_(1.0); });
  graph.replay();
  CHECK(equal(x.cpu(), full({300}, 2.0)));
  graph.replay();  // whose end the program waits for when it ends
}

}  // namespace mote::testing
