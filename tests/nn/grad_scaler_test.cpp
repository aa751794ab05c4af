// Loss scaling: the scale's ups and downs, steps that are left out, and what is refused.
#include <mote/mote.h>

#include <limits>

#include "support/catch.h"
#include "support/fake_backend.h"

namespace nn = mote::nn;
namespace optim = mote::optim;
using mote::Tensor;
using mote::testing::Approx;
using mote::testing::contains;
using mote::testing::message_of;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// A layer whose gradients are the given number times the scale.
struct Training {
  explicit Training(const optim::GradScalerOptions& options = {})
      : layer(2, 1), optimizer(layer.parameters(), {.lr = 0.5}), scaler(options) {}

  void backward(double factor = 1.0) {
    optimizer.zero_grad();
    scaler.scale(layer(mote::ones({1, 2})).sum() * factor).backward();
  }
  bool step(double factor = 1.0) {
    backward(factor);
    const bool stepped = scaler.step(optimizer);
    scaler.update();
    return stepped;
  }

  nn::Linear layer;
  optim::SGD optimizer;
  optim::GradScaler scaler;
};

}  // namespace

TEST_CASE("GradScaler has PyTorch's defaults") {
  const optim::GradScaler scaler;
  CHECK(scaler.get_scale() == 65536.0);
  CHECK(scaler.get_growth_factor() == 2.0);
  CHECK(scaler.get_backoff_factor() == 0.5);
  CHECK(scaler.get_growth_interval() == 2000);
  CHECK(scaler.is_enabled());
}

TEST_CASE("a scaled step is the step without a scale") {
  Training scaled, plain({.enabled = false});
  plain.layer.load_state_dict(scaled.layer.state_dict());
  for (int i = 0; i < 3; ++i) {
    CHECK(scaled.step());
    CHECK(plain.step());
  }
  CHECK(mote::equal(scaled.layer.weight, plain.layer.weight));
  CHECK(plain.scaler.get_scale() == 1.0);
  CHECK(plain.scaler.state_dict().empty());
}

TEST_CASE("a step with an infinite or NaN gradient is left out, and the scale goes down") {
  Training training;
  for (const double bad : {kInfinity, -kInfinity, std::numeric_limits<double>::quiet_NaN()}) {
    const double before = training.scaler.get_scale();
    const Tensor weight = training.layer.weight.clone();
    CHECK_FALSE(training.step(bad));
    CHECK(mote::equal(training.layer.weight, weight));
    CHECK(training.scaler.get_scale() == before / 2);
    CHECK(training.step());
    CHECK_FALSE(mote::equal(training.layer.weight, weight));
    CHECK(training.scaler.get_scale() == before / 2);
  }
}

TEST_CASE("one bad element of one parameter is enough") {
  Training training;
  training.backward();
  training.layer.bias.grad().fill_(kInfinity);
  CHECK_FALSE(training.scaler.step(training.optimizer));
}

TEST_CASE("the scale grows after so many good steps in a row, and not beyond float32") {
  Training training({.init_scale = 8.0, .growth_factor = 4.0, .growth_interval = 3});
  for (int i = 0; i < 2; ++i) training.step();
  training.step(kInfinity);  // counting begins anew
  CHECK(training.scaler.get_scale() == 4.0);
  for (int i = 0; i < 3; ++i) {
    CHECK(training.scaler.get_scale() == 4.0);
    training.step();
  }
  CHECK(training.scaler.get_scale() == 16.0);

  Training huge({.init_scale = 0x1p127, .growth_interval = 1});
  CHECK(huge.step(1e-30));
  CHECK(huge.scaler.get_scale() == 0x1p127);
}

TEST_CASE("unscale_ shows the gradients as they are, and step does not unscale again") {
  Training training;
  training.backward(3.0);
  CHECK(training.layer.bias.grad().item<double>() == 3.0 * 65536.0);
  training.scaler.unscale_(training.optimizer);
  CHECK(training.layer.bias.grad().item<double>() == 3.0);
  nn::clip_grad_norm_(training.layer.parameters(), 1.0);
  const double before = training.layer.bias.item<double>(), gradient = training.layer.bias.grad().item<double>();
  CHECK(training.scaler.step(training.optimizer));
  CHECK(training.layer.bias.item<double>() == Approx(before - 0.5 * gradient));
}

TEST_CASE("an optimizer that is moved between unscale_ and step is still the same") {
  Training training({.init_scale = 4.0});
  training.backward();
  training.scaler.unscale_(training.optimizer);
  const Tensor gradient = training.layer.weight.grad().clone(), before = training.layer.weight.tensor().clone();
  std::vector<optim::SGD> optimizers;
  optimizers.push_back(std::move(training.optimizer));
  CHECK(message_of<mote::StateError>([&] { training.scaler.unscale_(optimizers[0]); }) ==
        "unscale_: this optimizer's gradients were divided by the scale since the last update()");
  CHECK_THROWS_AS(training.scaler.step(training.optimizer), mote::StateError);  // there is nothing in it now
  CHECK(training.scaler.step(optimizers[0]));
  CHECK(mote::equal(training.layer.weight.grad(), gradient));  // divided once
  CHECK(mote::allclose(training.layer.weight, before - gradient * 0.5));
  // Another one in its old place has nothing of its past.
  training.optimizer = optim::SGD(training.layer.parameters(), {.lr = 0.5});
  CHECK(training.scaler.step(training.optimizer));
  CHECK(mote::allclose(training.layer.weight.grad(), gradient * 0.25));
}

