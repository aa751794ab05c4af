// Optimizers, schedules and clipping against PyTorch's numbers (tests/data/golden/optimizers.py).
#include <mote/mote.h>

#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "support/catch.h"
#include "support/data.h"

namespace nn = mote::nn;
namespace optim = mote::optim;
using mote::StateDict, mote::Tensor;
using mote::testing::contains;
using mote::testing::message_of;

namespace {

constexpr int kSteps = 6;

const StateDict& golden() {
  static const StateDict values = mote::load_safetensors(mote::testing::data_path("optimizers.safetensors"));
  return values;
}

std::string key(const std::string& list, int step, int index) {
  return list + "." + std::to_string(step) + "." + std::to_string(index);
}

// The two parameters from which every trajectory starts.
class Model : public nn::Module {
 public:
  Model()
      : a(register_parameter("a", golden().at("start.0").clone())),
        b(register_parameter("b", golden().at("start.1").clone())) {}
  void set_gradients(int step) {
    a.set_grad(golden().at(key("gradient", step, 0)).clone());
    b.set_grad(golden().at(key("gradient", step, 1)).clone());
  }
  nn::Parameter a, b;
};

template <class Make>
void check_trajectory(const std::string& name, Make make) {
  Model model;
  auto optimizer = make(model);
  for (int step = 0; step < kSteps; ++step) {
    INFO(name << ", step " << step);
    model.set_gradients(step);
    optimizer.step();
    CHECK(mote::allclose(model.a, golden().at(key(name, step, 0)), 2e-6, 1e-7));
    CHECK(mote::allclose(model.b, golden().at(key(name, step, 1)), 2e-6, 1e-7));
    CHECK(mote::equal(model.a.grad(), golden().at(key("gradient", step, 0))));  // a step leaves gradients alone
  }
}

}  // namespace

TEST_CASE("SGD follows PyTorch's trajectories") {
  using Options = optim::SGDOptions;
  const auto check = [](const char* name, const Options& options) {
    check_trajectory(name, [&](Model& model) { return optim::SGD(model.parameters(), options); });
  };
  check("sgd", {.lr = 0.1});
  check("sgd_momentum", {.lr = 0.1, .momentum = 0.9});
  check("sgd_dampening", {.lr = 0.1, .momentum = 0.9, .dampening = 0.5});
  check("sgd_nesterov", {.lr = 0.1, .momentum = 0.9, .nesterov = true});
  check("sgd_weight_decay", {.lr = 0.1, .momentum = 0.8, .weight_decay = 0.05});
  check("sgd_maximize", {.lr = 0.1, .maximize = true});
}

TEST_CASE("Adam and AdamW follow PyTorch's trajectories") {
  check_trajectory("adam", [](Model& model) { return optim::Adam(model.parameters(), {.lr = 0.01}); });
  check_trajectory("adam_options", [](Model& model) {
    return optim::Adam(model.parameters(), {.lr = 0.02, .betas = {0.8, 0.95}, .eps = 1e-6, .weight_decay = 0.1});
  });
  check_trajectory("adam_amsgrad",
                   [](Model& model) { return optim::Adam(model.parameters(), {.lr = 0.01, .amsgrad = true}); });
  check_trajectory("adamw", [](Model& model) { return optim::AdamW(model.parameters(), {.lr = 0.01}); });
  check_trajectory("adamw_options", [](Model& model) {
    return optim::AdamW(model.parameters(), {.lr = 0.02, .betas = {0.8, 0.95}, .eps = 1e-6, .weight_decay = 0.2});
  });
  check_trajectory("two_groups", [](Model& model) {
    return optim::AdamW({{.params = {model.a}, .weight_decay = 0.3}, {.params = {model.b}, .lr = 0.05}},
                        {.lr = 0.01, .weight_decay = 0.0});
  });
  check_trajectory("adam_maximize",
                   [](Model& model) { return optim::Adam(model.parameters(), {.lr = 0.01, .maximize = true}); });
}

