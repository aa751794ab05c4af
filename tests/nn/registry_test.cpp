// Lines 3, 6 and 10 of the module contract: names, traversal, switches and printing.
#include <mote/mote.h>

#include <string>
#include <utility>
#include <vector>

#include "support/catch.h"

namespace nn = mote::nn;
using mote::Tensor;
using mote::testing::contains;
using mote::testing::message_of;

namespace {

using Names = std::vector<std::string>;

template <class Entries>
Names names_of(const Entries& entries) {
  Names names;
  for (const auto& [name, value] : entries) names.push_back(name);
  return names;
}

class Block : public nn::Module {
 public:
  explicit Block(int64_t width)
      : norm(register_module("norm", nn::LayerNorm(width))),
        body(register_module("body", nn::Sequential(nn::Linear(width, 4), nn::GELU(), nn::Linear(4, width)))) {}
  Tensor forward(const Tensor& x) const { return x + body(norm(x)); }
  nn::LayerNorm norm;
  nn::Sequential body;
};

class Net : public nn::Module {
 public:
  Net()
      : blocks(register_module("blocks", nn::ModuleList<Block>())),
        table(register_buffer("table", mote::zeros({2}), {.persistent = false})),
        scale(register_parameter("scale", mote::ones({3}))),
        count(register_buffer("count", mote::zeros({}, {.dtype = mote::int64}))),
        drop(register_module("drop", nn::Dropout(0.5))) {
    blocks.emplace_back(3);
    blocks.emplace_back(3);
  }
  nn::ModuleList<Block> blocks;
  nn::Buffer table;
  nn::Parameter scale;
  nn::Buffer count;
  nn::Dropout drop;
};

class Named : public nn::Module {
 public:
  Named() {
    register_parameter("p", mote::ones({1}));
    register_buffer("b", mote::ones({1}));
    child_ = register_module("c", nn::Identity());
  }
  void parameter(const std::string& name) { register_parameter(name, mote::ones({1})); }
  void buffer(const std::string& name) { register_buffer(name, mote::ones({1})); }
  void child(const std::string& name) { child_ = register_module(name, nn::Identity()); }

 private:
  nn::Identity child_;
};

}  // namespace

TEST_CASE("one name, one registry: a taken name is an error that quotes it") {
  Named module;
  for (const char* taken : {"p", "b", "c"}) {
    const std::string quoted = std::string("'") + taken + "'";
    CHECK_THAT(message_of<mote::StateError>([&] { module.parameter(taken); }), contains(quoted) && contains("taken"));
    CHECK_THAT(message_of<mote::StateError>([&] { module.buffer(taken); }), contains(quoted));
    CHECK_THAT(message_of<mote::StateError>([&] { module.child(taken); }), contains(quoted));
  }
  CHECK(module.named_parameters().size() == 1);
  CHECK(module.named_buffers().size() == 1);
  CHECK(module.named_children().size() == 1);
}

TEST_CASE("a name that is empty or has a dot is refused, in quotes") {
  Named module;
  CHECK_THAT(message_of<mote::ValueError>([&] { module.parameter("a.b"); }), contains("'a.b'") && contains("dot"));
  CHECK_THAT(message_of<mote::ValueError>([&] { module.buffer(""); }), contains("''") && contains("empty"));
  CHECK_THAT(message_of<mote::ValueError>([&] { module.child("x."); }), contains("'x.'"));
}

TEST_CASE("an undefined tensor reserves a name and is nowhere else") {
  nn::Linear layer(2, 2, {.bias = false});
  CHECK(names_of(layer.named_parameters()) == Names{"weight"});
  CHECK_FALSE(layer.state_dict().contains("bias"));
  CHECK_THROWS_AS(layer.register_buffer("bias", mote::ones({2})), mote::StateError);
  layer.to(mote::float64);
  CHECK_FALSE(layer.bias.defined());
}

TEST_CASE("a buffer that requires grad is refused, by name") {
  nn::Identity module;
  CHECK_THAT(
      message_of<mote::StateError>([&] { module.register_buffer("mask", mote::ones({2}, {.requires_grad = true})); }),
      contains("'mask'") && contains("register_parameter"));
}