TEST_CASE("several optimizers: each steps on its own gradients, the scale goes down for all") {
  nn::Linear a(1, 1), b(1, 1);
  optim::SGD first(a.parameters()), second(b.parameters());
  optim::GradScaler scaler;
  scaler.scale(a(mote::ones({1, 1})).sum() + b(mote::ones({1, 1})).sum()).backward();
  b.bias.grad().fill_(kInfinity);
  CHECK(scaler.step(first));
  CHECK_FALSE(scaler.step(second));
  scaler.update();
  CHECK(scaler.get_scale() == 32768.0);
}

TEST_CASE("the check of many parameters waits for the device once") {
  mote::testing::FakeBackend backend;
  const mote::BackendOverride fake(mote::DeviceType::CUDA, backend);
  std::vector<nn::Linear> layers;
  std::vector<nn::Parameter> parameters;
  for (int i = 0; i < 5; ++i) {
    layers.emplace_back(2, 2);
    layers.back().to("cuda");
    for (const nn::Parameter& parameter : layers.back().parameters()) parameters.push_back(parameter);
  }
  optim::AdamW optimizer(parameters);
  optim::GradScaler scaler;
  Tensor x = mote::ones({1, 2}, {.device = "cuda"});
  for (nn::Linear& layer : layers) x = layer(x);
  scaler.scale(x.sum()).backward();
  backend.reset_calls();
  CHECK(scaler.step(optimizer));
  CHECK(backend.calls("copy_to_host") == 1);
  scaler.update();
  CHECK(backend.calls("copy_to_host") == 1);
}

TEST_CASE("GradScaler refuses what makes no sense") {
  Training training;
  CHECK_THROWS_AS(training.scaler.update(), mote::StateError);
  CHECK_THAT(message_of<mote::StateError>([&] { training.scaler.step(training.optimizer); }), contains("no parameter"));
  Training twice;
  twice.backward();
  twice.scaler.unscale_(twice.optimizer);
  CHECK_THROWS_AS(twice.scaler.unscale_(twice.optimizer), mote::StateError);
  twice.scaler.step(twice.optimizer);
  CHECK_THROWS_AS(twice.scaler.step(twice.optimizer), mote::StateError);
  CHECK_THROWS_AS(twice.scaler.unscale_(twice.optimizer), mote::StateError);
  twice.scaler.update();
  CHECK(twice.step());

  CHECK_THROWS_AS(optim::GradScaler({.init_scale = 0.0}), mote::ValueError);
  CHECK_THROWS_AS(optim::GradScaler({.growth_factor = 1.0}), mote::ValueError);
  CHECK_THROWS_AS(optim::GradScaler({.backoff_factor = 1.0}), mote::ValueError);
  CHECK_THROWS_AS(optim::GradScaler({.growth_interval = 0}), mote::ValueError);
  CHECK_THROWS_AS(twice.scaler.set_growth_factor(0.5), mote::ValueError);
  CHECK(twice.scaler.get_growth_factor() == 2.0);

  nn::Linear narrow(2, 1, {.dtype = mote::float16});
  optim::SGD optimizer(narrow.parameters());
  narrow.weight.set_grad(mote::ones({1, 2}, {.dtype = mote::float16}));
  CHECK_THAT(message_of<mote::DTypeError>([&] { twice.scaler.step(optimizer); }), contains("'weight' of Linear"));
}

TEST_CASE("the state dict of a GradScaler goes on counting") {
  Training training({.init_scale = 8.0, .growth_interval = 3});
  training.step();
  training.step();
  optim::GradScaler loaded;
  loaded.load_state_dict(training.scaler.state_dict());
  CHECK(loaded.get_scale() == 8.0);
  CHECK(loaded.get_growth_interval() == 3);
  training.scaler = loaded;
  training.step();
  CHECK(training.scaler.get_scale() == 16.0);
  mote::StateDict state = loaded.state_dict();
  state.erase("scale");
  CHECK_THAT(message_of<mote::StateError>([&] { loaded.load_state_dict(state); }), contains("'scale'"));
  state.insert("scale", mote::full({}, -1.0));
  CHECK_THAT(message_of<mote::StateError>([&] { loaded.load_state_dict(state); }), contains("positive scale"));
  loaded.update(5.0);
  CHECK(loaded.get_scale() == 5.0);
}

TEST_CASE("gradients too small for float16 arrive with a GradScaler, and vanish without") {
  const auto weight_gradient = [](bool enabled) {
    nn::Linear layer(4, 4, {.bias = false});
    optim::SGD optimizer(layer.parameters());
    optim::GradScaler scaler({.enabled = enabled});
    Tensor loss;
    {
      const mote::AutocastGuard guard("cpu", mote::float16);
      loss = layer(mote::ones({1, 4})).to(mote::float32).sum() * 1e-9;
    }
    scaler.scale(loss).backward();
    scaler.unscale_(optimizer);
    return layer.weight.grad().abs().max().item<double>();
  };
  CHECK(weight_gradient(true) == Approx(1e-9).epsilon(0.01));
  CHECK(weight_gradient(false) == 0.0);
}
