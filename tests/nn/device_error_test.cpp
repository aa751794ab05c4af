// Line 9 of the module contract: an error about devices tells its cases apart and names the operation's arguments.
#include <mote/mote.h>

#include <cmath>

#include "support/catch.h"
#include "support/fake_backend.h"

namespace nn = mote::nn;
using mote::Tensor;
using mote::testing::contains;
using mote::testing::message_of;

namespace {

struct SecondDevice {
  mote::testing::FakeBackend backend;
  mote::BackendOverride guard{mote::DeviceType::CUDA, backend};
};

class Unregistered : public nn::Module {
 public:
  Unregistered() : weight(register_parameter("weight", mote::ones({2, 2}))), mask(mote::triu(mote::ones({2, 2}), 1)) {}
  Tensor forward(const Tensor& x) const {
    return mote::matmul(x, weight).masked_fill_(mask.to(mote::bool_).index({mote::Slice(0, 2)}), -INFINITY);
  }
  nn::Parameter weight;
  Tensor mask;
};

class Registered : public nn::Module {
 public:
  Registered() : mask(register_buffer("mask", mote::triu(mote::ones({2, 2}), 1))) {}
  Tensor forward(const Tensor& x) const { return x.masked_fill(mask.to(mote::bool_), 0.0); }
  nn::Buffer mask;
};

}  // namespace

TEST_CASE("a tensor that was never registered: where it was made, and the line to write") {
  SecondDevice second;
  const mote::NoGradGuard no_grad;
  Unregistered module;
  module.to("cuda");
  const std::string message = message_of<mote::DeviceError>([&] {
    module.forward(mote::ones({2, 2}, {.device = "cuda"}));
  });
  CHECK_THAT(message, contains("masked_fill_: expected self and mask to be on the same device, but got mask on cpu and "
                               "self on cuda:0"));
  CHECK_THAT(message, contains("made by triu at") && contains("device_error_test.cpp:"));
  CHECK_THAT(message, contains("in the constructor of Unregistered") && contains("neither of its registries"));
  CHECK_THAT(message, contains("mask(register_buffer(\"mask\", ...))"));
}

TEST_CASE("a module that was not moved: whose tensor it is, seen through casts and views too") {
  SecondDevice second;
  Registered module;
  const Tensor x = mote::ones({2, 2}, {.device = "cuda"});
  const std::string message = message_of<mote::DeviceError>([&] { module.forward(x); });
  CHECK_THAT(message, contains("mask is buffer 'mask' of Registered, whose module is still on cpu"));
  CHECK_THAT(message, contains(".to(\"cuda:0\")") && !contains("register"));
  nn::Linear layer(2, 2);
  CHECK_THAT(message_of<mote::DeviceError>([&] { layer(x); }),
             contains("parameter 'weight' of Linear") && contains("still on cpu"));
}

TEST_CASE("an input that was not moved") {
  SecondDevice second;
  nn::Linear layer(2, 2);
  layer.to("cuda");
  const Tensor input = mote::ones({1, 2});
  const std::string message = message_of<mote::DeviceError>([&] { layer(input); });
  CHECK_THAT(message, contains("made by ones at") && contains("belongs to no module") && contains(".to(\"cuda:0\")"));
}

TEST_CASE("a module that registered nothing is known by its first move") {
  class Bare : public nn::Module {
   public:
    Bare() : offset(mote::ones({2})) {}
    Tensor offset;
  };
  SecondDevice second;
  Bare module;
  module.to("cuda");
  CHECK_THAT(message_of<mote::DeviceError>([&] { mote::ones({2}, {.device = "cuda"}) + module.offset; }),
             contains("in the constructor of Bare"));
}

TEST_CASE("a module on meta needs memory, not a move") {
  nn::Linear layer(2, 2, {.device = "meta"});
  CHECK_THAT(message_of<mote::DeviceError>([&] {
               layer(mote::ones({1, 2}));
             }),
             contains("parameter 'weight' of Linear, whose module is still on meta") && contains(".to_empty(\"cpu\")"));
}

TEST_CASE("a tensor that a buffer held before is the module's no more") {
  SecondDevice second;
  class Given : public nn::Module {
   public:
    explicit Given(const Tensor& x) : mask(register_buffer("mask", x)) {}
    nn::Buffer mask;
  };
  const Tensor kept = mote::ones({2, 2});
  Given module(kept);
  module.to("cuda");
  CHECK_THAT(message_of<mote::DeviceError>([&] { module.mask + kept; }),
             contains("belongs to no module") && !contains("move the module"));
}

TEST_CASE("an input on meta is to blame where the module has data, and a forgotten tensor where the input is right") {
  nn::Linear layer(2, 2);
  CHECK_THAT(message_of<mote::DeviceError>([&] {
               layer(mote::ones({1, 2}, {.device = "meta"}));
             }),
             contains("made by ones") && contains("on meta and has no data") && !contains("move the module"));
  Unregistered module;
  module.to("meta");
  const mote::NoGradGuard no_grad;
  CHECK_THAT(message_of<mote::DeviceError>([&] {
               module.forward(mote::ones({2, 2}, {.device = "meta"}));
             }),
             contains("in the constructor of Unregistered"));
}

TEST_CASE("a label follows its slot through moves and assignments") {
  SecondDevice second;
  Registered module;
  module.to("cuda");
  module.to("cpu");
  module.mask = mote::ones({2, 2});
  CHECK_THAT(message_of<mote::DeviceError>([&] {
               module.forward(mote::ones({2, 2}, {.device = "cuda"}));
             }),
             contains("buffer 'mask' of Registered"));
  module.to("meta").to_empty("cpu");
  CHECK_THAT(message_of<mote::DeviceError>([&] {
               module.forward(mote::ones({2, 2}, {.device = "cuda"}));
             }),
             contains("buffer 'mask' of Registered"));
}
