// Line 7 of the module contract: state dicts and loading.
#include <mote/mote.h>

#include <filesystem>
#include <string>
#include <vector>

#include "support/catch.h"
#include "support/fake_backend.h"

namespace nn = mote::nn;
using mote::Device, mote::StateDict, mote::Tensor;
using mote::testing::contains;
using mote::testing::message_of;
using Names = std::vector<std::string>;

namespace {

class Net : public nn::Module {
 public:
  Net()
      : body(register_module("body", nn::Sequential(nn::Linear(2, 3), nn::BatchNorm1d(3), nn::Linear(3, 1)))),
        hidden(register_buffer("hidden", mote::ones({4}), {.persistent = false})) {}
  nn::Sequential body;
  nn::Buffer hidden;
};

StateDict cloned(const nn::Module& module) {
  StateDict result;
  for (const auto& [name, value] : module.state_dict()) result.insert(name, value.clone());
  return result;
}

bool unchanged(const nn::Module& module, const StateDict& before) {
  for (const auto& [name, value] : module.state_dict())
    if (!mote::equal(value, before.at(name))) return false;
  return true;
}

}  // namespace

TEST_CASE("a state dict holds parameters and persistent buffers under PyTorch's names") {
  Net net;
  Names names;
  for (const auto& [name, value] : net.state_dict()) {
    names.push_back(name);
    CHECK_FALSE(value.requires_grad());
  }
  CHECK(names == Names{"body.0.weight", "body.0.bias", "body.1.weight", "body.1.bias", "body.1.running_mean",
                       "body.1.running_var", "body.1.num_batches_tracked", "body.2.weight", "body.2.bias"});
  net.state_dict().at("body.0.bias").fill_(3.0);  // the module's own memory
  CHECK(net.body.get<nn::Linear>(0).bias.max().item<float>() == 3.0f);
}

TEST_CASE("loading copies into the module's own tensors, with their dtype and device") {
  mote::testing::FakeBackend backend;
  const mote::BackendOverride guard(mote::DeviceType::CUDA, backend);
  Net source, target;
  source.to(mote::float64);
  target.to("cuda");
  const Tensor weight = target.body.get<nn::Linear>(0).weight;
  const mote::LoadReport report = target.load_state_dict(source.state_dict());
  CHECK(report.missing.empty());
  CHECK(report.unexpected.empty());
  CHECK(mote::is_same(weight, target.body.get<nn::Linear>(0).weight));
  CHECK(weight.dtype() == mote::float32);
  CHECK(weight.device() == Device("cuda:0"));
  CHECK(mote::equal(weight.to("cpu"), source.body.get<nn::Linear>(0).weight.to(mote::float32)));
}

TEST_CASE("a state dict that does not fit changes nothing, and all that is wrong is said at once") {
  Net net;
  const StateDict before = cloned(net);
  StateDict bad = cloned(Net());
  bad.at("body.0.weight") = mote::zeros({7, 7});
  bad.at("body.2.bias") = mote::zeros({2});
  bad.erase("body.0.bias");
  bad.insert("extra", mote::zeros({1}));
  const std::string message = message_of<mote::StateError>([&] { net.load_state_dict(bad); });
  CHECK_THAT(message, contains("size mismatch for body.0.weight: copying a param with shape [7, 7] from checkpoint, "
                               "the shape in current model is [3, 2]."));
  CHECK_THAT(message, contains("size mismatch for body.2.bias: copying a param with shape [2] from checkpoint, the "
                               "shape in current model is [1]."));
  CHECK_THAT(message, contains("Missing key(s) in state_dict: \"body.0.bias\""));
  CHECK_THAT(message, contains("Unexpected key(s) in state_dict: \"extra\""));
  CHECK_THAT(message, contains("load_state_dict") && contains("Net"));
  CHECK(unchanged(net, before));
}

TEST_CASE("without strict, what fits is loaded and the report lists the rest") {
  Net net;
  StateDict partial = cloned(Net());
  partial.erase("body.0.bias");
  partial.insert("extra", mote::zeros({1}));
  const mote::LoadReport report = net.load_state_dict(partial, {.strict = false});
  CHECK(report.missing == Names{"body.0.bias"});
  CHECK(report.unexpected == Names{"extra"});
  CHECK(report.hint.empty());
  CHECK(mote::equal(net.body.get<nn::Linear>(0).weight, partial.at("body.0.weight")));
  const StateDict before = cloned(net);
  partial.at("body.0.weight") = mote::zeros({1});
  CHECK_THAT(message_of<mote::StateError>([&] { net.load_state_dict(partial, {.strict = false}); }),
             contains("size mismatch"));
  CHECK(unchanged(net, before));
}

