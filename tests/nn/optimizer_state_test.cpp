// State dicts of optimizers: exact continuation, through files and onto other devices, and what they refuse.
#include <mote/mote.h>

#include <filesystem>
#include <string>

#include "support/catch.h"
#include "support/fake_backend.h"

namespace nn = mote::nn;
namespace optim = mote::optim;
using mote::StateDict, mote::Tensor;
using mote::testing::contains;
using mote::testing::message_of;

namespace {

void train(nn::Linear& layer, optim::Optimizer& optimizer, int steps) {
  const Tensor x = mote::linspace(-1.0, 1.0, 12).reshape({4, 3}).to(layer.weight.device());
  for (int i = 0; i < steps; ++i) {
    optimizer.zero_grad();
    mote::square(layer(x) - 1.0).mean().backward();
    optimizer.step();
  }
}

// Trains 3 + 3 steps at once, and with a change of objects in between: both must end in the same bits.
template <class Make>
void check_continuation(Make make) {
  const std::string path = (std::filesystem::temp_directory_path() / "mote-optimizer-state.safetensors").string();
  mote::manual_seed(5);
  nn::Linear layer(3, 2);
  auto optimizer = make(layer);
  train(layer, optimizer, 3);
  nn::Linear resumed(3, 2);
  resumed.load_state_dict(layer.state_dict());
  mote::save_safetensors(path, optimizer.state_dict());
  train(layer, optimizer, 3);
  auto again = make(resumed);
  again.param_groups()[0].lr = 123.0;  // the file knows better
  again.load_state_dict(mote::load_safetensors(path));
  train(resumed, again, 3);
  std::filesystem::remove(path);
  CHECK(mote::equal(layer.weight, resumed.weight));
  CHECK(mote::equal(layer.bias, resumed.bias));
  for (const auto& [name, value] : optimizer.state_dict()) {
    INFO(name);
    CHECK(mote::equal(value, again.state_dict().at(name)));
  }
}

}  // namespace

TEST_CASE("training continues to the same bits from a saved optimizer") {
  check_continuation([](nn::Linear& layer) { return optim::SGD(layer.parameters(), {.lr = 0.1}); });
  check_continuation([](nn::Linear& layer) {
    return optim::SGD(layer.parameters(), {.lr = 0.1, .momentum = 0.9, .weight_decay = 0.1, .nesterov = true});
  });
  check_continuation([](nn::Linear& layer) { return optim::Adam(layer.parameters(), {.lr = 1e-2}); });
  check_continuation(
      [](nn::Linear& layer) { return optim::AdamW(layer.parameters(), {.lr = 1e-2, .capturable = true}); });
  check_continuation([](nn::Linear& layer) { return optim::AdamW(layer.parameters(), {.lr = 0.3, .amsgrad = true}); });
  check_continuation([](nn::Linear& layer) {
    return optim::AdamW({{.params = {layer.weight}, .weight_decay = 0.5}, {.params = {layer.bias}, .lr = 0.7}},
                        {.lr = 0.1, .betas = {0.7, 0.9}});
  });
  check_continuation([](nn::Linear& layer) {
    return optim::AdamW({{.params = {layer.weight}, .eps = 1e-3}, {.params = {layer.bias}, .amsgrad = true}},
                        {.lr = 0.1});
  });
}

TEST_CASE("the options of each group come back from a state dict") {
  nn::Linear layer(3, 2);
  optim::SGD saved({{.params = {layer.weight}, .momentum = 0.5}, {.params = {layer.bias}, .nesterov = true}},
                   {.lr = 0.1, .momentum = 0.9});
  optim::SGD loaded({{.params = {layer.weight}}, {.params = {layer.bias}}}, {.lr = 0.7});
  auto& second = loaded.param_groups()[1];
  loaded.load_state_dict(saved.state_dict());
  CHECK(loaded.param_groups()[0].options.momentum == 0.5);
  CHECK_FALSE(loaded.param_groups()[0].options.nesterov);
  CHECK(second.options.momentum == 0.9);
  CHECK(second.options.nesterov);
  CHECK(second.lr == 0.1);
}

