// The first two lines of the module contract: three types, and member and registry as one slot.
#include <mote/mote.h>

#include <type_traits>
#include <utility>
#include <vector>

#include "support/catch.h"

namespace nn = mote::nn;
using mote::Tensor;
using mote::testing::contains;
using mote::testing::message_of;

// Both read as a tensor; nothing converts into them.
static_assert(std::is_convertible_v<nn::Parameter, const Tensor&>);
static_assert(std::is_convertible_v<nn::Buffer, const Tensor&>);
static_assert(!std::is_convertible_v<Tensor, nn::Parameter>);
static_assert(!std::is_constructible_v<nn::Parameter, Tensor>);
static_assert(!std::is_convertible_v<Tensor, nn::Buffer>);
static_assert(!std::is_constructible_v<nn::Buffer, Tensor>);
static_assert(!std::is_constructible_v<nn::Buffer, nn::Parameter>);
static_assert(!std::is_constructible_v<nn::Parameter, nn::Buffer>);
// A tensor can be assigned to a buffer, and not to a parameter.
static_assert(std::is_assignable_v<nn::Buffer&, Tensor>);
static_assert(!std::is_assignable_v<nn::Parameter&, Tensor>);
static_assert(!std::is_assignable_v<nn::Parameter&, nn::Buffer>);
// An optimizer accepts parameters and nothing else.
static_assert(std::is_constructible_v<mote::optim::AdamW, std::vector<nn::Parameter>>);
static_assert(std::is_constructible_v<mote::optim::AdamW, std::vector<mote::optim::AdamW::ParamGroup>>);
static_assert(!std::is_constructible_v<mote::optim::AdamW, std::vector<Tensor>>);
static_assert(!std::is_constructible_v<mote::optim::AdamW, std::vector<nn::Buffer>>);
static_assert(!std::is_constructible_v<mote::optim::SGD, std::vector<Tensor>>);
static_assert(!std::is_constructible_v<mote::optim::SGD, std::vector<nn::Buffer>>);
// A module can be moved and not copied.
static_assert(std::is_nothrow_move_constructible_v<nn::Linear> && std::is_nothrow_move_assignable_v<nn::Linear>);
static_assert(!std::is_copy_constructible_v<nn::Linear> && !std::is_copy_assignable_v<nn::Linear>);

namespace {

class Counter : public nn::Module {
 public:
  Counter() : steps(register_buffer("steps", mote::zeros({}, {.dtype = mote::int64}))) {}
  void tick() { steps = steps + 1; }
  int64_t saved() const { return state_dict().at("steps").item<int64_t>(); }
  nn::Buffer steps;
};

class Pair : public nn::Module {
 public:
  Pair()
      : first(register_module("first", nn::Linear(2, 2))),
        second(register_module("second", nn::Linear(2, 2))),
        scale(register_parameter("scale", mote::ones({2}))) {}
  nn::Linear first, second;
  nn::Parameter scale;
};

}  // namespace

TEST_CASE("parameters and buffers are read as tensors, with a tensor's methods") {
  Pair pair;
  const Tensor& read = pair.scale;
  CHECK(mote::is_same(read, pair.scale.tensor()));
  CHECK(pair.scale.shape() == mote::Shape({2}));
  CHECK(mote::equal(pair.scale + 1.0, mote::full({2}, 2.0)));
  CHECK(mote::equal(pair.scale * pair.scale, mote::ones({2})));
  CHECK(pair.scale.requires_grad());
  CHECK(pair.scale.is_leaf());
  CHECK(std::string(pair.scale.label()) == "parameter 'scale' of Pair");
}

TEST_CASE("a handle without a slot reads as an undefined tensor") {
  nn::Parameter parameter;
  nn::Buffer buffer;
  CHECK_FALSE(parameter.defined());
  CHECK_FALSE(buffer.defined());
  CHECK_THROWS_AS(parameter.shape(), mote::StateError);
  CHECK_THAT(message_of<mote::StateError>([&] { buffer = mote::ones({2}); }), contains("register_buffer"));
}

TEST_CASE("assigning a tensor to a buffer writes the registry") {
  Counter counter;
  counter.tick();
  counter.tick();
  CHECK(counter.saved() == 2);
  CHECK(mote::is_same(counter.buffers()[0], counter.steps));
}

