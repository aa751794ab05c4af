// The chapter on 16-bit training: autocast, a gradient scaler, and parameters of 16 bits with float32 masters.
#include <mote/mote.h>

#include <iostream>

namespace nn = mote::nn;
namespace optim = mote::optim;
using mote::Tensor;

static void autocast() {
  nn::Linear layer(64, 10);
  const Tensor x = mote::ones({8, 64}), target = mote::zeros({8}, {.dtype = mote::int64});
  Tensor logits, loss;
  {
    mote::AutocastGuard guard("cpu", mote::bfloat16);
    logits = layer(x);
    loss = mote::cross_entropy(logits, target);
  }
  loss.backward();
  std::cout << "logits " << mote::name_of(logits.dtype()) << ", loss " << mote::name_of(loss.dtype()) << "\n";
  std::cout << "weight " << mote::name_of(layer.weight.dtype()) << ", its gradient "
            << mote::name_of(layer.weight.grad().dtype()) << "\n";
}

static void guards_nest() {
  const Tensor x = mote::ones({2, 2});
  mote::AutocastGuard guard("cpu", mote::bfloat16);
  {
    mote::AutocastGuard off("cpu", false);
    std::cout << mote::name_of(mote::matmul(x, x).dtype()) << ", ";
  }
  std::cout << mote::name_of(mote::matmul(x, x).dtype()) << "\n";
}

static void float16_with_a_scaler() {
  mote::manual_seed(1);
  nn::Linear layer(64, 10);
  const Tensor x = mote::randn({8, 64}), target = mote::arange(8);
  optim::AdamW optimizer(layer.parameters());
  optim::GradScaler scaler({.init_scale = 0x1p20});
  for (int step = 0; step < 6; ++step) {
    optimizer.zero_grad();
    Tensor loss;
    {
      mote::AutocastGuard guard("cpu", mote::float16);
      loss = mote::cross_entropy(layer(x), target);
    }
    scaler.scale(loss).backward();
    scaler.unscale_(optimizer);  // for clip_grad_norm_; otherwise step() does it
    nn::clip_grad_norm_(layer.parameters(), 1.0);
    const bool stepped = scaler.step(optimizer);
    scaler.update();
    std::cout << (stepped ? "stepped" : "left out") << ", the scale is now " << scaler.get_scale() << "\n";
  }
}

static void float32_masters() {
  nn::Linear layer(2, 1, {.bias = false});
  layer.to(mote::bfloat16);
  {
    const mote::NoGradGuard no_grad;
    layer.weight.fill_(1.0);
  }
  optim::SGD optimizer(layer.parameters(), {.lr = 1e-3});
  for (int step = 0; step < 100; ++step) {
    layer.weight.set_grad(mote::ones_like(layer.weight));
    optimizer.step();
  }
  std::cout << layer.weight << "\n" << optimizer.state_dict().at("state.0.master_param") << "\n";
}

int main() {
  autocast();
  guards_nest();
  float16_with_a_scaler();
  float32_masters();
}