TEST_CASE("every option can differ from group to group, as in PyTorch") {
  check_trajectory("sgd_groups", [](Model& model) {
    return optim::SGD({{.params = {model.a}, .momentum = 0.5, .maximize = true},
                       {.params = {model.b}, .lr = 0.02, .momentum = 0.8, .nesterov = true}},
                      {.lr = 0.1, .momentum = 0.9, .weight_decay = 0.1});
  });
  check_trajectory("adamw_groups", [](Model& model) {
    return optim::AdamW(
        {{.params = {model.a}, .betas = {{0.8, 0.9}}, .eps = 1e-3}, {.params = {model.b}, .amsgrad = true}},
        {.lr = 0.02});
  });
}

TEST_CASE("options are changed between steps, through the group or its options") {
  check_trajectory("sgd_groups", [](Model& model) {
    optim::SGD optimizer({model.a}, {.lr = 0.1, .weight_decay = 0.1});
    optimizer.add_param_group({.params = {model.b}, .lr = 7.0, .momentum = 0.8, .nesterov = true});
    optimizer.param_groups()[0].options.momentum = 0.5;
    optimizer.param_groups().front().options.maximize = true;
    optim::Optimizer& base = optimizer;
    CHECK(base.param_groups().size() == 2);
    base.param_groups().back().lr = 0.02;
    CHECK(optimizer.param_groups()[1].options.lr == 0.02);
    for (const auto& group : optimizer.param_groups()) CHECK(group.options.weight_decay == 0.1);
    return optimizer;
  });
}

TEST_CASE("schedules give PyTorch's learning rates") {
  const auto check = [](const char* name, const auto& make) {
    INFO(name);
    Model model;
    optim::SGD optimizer(model.parameters(), {.lr = 0.1});
    auto schedule = make(optimizer);
    const Tensor expected = golden().at(std::string("lr.") + name);
    for (int step = 0; step < 41; ++step) {
      INFO(step);
      CHECK(schedule.last_lr()[0] == mote::testing::Approx(expected[step].template item<double>()).margin(1e-12));
      CHECK(optimizer.param_groups()[0].lr == schedule.last_lr()[0]);
      schedule.step();
    }
  };
  using Opt = optim::Optimizer;
  check("step", [](Opt& o) { return optim::StepLR(o, 7, 0.5); });
  check("multi_step", [](Opt& o) { return optim::MultiStepLR(o, {3, 10, 30}, 0.1); });
  check("exponential", [](Opt& o) { return optim::ExponentialLR(o, 0.9); });
  check("cosine", [](Opt& o) { return optim::CosineAnnealingLR(o, 40, 0.01); });
  check("linear",
        [](Opt& o) { return optim::LinearLR(o, {.start_factor = 0.2, .end_factor = 1.0, .total_iters = 10}); });
  check("cosine_with_warmup",
        [](Opt& o) { return optim::CosineWithWarmup(o, {.warmup_steps = 10, .total_steps = 36}); });
  check("cosine_with_warmup_final",
        [](Opt& o) { return optim::CosineWithWarmup(o, {.warmup_steps = 5, .total_steps = 40, .min_lr = 0.01}); });
  check("exponential", [](Opt& o) {
    return optim::LambdaLR(o, [](int64_t step) { return std::pow(0.9, static_cast<double>(step)); });
  });
}