TEST_CASE("values that no optimizer could have are not loaded") {
  nn::Linear layer(3, 2);
  optim::AdamW optimizer(layer.parameters(), {.lr = 0.1});
  train(layer, optimizer, 1);
  StateDict state = optimizer.state_dict();
  state.at("param_groups.0.beta1") = mote::full({}, 1.5);
  state.at("param_groups.0.params") = Tensor();
  state.at("state.0.step") = mote::full({}, -1.0);
  const std::string message = message_of<mote::StateError>([&] { optimizer.load_state_dict(state); });
  CHECK_THAT(message, contains("group 0: AdamW: expected betas in [0, 1), but got 1.5"));
  CHECK_THAT(message, contains("'param_groups.0.params' is undefined"));
  CHECK_THAT(message, contains("'state.0.step' should be 0 or more, but is -1"));
  CHECK(optimizer.param_groups()[0].options.betas[0] == 0.9);
}

TEST_CASE("the names in an optimizer's state dict, and its numbers without loss") {
  nn::Linear layer(3, 2);
  optim::AdamW optimizer(layer.parameters(), {.lr = 1.0 / 3.0});
  CHECK_FALSE(optimizer.state_dict().contains("state.0.step"));
  train(layer, optimizer, 2);
  const StateDict state = optimizer.state_dict();
  CHECK(state.at("state.0.step").item<double>() == 2.0);
  CHECK(state.at("state.1.exp_avg").shape() == mote::Shape({2}));
  CHECK(state.at("state.0.exp_avg_sq").shape() == mote::Shape({2, 3}));
  CHECK(state.at("param_groups.0.lr").dtype() == mote::float64);
  CHECK(state.at("param_groups.0.lr").dim() == 0);
  CHECK(state.at("param_groups.0.lr").item<double>() == 1.0 / 3.0);
  CHECK(state.at("param_groups.0.weight_decay").item<double>() == 0.01);
  CHECK(mote::equal(state.at("param_groups.0.params"), mote::arange(2)));
  CHECK(state.at("param_groups.0.beta2").item<double>() == 0.999);
}

TEST_CASE("what is loaded is a copy on the device of the parameters") {
  mote::testing::FakeBackend backend;
  const mote::BackendOverride guard(mote::DeviceType::CUDA, backend);
  nn::Linear layer(3, 2), other(3, 2);
  optim::AdamW optimizer(layer.parameters()), moved((other.to("cuda"), other.parameters()));
  train(layer, optimizer, 1);
  moved.load_state_dict(optimizer.state_dict());
  CHECK(moved.state_dict().at("state.0.exp_avg").device() == mote::Device("cuda:0"));
  const Tensor before = optimizer.state_dict().at("state.0.exp_avg").clone();
  train(other, moved, 1);
  CHECK(mote::equal(optimizer.state_dict().at("state.0.exp_avg"), before));
}

TEST_CASE("a state dict that does not fit changes nothing, and all that is wrong is said") {
  nn::Linear layer(3, 2), other(4, 2);
  optim::AdamW optimizer(layer.parameters(), {.lr = 0.1}), wrong(other.parameters(), {.lr = 0.2});
  train(layer, optimizer, 2);
  other.weight.set_grad(mote::ones({2, 4}));
  wrong.step();
  StateDict state = wrong.state_dict();
  state.insert("surplus", mote::ones({1}));
  state.erase("param_groups.0.eps");
  state.at("param_groups.0.lr") = mote::ones({2});
  const StateDict before = optimizer.state_dict();
  const std::string message = message_of<mote::StateError>([&] { optimizer.load_state_dict(state); });
  CHECK_THAT(message, contains("AdamW"));
  CHECK_THAT(message, contains("'state.0.exp_avg' has shape [2, 4], but parameter 'weight' of Linear has [2, 3]"));
  CHECK_THAT(message, contains("'param_groups.0.eps' is missing"));
  CHECK_THAT(message, contains("'surplus'"));
  CHECK_THAT(message, contains("'param_groups.0.lr' should be one number, but has shape [2]"));
  for (const auto& [name, value] : optimizer.state_dict()) CHECK(mote::equal(value, before.at(name)));
}

