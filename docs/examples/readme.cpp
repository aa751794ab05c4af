#include <mote/mote.h>

#include <iostream>

struct Model : mote::nn::Module {  // scales its input, then applies a line
  mote::nn::Linear line = register_module("line", mote::nn::Linear(2, 1));
  mote::nn::Buffer scale = register_buffer("scale", mote::tensor({100.0, 1.0}));
  mote::Tensor forward(const mote::Tensor& x) { return line(x / scale); }
};

int main() {
  mote::manual_seed(0);
  Model model;
  mote::optim::SGD optimizer(model.parameters(), {.lr = 0.5});  // parameters only, never the buffer
  mote::Tensor x = mote::rand({32, 2}) * model.scale;
  mote::Tensor y = mote::matmul(x / model.scale, mote::tensor({{2.0}, {-3.0}})) + 1.0;
  for (int step = 0; step < 200; ++step) {
    optimizer.zero_grad();
    mote::mse_loss(model.forward(x), y).backward();
    optimizer.step();
  }
  std::cout << model << "\n\n" << model.line.weight << "\n" << model.line.bias << "\n";
}