TEST_CASE("schedules on one optimizer multiply, as in PyTorch's chains") {
  using Opt = optim::Optimizer;
  using Schedule = std::unique_ptr<optim::LRScheduler>;
  const auto check = [](const char* name, const std::vector<std::function<Schedule(Opt&)>>& makers) {
    INFO(name);
    const Tensor expected = golden().at(std::string("lr.") + name);
    const auto chain = [&](Opt& optimizer) {
      std::vector<Schedule> schedules;
      for (const auto& make : makers) schedules.push_back(make(optimizer));
      return schedules;
    };
    Model model, other;
    optim::SGD optimizer(model.parameters(), {.lr = 0.1}), resumed(other.parameters(), {.lr = 3.0});
    const std::vector<Schedule> schedules = chain(optimizer), later = chain(resumed);
    for (int step = 0; step < 41; ++step) {
      INFO(step);
      CHECK(optimizer.param_groups()[0].lr == mote::testing::Approx(expected[step].item<double>()).margin(1e-12));
      resumed.load_state_dict(optimizer.state_dict());
      for (size_t i = 0; i < later.size(); ++i) later[i]->load_state_dict(schedules[i]->state_dict());
      CHECK(resumed.param_groups()[0].lr == optimizer.param_groups()[0].lr);
      for (const Schedule& schedule : schedules) schedule->step();
    }
  };
  const auto warm_up = [](Opt& o) {
    return std::make_unique<optim::LinearLR>(
        o, optim::LinearLROptions{.start_factor = 0.2, .end_factor = 1.0, .total_iters = 10});
  };
  check("chain.linear_exponential", {warm_up, [](Opt& o) { return std::make_unique<optim::ExponentialLR>(o, 0.9); }});
  check("chain.linear_cosine_multi_step",
        {warm_up, [](Opt& o) { return std::make_unique<optim::CosineAnnealingLR>(o, 50); },
         [](Opt& o) {
           return std::make_unique<optim::MultiStepLR>(o, std::vector<int64_t>{3, 10, 30}, 0.1);
         }});
  check("chain.step_exponential", {[](Opt& o) { return std::make_unique<optim::StepLR>(o, 7, 0.5); },
                                   [](Opt& o) { return std::make_unique<optim::ExponentialLR>(o, 0.9); }});
}

TEST_CASE("a schedule continues from its state, and works on every group") {
  Model model;
  optim::SGD optimizer({{.params = {model.a}, .lr = 1.0}, {.params = {model.b}}}, {.lr = 0.5});
  optim::StepLR schedule(optimizer, 2, 0.1);
  for (int i = 0; i < 3; ++i) schedule.step();
  CHECK(schedule.last_lr()[0] == mote::testing::Approx(0.1));
  CHECK(schedule.last_lr()[1] == mote::testing::Approx(0.05));
  optim::SGD fresh(Model().parameters(), {.lr = 1.0});
  optim::StepLR resumed(fresh, 2, 0.1);
  resumed.load_state_dict(schedule.state_dict());
  CHECK(resumed.last_step() == 3);
  CHECK(fresh.param_groups()[0].lr == mote::testing::Approx(0.1));
  CHECK_THROWS_AS(resumed.load_state_dict({}), mote::StateError);
  CHECK_THROWS_AS(optim::StepLR(fresh, 0), mote::ValueError);
  CHECK_THROWS_AS(optim::CosineWithWarmup(fresh, {.warmup_steps = 5, .total_steps = 4}), mote::ValueError);
}

TEST_CASE("a schedule starts from the rates that it finds, and the next one goes on from there") {
  Model model;
  optim::SGD optimizer({model.a}, {.lr = 1.0});
  optimizer.param_groups()[0].lr = 0.5;
  optim::StepLR first(optimizer, 1, 0.1);
  CHECK(first.last_lr()[0] == 0.5);
  first.step();
  optimizer.add_param_group({.params = {model.b}, .lr = 2.0});
  first.step();
  CHECK(first.last_lr()[0] == mote::testing::Approx(0.005));
  CHECK(first.last_lr()[1] == mote::testing::Approx(0.02));
  optim::ExponentialLR second(optimizer, 0.9);
  CHECK(second.last_lr()[0] == mote::testing::Approx(0.005));
  second.step();
  CHECK(second.last_lr()[0] == mote::testing::Approx(0.0045));
  CHECK(second.last_lr()[1] == mote::testing::Approx(0.018));
}

TEST_CASE("an optimizer that was moved from says so") {
  Model model;
  optim::SGD optimizer(model.parameters());
  const optim::SGD moved = std::move(optimizer);
  CHECK_THAT(message_of<mote::StateError>([&] { optimizer.step(); }), contains("SGD") && contains("moved from"));
  CHECK_THROWS_AS(optimizer.param_groups(), mote::StateError);
  CHECK_THROWS_AS(optim::StepLR(optimizer, 1), mote::StateError);
  CHECK(moved.param_groups().size() == 1);
}

