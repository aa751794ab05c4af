// Training steps of small MLPs.
#include <fmt/format.h>

#include <memory>

#include "harness/prepared.h"
#include "rows.h"

namespace bench {

namespace {

constexpr double kRate = 1e-2;
constexpr int kSteps = 4;  // that are verified

struct Network {
  std::vector<int64_t> sizes;
  int64_t batch;
};

struct MLP : mote::nn::Module {
  explicit MLP(const std::vector<int64_t>& sizes) {
    for (size_t i = 0; i + 1 < sizes.size(); ++i)
      layers.push_back(register_module(std::to_string(i), mote::nn::Linear(sizes[i], sizes[i + 1])));
  }
  Tensor forward(Tensor x) const {
    for (size_t i = 0; i < layers.size(); ++i) x = i == 0 ? layers[i](x) : layers[i](mote::relu(x));
    return x;
  }
  std::vector<mote::nn::Linear> layers;
};

// A model with its data: drawn from kSeed, then in the given dtype.
struct Step {
  Step(const Network& network, DType dtype, const mote::Device& device)
      : model((mote::manual_seed(kSeed), network.sizes)),
        x(mote::randn({network.batch, network.sizes.front()}).to(device, dtype)),
        y(mote::randn({network.batch, network.sizes.back()}).to(device, dtype)),
        optimizer(model.to(device, dtype).parameters(), {.lr = kRate}) {}

  Tensor operator()() {
    optimizer.zero_grad();
    Tensor loss = mote::mse_loss(model.forward(x), y);
    loss.backward();
    optimizer.step();
    return loss.detach();
  }

  MLP model;
  Tensor x, y;
  mote::optim::SGD optimizer;
};

// The losses of the steps, then the parameters.
std::vector<Tensor> results_of(Step& step) {
  std::vector<Tensor> results;
  for (int i = 0; i < kSteps; ++i) results.push_back(step());
  for (const auto& parameter : step.model.parameters()) results.push_back(parameter.detach().clone());
  return results;
}

Costs costs_of(const Network& network) {
  double weights = 0;
  for (size_t i = 0; i + 1 < network.sizes.size(); ++i)
    weights += static_cast<double>(network.sizes[i] * network.sizes[i + 1]);
  // Forward and two products backward, but one in the first layer, whose input needs no gradient. The weights are read
  // there and by the optimizer, which writes them; their gradients are written and read.
  const auto first = static_cast<double>(network.sizes[0] * network.sizes[1]);
  return {(6 * weights - 2 * first) * static_cast<double>(network.batch), 4 * (6 * weights - first)};
}

Prepared prepare(const Network& network, const mote::Device& device, const Row& row) {
  Step exact(network, DType::Float64, device);
  const auto step = std::make_shared<Step>(network, DType::Float32, device);
  const std::vector<Tensor> got = results_of(*step);
  Prepared prepared = checked(row, repeated([step] { return (*step)(); }), got, results_of(exact), {got[kSteps - 1]},
                              costs_of(network));
  prepared.release = [step] { step->optimizer.zero_grad(); };
  return prepared;
}

}  // namespace

void add_workloads(Rows& rows, const Selection& selection) {
  for (const auto& [network, headline] :
       choose<Network>(selection, {{{4, 16, 1}, 8}, {{784, 512, 512, 10}, 64}}, {}, {{{3, 5, 2}, 4}})) {
    const std::string sizes = fmt::format("{}", fmt::join(network.sizes, ", "));
    const auto form = [&network = network, &sizes](const char* name, const char* options) {
      return TorchForm{.form = name,
                       .setup = fmt::format("step = models.SGDStep([{}], {}, {}, device{})\nfor _ in range({}): step()",
                                            sizes, network.batch, kRate, options, kSteps - 1),
                       .run = "step()",
                       .release = "step.optimizer.zero_grad(set_to_none=True)",
                       .grad = true};
    };
    rows.push_back({.family = "workloads",
                    .operation = "mlp_step",
                    .shape = fmt::format("{}@{}", fmt::join(network.sizes, "-"), network.batch),
                    .direction = Direction::Both,
                    .headline = headline,
                    .prepare = [network = network,
                                device = selection.device](const Row& row) { return prepare(network, device, row); },
                    .torch = {form("", ""), form("fused optimizer", ", fused=True")}});
  }
}

}  // namespace bench
