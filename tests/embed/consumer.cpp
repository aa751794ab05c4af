// A program of somebody else's that uses mote: a layer, a loss, a step.
#include <mote/mote.h>

#include <iostream>

int main() {
  mote::manual_seed(1);
  mote::nn::Linear layer(3, 1);
  const mote::Tensor x = mote::randn({16, 3}), y = x.sum(1, true);
  mote::optim::SGD optimizer(layer.parameters(), {.lr = 0.1});
  const auto loss = [&] { return mote::mse_loss(layer(x), y); };
  const double before = loss().item<double>();
  for (int i = 0; i < 50; ++i) {
    optimizer.zero_grad();
    loss().backward();
    optimizer.step();
  }
  const double after = loss().item<double>();
  std::cout << "loss " << before << " -> " << after << "\n";
  return after < 0.1 * before ? 0 : 1;
}