TEST_CASE("a copied handle is the same slot") {
  Counter counter;
  nn::Buffer copy(counter.steps);
  copy = mote::full({}, 7);
  CHECK(counter.saved() == 7);
  CHECK(counter.steps.item<int64_t>() == 7);
}

TEST_CASE("a buffer refuses a tensor that requires grad, and keeps what it had") {
  Counter counter;
  const Tensor trained = mote::ones({}, {.requires_grad = true});
  CHECK_THAT(message_of<mote::StateError>([&] { counter.steps = trained; }),
             contains("buffer 'steps' of Counter") && contains("detach()"));
  CHECK(counter.saved() == 0);
  counter.steps = trained.detach();
  CHECK(counter.steps.dtype() == mote::float32);
}

TEST_CASE("assigning one parameter to another ties them, in the registry too") {
  Pair pair;
  pair.second.weight = pair.first.weight;
  CHECK(mote::is_same(pair.first.weight, pair.second.weight));
  CHECK(pair.parameters().size() == 4);  // scale, the shared weight, two biases
  CHECK(pair.named_parameters(true, false).size() == 5);
  CHECK(pair.state_dict().size() == 5);
  (pair.first(mote::ones({1, 2})) + pair.second(mote::ones({1, 2}))).sum().backward();
  CHECK(mote::equal(pair.first.weight.grad(), mote::full({2, 2}, 2.0)));
}

TEST_CASE("assigning to a handle that is no member leaves its module alone") {
  Pair pair;
  const Tensor first = pair.first.weight, second = pair.second.weight;
  nn::Parameter longest = pair.first.weight;
  for (const nn::Parameter& parameter : pair.parameters()) longest = parameter;
  CHECK(mote::is_same(longest, pair.second.bias));
  auto some = pair.first.parameters();
  const auto others = pair.second.parameters();
  some = others;  // element by element
  some.erase(some.begin());
  CHECK(mote::is_same(pair.first.weight, first));
  CHECK(mote::is_same(pair.second.weight, second));
  CHECK(pair.parameters().size() == 5);
  Counter a, b;
  nn::Buffer steps = a.steps;
  steps = b.steps;
  b.tick();
  CHECK(steps.item<int64_t>() == 1);
  CHECK(a.saved() == 0);
}

TEST_CASE("a member keeps its slot whatever parameter it is given") {
  Pair pair;
  const auto by_value = [](const nn::Linear& layer) { return layer.weight; };
  pair.second.weight = by_value(pair.first);
  CHECK(mote::is_same(pair.second.parameters()[0], pair.first.weight));
  CHECK(mote::is_same(pair.second.weight, pair.first.weight));
  pair.second.bias = nn::Parameter();
  CHECK_FALSE(pair.second.bias.defined());
  CHECK(pair.second.parameters().size() == 1);
  CHECK(pair.second(mote::ones({1, 2})).shape() == mote::Shape({1, 2}));
}

TEST_CASE("a child given away to another module is gone from its first parent") {
  Pair taker;
  Pair outer = [&] {
    Pair giver;
    taker.first = std::move(giver.first);
    return Pair(std::move(giver));
  }();
  CHECK(outer.children() == std::vector<nn::Module*>{&outer.second});
  CHECK(outer.parameters().size() == 3);
  CHECK(taker.children()[0] == &taker.first);
}

TEST_CASE("a parameter is a leaf of its own that shares the tensor's data") {
  class Holder : public nn::Module {
   public:
    explicit Holder(const Tensor& x) : weight(register_parameter("weight", x)) {}
    nn::Parameter weight;
  };
  const Tensor data = mote::zeros({3});
  Holder holder(data);
  CHECK_FALSE(data.requires_grad());
  data.fill_(4.0);
  CHECK(mote::equal(holder.weight, mote::full({3}, 4.0)));
  const Tensor computed = mote::ones({3}, {.requires_grad = true}) * 2.0;
  CHECK_THAT(message_of<mote::StateError>([&] { Holder other(computed); }),
             contains("'weight'") && contains("detach()"));
  CHECK_THAT(message_of<mote::DTypeError>([] { Holder other(mote::arange(3)); }),
             contains("'weight'") && contains("int64") && contains("register_buffer"));
}