TEST_CASE("where no name matches, the prefix to strip or to add is named") {
  Net net;
  StateDict wrapped, bare;
  for (const auto& [name, value] : net.state_dict()) {
    wrapped.insert("module." + name, value);
    bare.insert(name.substr(std::string("body.").size()), value);
  }
  CHECK_THAT(message_of<mote::StateError>([&] { net.load_state_dict(wrapped); }),
             contains("'module.' is stripped") && contains("9 of 9"));
  CHECK_THAT(message_of<mote::StateError>([&] { net.load_state_dict(bare); }), contains("'body.' is added"));
  CHECK_THAT(net.load_state_dict(wrapped, {.strict = false}).hint, contains("'module.'"));
  CHECK_THAT(message_of<mote::StateError>([&] {
               net.load_state_dict({{"other", mote::ones({1})}});
             }),
             !contains("prefix"));
}

TEST_CASE("loading a module's own state dict, or with its tensors swapped, is safe") {
  Net net;
  const StateDict before = cloned(net);
  net.load_state_dict(net.state_dict());
  CHECK(unchanged(net, before));
  nn::Sequential pair(nn::Linear(2, 2, {.bias = false}), nn::Linear(2, 2, {.bias = false}));
  const StateDict old = cloned(pair), own = pair.state_dict();
  pair.load_state_dict({{"0.weight", own.at("1.weight")}, {"1.weight", own.at("0.weight")}});
  CHECK(mote::equal(pair.state_dict().at("0.weight"), old.at("1.weight")));
  CHECK(mote::equal(pair.state_dict().at("1.weight"), old.at("0.weight")));
}

TEST_CASE("with assign the module takes the tensors themselves") {
  nn::BatchNorm1d source(3), target(3, {.device = "meta"});
  mote::optim::SGD optimizer(target.parameters(), {.lr = 1.0});
  source.to(mote::float64);
  target.load_state_dict(source.state_dict(), {.assign = true});
  CHECK(target.weight.device() == Device("cpu"));
  CHECK(target.weight.dtype() == mote::float64);
  CHECK(target.weight.requires_grad());
  target.weight.set_grad(mote::ones({3}, {.dtype = mote::float64}));
  optimizer.step();
  CHECK(mote::equal(target.weight, mote::zeros({3}, {.dtype = mote::float64})));
  CHECK(mote::equal(source.weight, target.weight));  // one memory
}

TEST_CASE("a tensor without data is refused by name") {
  nn::Linear layer(2, 2);
  CHECK_THAT(message_of<mote::StateError>([&] {
               layer.load_state_dict({{"weight", Tensor()}, {"bias", mote::ones({2}, {.device = "meta"})}});
             }),
             contains("weight: the tensor in the state dict is undefined") && contains("bias") && contains("meta"));
}

TEST_CASE("a slot that cannot be written is found before anything is copied") {
  class Expanded : public nn::Module {
   public:
    Expanded()
        : weight(register_parameter("weight", mote::zeros({2}))),
          mask(register_buffer("mask", mote::ones({1, 3}).expand({2, 3}))) {}
    nn::Parameter weight;
    nn::Buffer mask;
  };
  Expanded module;
  const StateDict state{{"weight", mote::ones({2})}, {"mask", mote::zeros({2, 3})}};
  CHECK_THAT(message_of<mote::StateError>([&] { module.load_state_dict(state); }),
             contains("mask") && contains("expanded") && contains("clone()"));
  CHECK(mote::equal(module.weight, mote::zeros({2})));
  module.load_state_dict(state, {.assign = true});
  CHECK(mote::equal(module.mask, mote::zeros({2, 3})));
}

TEST_CASE("a state dict goes through a file") {
  const std::filesystem::path path = std::filesystem::temp_directory_path() / "mote-load-state-dict.safetensors";
  Net source, target;
  mote::save_safetensors(path.string(), source.state_dict());
  target.load_state_dict(mote::load_safetensors(path.string()));
  std::filesystem::remove(path);
  CHECK(unchanged(target, source.state_dict()));
}
