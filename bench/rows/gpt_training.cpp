// A training step of the GPT of mote-gpt.
#include <fmt/format.h>

#include <memory>

#include "gpt_case.h"
#include "rows.h"

namespace bench {

namespace {

constexpr double kRate = 1e-3;
constexpr int kSteps = 3;  // that are verified

// AdamW, gradients clipped to norm 1. Weights and data are drawn from kSeed, then cast.
struct TrainingStep {
  TrainingStep(const GPTCase& c, DType dtype, const mote::Device& device)
      : model((mote::manual_seed(kSeed), c.model)),
        tokens(mote::randint(c.model.vocabulary, {c.batch, c.model.context}).to(device)),
        targets(mote::randint(c.model.vocabulary, {c.batch, c.model.context}).to(device)),
        optimizer(model.to(device, dtype).parameters(), {.lr = kRate}) {}

  Tensor operator()() {
    optimizer.zero_grad();
    const Tensor loss = model.loss(tokens, targets);
    loss.backward();
    mote::nn::clip_grad_norm_(model.parameters(), 1.0);
    optimizer.step();
    return loss.detach();
  }

  gpt::GPT model;
  Tensor tokens, targets;
  mote::optim::AdamW optimizer;
};

// The gradients of the first step, then the losses of all. Not the parameters: those whose gradient is zero but for
// rounding, as a key's bias, move by the learning rate in a direction that rounding decides.
std::vector<Tensor> training_results(TrainingStep& step) {
  std::vector<Tensor> losses = {step()}, results;
  for (const auto& parameter : step.model.parameters()) results.push_back(parameter.grad().clone());
  for (int i = 1; i < kSteps; ++i) losses.push_back(step());
  results.insert(results.end(), losses.begin(), losses.end());
  return results;
}

Prepared prepare_step(const GPTCase& c, const mote::Device& device, const Row& row) {
  const auto step = std::make_shared<TrainingStep>(c, DType::Float32, device);
  const std::vector<Tensor> got = training_results(*step);
  TrainingStep exact(c, DType::Float64, device);
  const auto tokens = static_cast<double>(c.batch * c.model.context);
  // 28 bytes a parameter in AdamW, and three reads and a write of it and its gradient around the products.
  const Costs costs = {3 * forward_flops(c.model, tokens, 0.5 * static_cast<double>(c.model.context + 1), tokens),
                       11 * weight_bytes(step->model)};
  Prepared prepared =
      checked(row, repeated([step] { return (*step)(); }), got, training_results(exact), {got.back()}, costs);
  prepared.release = [step] { step->optimizer.zero_grad(); };
  return prepared;
}

}  // namespace

void add_gpt_training(Rows& rows, const Selection& selection) {
  for (const auto& choice : training_cases(selection)) {
    Row row = gpt_row("gpt_step", shape_name(choice.value, "B"), selection, choice, prepare_step);
    row.direction = Direction::Both;
    row.torch = torch_forms(
        choice.value.model,
        fmt::format("step = models.GPTStep({}, {}, device, optimizer={{1}}, {{0}})\nfor _ in range({}): step()",
                    choice.value.batch, kRate, kSteps - 1),
        true);
    for (TorchForm& form : row.torch) form.release = "step.optimizer.zero_grad(set_to_none=True)";
    rows.push_back(std::move(row));
  }
}

}  // namespace bench