TEST_CASE("a moved module keeps its registries, and the old object says so") {
  Counter counter;
  counter.tick();
  Counter moved = std::move(counter);
  moved.tick();
  CHECK(moved.saved() == 2);
  CHECK(moved.steps.item<int64_t>() == 2);
  CHECK_THAT(message_of<mote::StateError>([&] { counter.parameters(); }), contains("moved from"));
}

TEST_CASE("modules live in a std::vector") {
  std::vector<Counter> counters;
  for (int i = 0; i < 20; ++i) {
    counters.emplace_back();
    for (int k = 0; k < i; ++k) counters.back().tick();
  }
  counters.erase(counters.begin());
  for (int i = 0; i < 19; ++i) {
    CHECK(counters[i].saved() == i + 1);
    CHECK(mote::is_same(counters[i].buffers()[0], counters[i].steps));
  }
}

TEST_CASE("replacing a child by another is seen by the parent's registry") {
  Pair pair;
  const nn::Parameter old = pair.first.weight;
  pair.first = nn::Linear(5, 2, {.bias = false});
  CHECK(pair.first.weight.shape() == mote::Shape({2, 5}));
  const auto names = pair.named_parameters();
  CHECK(names[1].first == "first.weight");
  CHECK(mote::is_same(names[1].second, pair.first.weight));
  CHECK_FALSE(mote::is_same(names[1].second, old));
  CHECK(pair.state_dict().size() == 4);
  pair.to(mote::float64);
  CHECK(pair.first.weight.dtype() == mote::float64);
}

TEST_CASE("a module with children is assigned with its whole tree") {
  Pair pair;
  Pair other;
  const Tensor weight = other.first.weight;
  pair = std::move(other);
  CHECK(mote::is_same(pair.parameters()[1], weight));
  CHECK(mote::is_same(pair.first.weight, weight));
  CHECK(pair.children() == std::vector<nn::Module*>{&pair.first, &pair.second});
  CHECK(pair.parameters().size() == 5);
  pair.to(mote::float64);
  CHECK(pair.second.weight.dtype() == mote::float64);

  std::vector<Pair> pairs(4);
  pairs[2].scale.set_grad(mote::ones({2}));
  const Tensor kept = pairs[2].first.weight;
  pairs.erase(pairs.begin() + 1);
  for (Pair& each : pairs) {
    CHECK(each.parameters().size() == 5);
    CHECK(mote::is_same(each.parameters()[1], each.first.weight));
    CHECK(each.children() == std::vector<nn::Module*>{&each.first, &each.second});
  }
  CHECK(mote::is_same(pairs[1].first.weight, kept));

  nn::Sequential net(nn::Sequential(nn::Linear(2, 2)), nn::Tanh());
  net.get<nn::Sequential>(0) = nn::Sequential(nn::Linear(2, 3), nn::Linear(3, 2));
  CHECK(net.parameters().size() == 4);
  CHECK(net.named_parameters()[2].first == "0.1.weight");
  CHECK(mote::is_same(net.parameters()[2], net.get<nn::Sequential>(0).get<nn::Linear>(1).weight));
}

TEST_CASE("a child may be registered in the body of the constructor") {
  class Late : public nn::Module {
   public:
    Late() {
      body = register_module("body", nn::Sequential(nn::Linear(2, 2), nn::Dropout(0.5)));
      blocks = register_module("blocks", nn::ModuleList<Pair>());
      blocks.emplace_back();
    }
    nn::Sequential body;
    nn::ModuleList<Pair> blocks;
  };
  Late module = nn::make<Late>();
  CHECK(module.parameters().size() == 7);
  CHECK(module.children() == std::vector<nn::Module*>{&module.body, &module.blocks});
  module.eval();
  CHECK_FALSE(module.body[1].is_training());
}

TEST_CASE("a moved module can be replaced and used again") {
  nn::Linear layer(2, 3);
  nn::Linear taken = std::move(layer);
  layer = nn::Linear(4, 1);
  CHECK(layer.parameters().size() == 2);
  CHECK(layer(mote::ones({1, 4})).shape() == mote::Shape({1, 1}));
  CHECK(taken(mote::ones({1, 2})).shape() == mote::Shape({1, 3}));
}
