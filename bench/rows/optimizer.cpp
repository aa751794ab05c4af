// Steps of AdamW over parameters in one tensor and in many.
#include <fmt/format.h>

#include <cmath>
#include <memory>

#include "harness/prepared.h"
#include "rows.h"

namespace bench {

namespace {

constexpr double kRate = 1e-3, kDecay = 1e-2, kBeta1 = 0.9, kBeta2 = 0.999, kEps = 1e-8;
constexpr int kSteps = 3;                   // that are verified
constexpr double kFlops = 12, kBytes = 28;  // a parameter: it, its gradient and two averages read, three written

struct Layout {
  int64_t elements;
  int64_t tensors;
};

std::vector<Tensor> draw(const Layout& layout) {
  std::vector<Tensor> tensors;
  for (int64_t i = 0; i < layout.tensors; ++i) tensors.push_back(mote::randn({layout.elements / layout.tensors}));
  return tensors;
}

// As Loshchilov and Hutter write it, in float64: the parameters and both averages after kSteps.
std::vector<Tensor> reference(const Tensor& parameter, const Tensor& gradient) {
  Tensor p = parameter.to(mote::float64), m = mote::zeros_like(p), v = mote::zeros_like(p);
  const Tensor g = gradient.to(mote::float64);
  for (int step = 1; step <= kSteps; ++step) {
    p = p * (1 - kRate * kDecay);
    m = m * kBeta1 + g * (1 - kBeta1);
    v = v * kBeta2 + g * g * (1 - kBeta2);
    p = p - m / (1 - std::pow(kBeta1, step)) * kRate / (mote::sqrt(v / (1 - std::pow(kBeta2, step))) + kEps);
  }
  return {p, m, v};
}

// The same three of the optimizer, each of all its tensors in a row.
std::vector<Tensor> results_of(const mote::optim::AdamW& optimizer, const std::vector<mote::nn::Parameter>& slots) {
  const mote::StateDict state = optimizer.state_dict();
  std::vector<Tensor> parameters, first, second;
  for (size_t i = 0; i < slots.size(); ++i) {
    parameters.push_back(slots[i].detach());
    first.push_back(state.at(fmt::format("state.{}.exp_avg", i)));
    second.push_back(state.at(fmt::format("state.{}.exp_avg_sq", i)));
  }
  return {mote::cat(parameters), mote::cat(first), mote::cat(second)};
}

struct Parameters : mote::nn::Module {
  Parameters(const std::vector<Tensor>& tensors, const mote::Device& device) {
    for (size_t i = 0; i < tensors.size(); ++i) register_parameter(std::to_string(i), tensors[i].to(device, true));
  }
};

Prepared prepare(const Layout& layout, const mote::Device& device, const Row& row) {
  mote::manual_seed(kSeed);
  const std::vector<Tensor> start = draw(layout), gradients = draw(layout);
  const Parameters parameters(start, device);
  const std::vector<mote::nn::Parameter> slots = parameters.parameters();
  for (size_t i = 0; i < slots.size(); ++i) slots[i].set_grad(gradients[i].to(device));
  auto optimizer = std::make_shared<mote::optim::AdamW>(slots, mote::optim::AdamWOptions{.lr = kRate});
  for (int step = 0; step < kSteps; ++step) optimizer->step();
  const auto n = static_cast<double>(layout.elements);
  const auto loop = [optimizer](int64_t repetitions) {
    for (int64_t i = 0; i < repetitions; ++i) optimizer->step();
  };
  return checked(row, loop, results_of(*optimizer, slots), reference(mote::cat(start), mote::cat(gradients)),
                 {slots[0].detach()}, {kFlops * n, kBytes * n});
}

TorchForm torch_form(const Layout& layout, const char* form, const char* arguments) {
  return {.form = form,
          .setup = fmt::format("draw = lambda: [torch.randn({}).to(device) for _ in range({})]\n"
                               "parameters, gradients = draw(), draw()\n"
                               "for p, g in zip(parameters, gradients): p.grad = g\n"
                               "optimizer = torch.optim.AdamW(parameters, lr={}, weight_decay={}{})\n"
                               "def step():\n"
                               "    optimizer.step()\n"
                               "    return parameters[0]\n"
                               "for _ in range({}): step()\n",
                               layout.elements / layout.tensors, layout.tensors, kRate, kDecay, arguments, kSteps - 1),
          .run = "step()"};
}

}  // namespace

void add_optimizer(Rows& rows, const Selection& selection) {
  const std::vector<Layout> headline = {{10'000'000, 1}, {10'000'000, 100}, {10'000'000, 1000}};
  for (const auto& [layout, is_headline] : choose<Layout>(selection, headline, {{100'000, 100}}, {{300, 3}}))
    rows.push_back({.family = "optimizer",
                    .operation = "adamw",
                    .shape = fmt::format("{}in{}", layout.elements, layout.tensors),
                    .headline = is_headline,
                    .prepare = [layout = layout,
                                device = selection.device](const Row& row) { return prepare(layout, device, row); },
                    .torch = {torch_form(layout, "", ""), torch_form(layout, "foreach", ", foreach=True"),
                              torch_form(layout, "fused", ", fused=True")}});
}

}  // namespace bench