TEST_CASE("a state dict of another number of parameters or another optimizer is refused") {
  nn::Linear layer(3, 2), without(3, 2, {.bias = false});
  optim::AdamW optimizer(layer.parameters());
  train(layer, optimizer, 1);
  optim::AdamW fewer(without.parameters());
  CHECK_THAT(message_of<mote::StateError>([&] { fewer.load_state_dict(optimizer.state_dict()); }),
             contains("2 parameters there, but 1 here"));
  optim::SGD sgd(layer.parameters());
  CHECK_THAT(message_of<mote::StateError>([&] { sgd.load_state_dict(optimizer.state_dict()); }),
             contains("'param_groups.0.momentum' is missing") && contains("'state.0.exp_avg'"));
  StateDict partial = optimizer.state_dict();
  partial.erase("state.0.exp_avg_sq");
  CHECK_THAT(message_of<mote::StateError>([&] { optimizer.load_state_dict(partial); }),
             contains("'state.0.exp_avg_sq' is missing"));
}

TEST_CASE("a capturable AdamW takes the steps of one that is not, and reads its state") {
  nn::Linear one(3, 2), two(3, 2);
  two.load_state_dict(one.state_dict());
  optim::AdamW counting(one.parameters(), {.lr = 0.1}), capturable(two.parameters(), {.lr = 0.1, .capturable = true});
  const auto same = [&] { CHECK((mote::equal(one.weight, two.weight) && mote::equal(one.bias, two.bias))); };
  train(one, counting, 3);
  train(two, capturable, 3);
  same();
  CHECK(capturable.state_dict().at("state.0.step").dtype() == mote::float32);
  CHECK(capturable.state_dict().at("state.0.step").item<float>() == 3.0f);
  for (const auto& [name, value] : counting.state_dict())
    CHECK(mote::equal(value.to(mote::float64), capturable.state_dict().at(name).to(mote::float64)));
  for (const double lr : {0.05, 0.2}) {
    counting.param_groups()[0].lr = capturable.param_groups()[0].lr = lr;
    train(one, counting, 1);
    train(two, capturable, 1);
    same();
  }
  capturable.load_state_dict(counting.state_dict());
  counting.load_state_dict(capturable.state_dict());
  train(one, counting, 1);
  train(two, capturable, 1);
  same();
  capturable.param_groups()[0].options.capturable = false;
  counting.param_groups()[0].options.capturable = true;
  train(one, counting, 2);
  train(two, capturable, 2);
  same();
  CHECK(capturable.state_dict().at("state.0.step").item<double>() == 8.0);
  CHECK_THAT(
      message_of<mote::ValueError>([&] { optim::AdamW(one.parameters(), {.amsgrad = true, .capturable = true}); }),
      contains("amsgrad"));
}

TEST_CASE("loading puts an optimizer's state where it was") {
  nn::Linear layer(3, 2);
  optim::AdamW optimizer(layer.parameters(), {.lr = 0.1, .capturable = true});
  train(layer, optimizer, 1);
  StateDict saved;
  for (const auto& [name, value] : optimizer.state_dict()) saved.insert(name, value.clone());
  const Tensor average = optimizer.state_dict().at("state.0.exp_avg");
  const void* const memory = average.data_ptr();
  train(layer, optimizer, 2);
  optimizer.load_state_dict(saved);
  CHECK(optimizer.state_dict().at("state.0.exp_avg").data_ptr() == memory);
  CHECK(mote::equal(average, saved.at("state.0.exp_avg")));
  CHECK(optimizer.state_dict().at("state.0.step").item<float>() == 1.0f);
}
