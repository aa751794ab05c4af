// The chapter on CUDA graphs: a captured training step, and a captured backward with the optimizer outside of it.
#include <mote/mote.h>

#include <iostream>

namespace cuda = mote::cuda;
namespace nn = mote::nn;
namespace optim = mote::optim;
using mote::Tensor;

static void whole_step() {
  const mote::TensorOptions on_cuda{.device = "cuda"};
  nn::Linear model(8, 2);
  model.to("cuda");
  optim::SGD optimizer(model.parameters(), {.lr = 0.05});
  const Tensor x = mote::zeros({16, 8}, on_cuda), y = mote::zeros({16, 2}, on_cuda);
  Tensor loss;

  cuda::Graph graph;
  graph.capture([&] {
    optimizer.zero_grad();
    loss = mote::mse_loss(model(x), y);
    loss.backward();
    optimizer.step();
  });
  for (int step = 0; step < 100; ++step) {
    const Tensor batch = mote::randn({16, 8});
    x.copy_(batch);
    y.copy_(batch.narrow(1, 0, 2));
    graph.replay();
  }
  std::cout << "whole step: " << (loss.item<float>() < 0.1f ? "learned" : "did not learn") << "\n";
}

static void optimizer_outside() {
  const mote::TensorOptions on_cuda{.device = "cuda"};
  nn::Linear model(8, 2);
  model.to("cuda");
  const Tensor x = mote::randn({16, 8}, on_cuda), y = mote::zeros({16, 2}, on_cuda);
  Tensor loss;

  optim::AdamW optimizer(model.parameters(), {.lr = 0.05});
  cuda::Graph graph;
  graph.capture([&] {
    optimizer.zero_grad();
    loss = mote::mse_loss(model(x), y);
    loss.backward();
  });
  for (int step = 0; step < 100; ++step) {
    graph.replay();
    optimizer.step();
  }
  std::cout << "optimizer outside: " << (loss.item<float>() < 0.1f ? "learned" : "did not learn") << "\n";
}

int main() {
  if (!cuda::is_available()) {
    std::cout << "no CUDA device, real or simulated\n";
    return 0;
  }
  mote::manual_seed(1);
  whole_step();
  optimizer_outside();
}