TEST_CASE("an optimizer is moved with its schedules") {
  Model model;
  auto first = std::make_unique<optim::SGD>(model.parameters(), optim::SGDOptions{.lr = 1.0});
  optim::ExponentialLR schedule(*first, 0.5);
  optim::SGD moved = std::move(*first);
  first.reset();
  schedule.step();
  CHECK(moved.param_groups()[0].lr == 0.5);
  model.set_gradients(0);
  moved.step();
  CHECK(mote::allclose(model.a, golden().at("start.0") - 0.5 * model.a.grad(), 1e-5, 1e-6));
}

TEST_CASE("clip_grad_norm_ scales as PyTorch does") {
  Model model;
  model.set_gradients(0);
  const Tensor norm = nn::clip_grad_norm_(model.parameters(), 1.0);
  CHECK(mote::allclose(norm, golden().at("clip.norm")));
  CHECK(mote::allclose(model.a.grad(), golden().at("clip.0")));
  CHECK(mote::allclose(model.b.grad(), golden().at("clip.1")));
  const Tensor small = model.a.grad().clone();
  nn::clip_grad_norm_(model.parameters(), 100.0);
  CHECK(mote::equal(model.a.grad(), small));
}

TEST_CASE("clip_grad_norm_ in other norms, of nothing, and of what is not finite") {
  Model model;
  CHECK(nn::clip_grad_norm_(model.parameters(), 1.0).item<double>() == 0.0);
  model.a.set_grad(mote::full({3, 2}, -2.0));
  CHECK(nn::clip_grad_norm_(model.parameters(), 1.0, INFINITY).item<double>() == 2.0);
  CHECK(mote::allclose(model.a.grad(), mote::full({3, 2}, -1.0), 1e-5));
  CHECK(nn::clip_grad_norm_(model.parameters(), 100.0, 1.0).item<double>() == mote::testing::Approx(6.0));
  model.b.set_grad(mote::full({4}, NAN));
  const Tensor before = model.a.grad().clone();
  CHECK_THROWS_AS(nn::clip_grad_norm_(model.parameters(), 1.0, 2.0, true), mote::StateError);
  CHECK(mote::equal(model.a.grad(), before));
  nn::clip_grad_value_(model.parameters(), 0.25);
  CHECK(mote::equal(model.a.grad(), mote::full({3, 2}, -0.25)));
}

TEST_CASE("parameters as one vector and back") {
  Model model;
  const Tensor all = nn::parameters_to_vector(model.parameters());
  CHECK(all.shape() == mote::Shape({10}));
  nn::vector_to_parameters(all.detach() * 2.0, model.parameters());
  CHECK(mote::equal(model.a, golden().at("start.0") * 2.0));
  CHECK(mote::equal(model.b, golden().at("start.1") * 2.0));
  CHECK_THROWS_AS(nn::vector_to_parameters(mote::ones({9}), model.parameters()), mote::ShapeError);
}

TEST_CASE("parameters without a gradient are passed over") {
  Model model;
  optim::AdamW optimizer(model.parameters(), {.lr = 0.1});
  model.a.set_grad(mote::ones({3, 2}));
  optimizer.step();
  CHECK(mote::equal(model.b, golden().at("start.1")));
  CHECK_FALSE(optimizer.state_dict().contains("state.1.exp_avg"));
  optimizer.zero_grad(false);
  CHECK(mote::equal(model.a.grad(), mote::zeros({3, 2})));
  optimizer.zero_grad();
  CHECK_FALSE(model.a.grad().defined());
}