TEST_CASE("traversal follows the order of registration, parents first") {
  Net net;
  CHECK(names_of(net.named_parameters()) ==
        Names{"scale", "blocks.0.norm.weight", "blocks.0.norm.bias", "blocks.0.body.0.weight", "blocks.0.body.0.bias",
              "blocks.0.body.2.weight", "blocks.0.body.2.bias", "blocks.1.norm.weight", "blocks.1.norm.bias",
              "blocks.1.body.0.weight", "blocks.1.body.0.bias", "blocks.1.body.2.weight", "blocks.1.body.2.bias"});
  CHECK(names_of(net.named_buffers()) == Names{"table", "count"});
  CHECK(names_of(net.named_children()) == Names{"blocks", "drop"});
  CHECK(names_of(net.named_parameters(false)) == Names{"scale"});
  const Names modules = names_of(net.named_modules());
  CHECK(modules.size() == 15);
  CHECK(modules[0].empty());
  CHECK(modules[2] == "blocks.0");
  CHECK(modules[5] == "blocks.0.body.0");
  CHECK(net.modules()[0] == &net);
  CHECK(net.modules()[2] == &net.blocks[0]);
  CHECK(net.num_parameters() == 3 + 2 * (6 + 16 + 15));
}

TEST_CASE("a shared tensor is met once, and under all its names on request") {
  nn::Sequential net(nn::Linear(3, 3, {.bias = false}), nn::Linear(3, 3, {.bias = false}));
  net.get<nn::Linear>(1).weight = net.get<nn::Linear>(0).weight;
  CHECK(names_of(net.named_parameters()) == Names{"0.weight"});
  CHECK(names_of(net.named_parameters(true, false)) == Names{"0.weight", "1.weight"});
  CHECK(names_of(net.state_dict()) == Names{"0.weight", "1.weight"});
  CHECK(net.num_parameters() == 9);
}

TEST_CASE("train and eval reach every module") {
  Net net;
  CHECK(net.is_training());
  net.eval();
  for (const nn::Module* module : net.modules()) CHECK_FALSE(module->is_training());
  CHECK(mote::equal(net.drop(mote::ones({100})), mote::ones({100})));
  net.train();
  CHECK(net.drop.is_training());
  CHECK(net.drop(mote::ones({100})).min().item<float>() == 0.0f);
  net.blocks.eval();
  CHECK(net.is_training());
  CHECK_FALSE(net.blocks[1].body[0].is_training());
}

TEST_CASE("requires_grad_ freezes parameters and leaves buffers alone") {
  Net net;
  net.blocks.requires_grad_(false);
  CHECK(net.scale.requires_grad());
  CHECK_FALSE(net.blocks[0].norm.weight.requires_grad());
  CHECK_FALSE(net.table.requires_grad());
  CHECK(net.num_parameters(true) == 3);
  CHECK_THAT(net.blocks.str(), contains("frozen"));
  net.requires_grad_();
  CHECK(net.blocks[0].norm.weight.requires_grad());
}

TEST_CASE("zero_grad forgets gradients or sets them to zero") {
  nn::Linear layer(2, 2);
  layer(mote::ones({1, 2})).sum().backward();
  const Tensor kept = layer.weight.grad();
  layer.zero_grad(false);
  CHECK(mote::equal(kept, mote::zeros({2, 2})));
  CHECK(mote::is_same(kept, layer.weight.grad()));
  layer.zero_grad();
  CHECK_FALSE(layer.weight.grad().defined());
}

TEST_CASE("apply visits children first and sees what they are") {
  Net net;
  std::vector<nn::Module*> order;
  int linears = 0;
  net.apply([&](nn::Module& module) {
    order.push_back(&module);
    if (auto* linear = dynamic_cast<nn::Linear*>(&module)) {
      nn::init::constant_(linear->weight, 0.5);
      ++linears;
    }
  });
  CHECK(linears == 4);
  CHECK(order.back() == &net);
  CHECK(order.front() == &net.blocks[0].norm);
  CHECK(net.blocks[1].body.get<nn::Linear>(2).weight.max().item<float>() == 0.5f);
}

TEST_CASE("a module prints its tree with shape, dtype, device and registry of every slot") {
  class Tied : public nn::Module {
   public:
    Tied()
        : embed(register_module("embed", nn::Embedding(5, 3))),
          head(register_module("head", nn::Linear(3, 5, {.bias = false}))),
          mask(register_buffer("mask", mote::ones({2, 2}, {.dtype = mote::bool_}), {.persistent = false})) {
      head.weight = embed.weight;
    }
    nn::Embedding embed;
    nn::Linear head;
    nn::Buffer mask;
  };
  const Tied net;
  CHECK(net.str() ==
        "Tied\n"
        "  B mask [2, 2] bool cpu, not saved\n"
        "  (embed): Embedding(5, 3)\n"
        "    P weight [5, 3] float32 cpu\n"
        "  (head): Linear(in_features=3, out_features=5, bias=false)\n"
        "    P weight [5, 3] float32 cpu, shared with embed.weight");
  const Net moved = [] {
    Net local;
    return local;
  }();
  CHECK_THAT(moved.str(), contains("(blocks): ModuleList\n    (0): Block\n      (norm): LayerNorm([3], eps=1e-05"));
  CHECK(moved.class_name() == "Net");
}
