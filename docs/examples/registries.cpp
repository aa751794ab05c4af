// The chapter on modules: what each registry promises.
#include <mote/mote.h>

#include <cmath>
#include <iostream>

namespace nn = mote::nn;
using mote::Tensor;

// Keeps a running mean of what it sees and takes it off.
class Center : public nn::Module {
 public:
  explicit Center(int64_t width)
      : shift(register_parameter("shift", mote::zeros({width}))),
        mean(register_buffer("mean", mote::zeros({width}))),
        seen(register_buffer("seen", mote::zeros({}, {.dtype = mote::int64}))) {}

  Tensor forward(const Tensor& x) {
    if (is_training()) {
      mean = 0.9 * mean + 0.1 * x.detach().mean({0});  // assigning to a buffer writes the registry
      seen = seen + 1;
    }
    return x - mean + shift;
  }

  nn::Parameter shift;
  nn::Buffer mean;
  nn::Buffer seen;
};

// The table is computed, so it need not be saved; its recipe makes it again where it has lost its data.
class Waves : public nn::Module {
 public:
  explicit Waves(int64_t length)
      : table(register_buffer("table", [length] { return mote::sin(mote::arange(0, length).to(mote::float32)); },
                              {.persistent = false})) {}

  nn::Buffer table;
};

static void two_registries() {
  Center center(2);
  mote::optim::SGD optimizer(center.parameters(), {.lr = 0.1});
  center.forward(mote::ones({4, 2})).sum().backward();
  optimizer.step();
  for (const auto& [name, parameter] : center.named_parameters()) std::cout << "P " << name << " " << parameter << "\n";
  for (const auto& [name, buffer] : center.named_buffers()) std::cout << "B " << name << " " << buffer << "\n";
}

static void casts() {
  Center center(2);
  center.to(mote::float64);
  std::cout << center << "\n";
}

static void names() {
  class Clash : public nn::Module {
   public:
    Clash() {
      register_parameter("x", mote::ones({1}));
      register_buffer("x", mote::ones({1}));
    }
  };
  try {
    Clash clash;
  } catch (const mote::StateError& error) {
    std::cout << error.what() << "\n";
  }
}

static void recipes() {
  Waves waves(4);
  waves.to("meta");
  waves.to_empty("cpu");
  std::cout << waves.table << "\n";
  std::cout << waves.state_dict().size() << " tensors in the state dict\n";
}

static void ties() {
  nn::Embedding embedding(10, 4);
  nn::Linear head(4, 10, {.bias = false});
  head.weight = embedding.weight;
  nn::Sequential model(std::move(embedding), std::move(head));
  std::cout << model << "\n" << model.num_parameters() << " numbers to train\n";
}

static void loading() {
  Center center(2), other(3);
  try {
    center.load_state_dict(other.state_dict());
  } catch (const mote::Error& error) {
    std::cout << error.what() << "\n";
  }
}

int main() {
  for (const auto& section : {two_registries, casts, names, recipes, ties, loading}) {
    section();
    std::cout << "\n";
  }
}
