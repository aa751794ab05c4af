// Clipping on a device: what it scales there, and that nothing waits for the device unless the caller asks for a value.
#include <mote/mote.h>

#include <limits>

#include "support/catch.h"
#include "support/fake_backend.h"

namespace nn = mote::nn;
using mote::Tensor;

namespace {

// Two layers on the device, with gradients.
struct OnDevice {
  explicit OnDevice(mote::testing::FakeBackend& backend) {
    layers.emplace_back(3, 4);
    layers.emplace_back(4, 2);
    for (nn::Linear& layer : layers) layer.to("cuda");
    backward();
    backend.reset_calls();
  }

  void backward() {
    Tensor x = mote::ones({5, 3}, {.device = "cuda"});
    for (nn::Linear& layer : layers) x = layer(x);
    (x * x).sum().backward();
  }

  std::vector<nn::Parameter> parameters() const {
    std::vector<nn::Parameter> all;
    for (const nn::Linear& layer : layers)
      for (const nn::Parameter& parameter : layer.parameters()) all.push_back(parameter);
    return all;
  }

  // All gradients as one vector on the CPU.
  Tensor gradients() const {
    std::vector<Tensor> rows;
    for (const nn::Parameter& parameter : parameters()) rows.push_back(parameter.grad().to("cpu").reshape({-1}));
    return mote::cat(rows);
  }

  std::vector<nn::Linear> layers;
};

}  // namespace

TEST_CASE("clip_grad_norm_ scales gradients on a device and copies nothing to the host") {
  mote::testing::FakeBackend backend;
  const mote::BackendOverride fake(mote::DeviceType::CUDA, backend);
  for (const double norm_type : {2.0, 1.0, std::numeric_limits<double>::infinity()}) {
    OnDevice model(backend);
    const Tensor before = model.gradients();
    backend.reset_calls();
    const Tensor norm = nn::clip_grad_norm_(model.parameters(), 0.5, norm_type);
    CHECK(backend.total_calls() > 0);
    CHECK(backend.calls("copy_to_host") == 0);
    CHECK(backend.calls("synchronize") == 0);
    CHECK(norm.device().is_cuda());
    const Tensor want = std::isinf(norm_type) ? before.abs().max() : before.norm(norm_type);
    CHECK(mote::allclose(norm.to("cpu"), want, 1e-5));
    CHECK(mote::allclose(model.gradients(), before * (0.5 / want.item<double>()), 1e-4, 1e-6));
  }
}

TEST_CASE("clip_grad_norm_ reads one value where it must say that the norm is not finite") {
  mote::testing::FakeBackend backend;
  const mote::BackendOverride fake(mote::DeviceType::CUDA, backend);
  OnDevice model(backend);
  nn::clip_grad_norm_(model.parameters(), 0.5, 2.0, true);
  CHECK(backend.calls("copy_to_host") == 1);
  model.layers[0].bias.grad().fill_(NAN);
  const Tensor before = model.layers[1].weight.grad().to("cpu");
  CHECK_THROWS_AS(nn::clip_grad_norm_(model.parameters(), 0.5, 2.0, true), mote::StateError);
  CHECK(mote::equal(model.layers[1].weight.grad().to("cpu"), before));
}

TEST_CASE("clip_grad_value_ copies nothing to the host") {
  mote::testing::FakeBackend backend;
  const mote::BackendOverride fake(mote::DeviceType::CUDA, backend);
  OnDevice model(backend);
  nn::clip_grad_value_(model.parameters(), 0.01);
  CHECK(backend.calls("copy_to_host") == 0);
  CHECK(model.gradients().abs().max().item<float>() <= 0.01F);
}

TEST_CASE("a training step on a device copies nothing to the host") {
  mote::testing::FakeBackend backend;
  const mote::BackendOverride fake(mote::DeviceType::CUDA, backend);
  OnDevice model(backend);
  mote::optim::AdamW optimizer(model.parameters(), {.lr = 0.1});
  const Tensor before = model.layers[0].weight.to("cpu");
  backend.reset_calls();
  for (int i = 0; i < 3; ++i) {
    optimizer.zero_grad();
    model.backward();
    nn::clip_grad_norm_(model.parameters(), 1.0);
    optimizer.step();
  }
  CHECK(backend.calls("copy_to_host") == 0);
  CHECK(backend.calls("synchronize") == 0);
  CHECK_FALSE(mote::equal(model.layers[0].weight.to("cpu"), before));
}