TEST_CASE("AdamW over many parameters takes the steps of one optimizer for each") {
  // Empty ones between others, more than one part of the work, and gradients that begin at different steps.
  const std::vector<int64_t> sizes = {0, 5, 16391, 0, 0, 1, 40000, 16384, 0};
  struct Many : nn::Module {
    explicit Many(const std::vector<int64_t>& sizes) {
      mote::manual_seed(3);
      for (size_t i = 0; i < sizes.size(); ++i) register_parameter(std::to_string(i), mote::randn({sizes[i]}));
    }
  };
  const Many together(sizes), apart(sizes);
  const std::vector<nn::Parameter> all = together.parameters(), each = apart.parameters();
  optim::AdamW one(all, {.lr = 0.1});
  std::vector<optim::AdamW> many;
  for (const nn::Parameter& parameter : each)
    many.emplace_back(std::vector<nn::Parameter>{parameter}, optim::AdamWOptions{.lr = 0.1});
  for (size_t step = 0; step < 4; ++step) {
    for (size_t i = 0; i < all.size(); ++i) {
      const Tensor gradient = i % 3 > step ? Tensor() : mote::randn({sizes[i]});
      all[i].set_grad(gradient);
      each[i].set_grad(gradient);
      many[i].step();
    }
    one.step();
    for (size_t i = 0; i < all.size(); ++i) CHECK(mote::equal(all[i], each[i]));
  }
}

TEST_CASE("parameters that were tied after the optimizer was made are changed once") {
  nn::Linear first(2, 2, {.bias = false}), second(2, 2, {.bias = false});
  optim::SGD optimizer({first.weight, second.weight}, {.lr = 1.0});
  second.weight = first.weight;
  const Tensor before = first.weight.detach().clone();
  first.weight.set_grad(mote::ones({2, 2}));
  optimizer.step();
  CHECK(mote::allclose(before - first.weight.detach(), mote::ones({2, 2})));
}

TEST_CASE("a step is seen by backward through what was saved before it") {
  nn::Linear layer(2, 2);
  optim::AdamW optimizer(layer.parameters());
  const Tensor x = mote::ones({1, 2}, {.requires_grad = true});
  const Tensor y = layer(x).sum();
  layer.weight.set_grad(mote::ones({2, 2}));
  optimizer.step();
  CHECK_THROWS_AS(y.backward(), mote::StateError);
}

TEST_CASE("optimizers refuse what cannot be right") {
  Model model;
  const auto parameters = model.parameters();
  CHECK_THAT(message_of<mote::ValueError>([&] { optim::SGD(std::vector<nn::Parameter>{}); }), contains("SGD"));
  CHECK_THAT(message_of<mote::ValueError>([&] {
               optim::AdamW({model.a, model.a});
             }),
             contains("parameter 'a' of Model is given twice"));
  CHECK_THROWS_AS(optim::SGD({nn::Parameter()}), mote::ValueError);
  CHECK_THROWS_AS(optim::SGD(parameters, {.lr = -1.0}), mote::ValueError);
  CHECK_THROWS_AS(optim::SGD(parameters, {.nesterov = true}), mote::ValueError);
  CHECK_THROWS_AS(optim::Adam(parameters, {.betas = {0.9, 1.0}}), mote::ValueError);
  CHECK_THROWS_AS(optim::AdamW(parameters, {.weight_decay = -0.1}), mote::ValueError);
  optim::SGD optimizer({model.a});
  CHECK_THROWS_AS(optimizer.add_param_group({.params = {model.a}}), mote::ValueError);
  optimizer.add_param_group({.params = {model.b}, .lr = 0.25});
  CHECK(optimizer.param_groups()[1].lr == 0.25);
}

TEST_CASE("a group with options out of range is refused, and is not there") {
  Model model;
  optim::SGD optimizer({model.a}, {.dampening = 0.5});
  CHECK_THROWS_AS(optimizer.add_param_group({.params = {model.b}, .momentum = -0.1}), mote::ValueError);
  CHECK_THROWS_AS(optimizer.add_param_group({.params = {model.b}, .momentum = 0.9, .nesterov = true}),
                  mote::ValueError);
  CHECK(optimizer.param_groups().size() == 1);
  model.set_gradients(0);
  optimizer.step();
  CHECK(mote::equal(model.b, golden().at("start.1")));
  CHECK_THROWS_AS(optim::Adam({{.params = {model.a}, .betas = {{0.9, 1.0}}}}), mote::ValueError);
  CHECK_THROWS_AS(optim::Adam({{.params = {model.a}, .eps = -1.0}}), mote::ValueError);
}
