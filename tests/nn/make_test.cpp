// Line 8 of the module contract: nn::make finds what a constructor forgot to register.
#include <mote/mote.h>

#include <algorithm>
#include <memory>
#include <thread>
#include <vector>

#include "mote/watch.h"
#include "support/catch.h"

namespace nn = mote::nn;
using mote::Tensor;
using mote::testing::contains;
using mote::testing::message_of;

namespace {

class Complete : public nn::Module {
 public:
  Complete()
      : body(register_module("body", nn::Sequential(nn::Linear(2, 2), nn::PositionalEncoding(2, 4)))),
        blocks(register_module("blocks", nn::ModuleList<nn::Linear>())),
        mask(register_buffer("mask", mote::triu(mote::ones({3, 3}), 1))),
        weight(register_parameter("weight", mote::randn({4}))),
        row(mask.select(0, 0)) {
    blocks.emplace_back(2, 2);
    const Tensor temporary = mote::ones({5});
    (body.get<nn::Linear>(0).weight * 2.0).sum().backward();
  }
  nn::Sequential body;
  nn::ModuleList<nn::Linear> blocks;
  nn::Buffer mask;
  nn::Parameter weight;
  Tensor row;  // a look at a registered tensor
};

class Forgetful : public nn::Module {
 public:
  Forgetful()
      : weight(register_parameter("weight", mote::randn({2, 2}))),
        mask(mote::triu(mote::ones({7, 7}), 1)),
        trained(mote::randn({5}, {.requires_grad = true})),
        child(nn::Sequential(nn::Linear(3, 2))) {}
  nn::Parameter weight;
  Tensor mask;
  Tensor trained;
  nn::Sequential child;
};

class Outer : public nn::Module {
 public:
  Outer() : inner(register_module("inner", nn::make<nn::Linear>(2, 2))), lost(mote::full({9}, 1.0)) {}
  nn::Linear inner;
  Tensor lost;
};

class Throws : public nn::Module {
 public:
  Throws() {
    register_buffer("a", mote::ones({2}));
    register_buffer("a", mote::ones({2}));
  }
};

class Keeps : public nn::Module {
 public:
  explicit Keeps(Tensor data) : data_(std::move(data)) {}

 private:
  Tensor data_;
};

}  // namespace

TEST_CASE("make gives a module whose registries are complete") {
  Complete module = nn::make<Complete>();
  CHECK(module.parameters().size() == 5);
  CHECK(module.mask.sum().item<float>() == 3.0f);
  CHECK(nn::make<nn::Linear>(3, 2).weight.shape() == mote::Shape({2, 3}));
  const auto attention = nn::make<nn::MultiheadAttention>(8, 2);
  CHECK(attention.parameters().size() == 4);
}

TEST_CASE("make reports each forgotten tensor with shape, operation, place and the line to write") {
  const std::string message = message_of<mote::StateError>([] { nn::make<Forgetful>(); });
  CHECK_THAT(message, contains("make: Forgetful"));
  CHECK_THAT(message, contains("[7, 7]") && contains("made by triu") && contains("make_test.cpp:"));
  CHECK_THAT(message, contains("register_buffer(\"name\", ...)"));
  CHECK_THAT(message, contains("[5]") && contains("made by randn") && contains("register_parameter(\"name\", ...)"));
  CHECK_THAT(message, !contains("[2, 2]"));
}

TEST_CASE("make reports an unregistered child once, by its class, without its tensors") {
  const std::string message = message_of<mote::StateError>([] { nn::make<Forgetful>(); });
  CHECK_THAT(message, contains("a child module Sequential") && contains("register_module(\"name\", Sequential(...))"));
  CHECK_THAT(message, !contains("Linear"));
  CHECK_THAT(message, !contains("[2, 3]"));
}

TEST_CASE("audits nest") {
  const std::string message = message_of<mote::StateError>([] { nn::make<Outer>(); });
  CHECK_THAT(message, contains("Outer") && contains("[9]") && !contains("Linear"));
}

TEST_CASE("a constructor that throws ends the audit") {
  CHECK_THROWS_AS(nn::make<Throws>(), mote::StateError);
  CHECK(nn::make<nn::Linear>(1, 1).parameters().size() == 2);
}

TEST_CASE("tensors made outside and passed in are the caller's business") {
  CHECK_NOTHROW(nn::make<Keeps>(mote::ones({2})));
}

TEST_CASE("a tensor that another thread destroys is not reported") {
  class Elsewhere : public nn::Module {
   public:
    Elsewhere() : weight(register_parameter("weight", mote::randn({2}))) {
      Tensor made = mote::ones({3});
      std::thread([moved = std::move(made)]() mutable { moved = Tensor(); }).join();
    }
    nn::Parameter weight;
  };
  CHECK(nn::make<Elsewhere>().weight.shape() == mote::Shape({2}));
}

TEST_CASE("tensors may be destroyed on another thread while their watch ends") {
  for (int round = 0; round < 200; ++round) {
    mote::detail::begin_watch();
    std::vector<Tensor> tensors;
    for (int i = 0; i < 64; ++i) tensors.push_back(mote::empty({1}));
    std::thread destroyer([&] { tensors.clear(); });
    const auto made = mote::detail::end_watch();
    destroyer.join();
    CHECK(made.size() <= 64);
    // What is left is whole, and nobody else holds it.
    CHECK(std::all_of(made.begin(), made.end(), [](const auto& impl) {
      return impl->use_count() == 1 && impl->numel == 1 && impl->storage->use_count() == 1 && !impl->is_watched();
    }));
  }
}

TEST_CASE("modules that a constructor makes and drops are not missed") {
  class Drops : public nn::Module {
   public:
    Drops() : weight(register_parameter("weight", nn::Linear(4, 4).weight.clone().detach())) {}
    nn::Parameter weight;
  };
  CHECK(nn::make<Drops>().weight.shape() == mote::Shape({4, 4}));
}
