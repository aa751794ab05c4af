// The GPT of mote-gpt: a training step, a forward pass at GPT-2's size, and generation with a key/value cache.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <model.h>

#include <memory>

#include "harness/checksum.h"
#include "harness/operation.h"
#include "harness/verify.h"
#include "rows.h"

namespace bench {

namespace {

using gpt::ModelConfig;

constexpr double kRate = 1e-3;
constexpr int kSteps = 3;  // that are verified
constexpr double kTolerance = 1e-4;
constexpr int64_t kPrompt = 16;

struct Case {
  ModelConfig model;
  int64_t batch;  // or the number of tokens to generate
};

ModelConfig small_gpt() { return {.vocabulary = 65, .context = 256, .layers = 6, .heads = 6, .width = 384}; }
ModelConfig gpt2(int64_t context) {
  return {.vocabulary = 50257, .context = context, .layers = 12, .heads = 12, .width = 768};
}
ModelConfig tiny() { return {.vocabulary = 11, .context = 24, .layers = 2, .heads = 2, .width = 16}; }

std::string name_of(const Case& c, const char* count) {
  const ModelConfig& m = c.model;
  return fmt::format("L{}C{}H{}T{}V{}{}{}", m.layers, m.width, m.heads, m.context, m.vocabulary, count, c.batch);
}

// Forward, for so many tokens that see `seen` others on average.
double forward_flops(const ModelConfig& m, double tokens, double seen) {
  const auto width = static_cast<double>(m.width), layers = static_cast<double>(m.layers);
  const double weights = 12 * layers * width * width + width * static_cast<double>(m.vocabulary);
  return 2 * tokens * (weights + 2 * layers * width * seen);
}

double weight_bytes(const gpt::GPT& model) { return 4 * static_cast<double>(model.num_parameters()); }

std::string python_config(const ModelConfig& m, bool fused) {
  return fmt::format("vocabulary={}, context={}, layers={}, heads={}, width={}, fused={}", m.vocabulary, m.context,
                     m.layers, m.heads, m.width, fused ? "True" : "False");
}

// `setup` with the place of the model's configuration left open; once for each kind of attention.
std::vector<TorchForm> torch_forms(const ModelConfig& model, const std::string& setup, bool grad) {
  std::vector<TorchForm> forms;
  for (const bool fused : {false, true})
    forms.push_back({.form = fused ? "SDPA" : "composed",
                     .setup = fmt::format(fmt::runtime(setup), python_config(model, fused)),
                     .run = "step()",
                     .grad = grad});
  return forms;
}

Prepared checked(const Row& row, Loop loop, const std::vector<Tensor>& got, const std::vector<Tensor>& want,
                 const Costs& costs) {
  const Verdict verdict = verify(got, want, row.tolerance);
  return {.loop = std::move(loop),
          .wrong = verdict.wrong,
          .error = verdict.error,
          .checksum = checksum_of({got.back()}),
          .costs = costs};
}

template <class Step>
Loop repeated(const std::shared_ptr<Step>& step) {
  return [step](int64_t repetitions) {
    for (int64_t i = 0; i < repetitions; ++i) benchmark::DoNotOptimize((*step)());
  };
}

// A training step: AdamW, gradients clipped to norm 1. Weights and data are drawn from kSeed, then cast.
struct TrainingStep {
  TrainingStep(const Case& c, DType dtype, const mote::Device& device)
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

// The gradients of the first step, then the losses of all.
std::vector<Tensor> training_results(TrainingStep& step) {
  std::vector<Tensor> losses = {step()}, results;
  for (const auto& parameter : step.model.parameters()) results.push_back(parameter.grad().clone());
  for (int i = 1; i < kSteps; ++i) losses.push_back(step());
  results.insert(results.end(), losses.begin(), losses.end());
  return results;
}

Prepared prepare_step(const Case& c, const mote::Device& device, const Row& row) {
  const auto step = std::make_shared<TrainingStep>(c, DType::Float32, device);
  const std::vector<Tensor> got = training_results(*step);
  TrainingStep exact(c, DType::Float64, device);
  const ModelConfig& m = c.model;
  const double tokens = static_cast<double>(c.batch * m.context);
  // 28 bytes a parameter in AdamW, and three reads and a write of it and its gradient around the products.
  const Costs costs = {3 * forward_flops(m, tokens, 0.5 * static_cast<double>(m.context + 1)),
                       11 * weight_bytes(step->model)};
  return checked(row, repeated(step), got, training_results(exact), costs);
}

struct Forward {
  Forward(const Case& c, DType dtype, const mote::Device& device)
      : model((mote::manual_seed(kSeed), c.model)),
        tokens(mote::randint(c.model.vocabulary, {c.batch, c.model.context}).to(device)) {
    model.to(device, dtype).eval();
  }
  Tensor operator()() {
    const mote::NoGradGuard no_grad;
    return model.forward(tokens);
  }
  gpt::GPT model;
  Tensor tokens;
};

Prepared prepare_forward(const Case& c, const mote::Device& device, const Row& row) {
  const auto forward = std::make_shared<Forward>(c, DType::Float32, device);
  const ModelConfig& m = c.model;
  const double tokens = static_cast<double>(c.batch * m.context);
  const double logits = 4 * tokens * static_cast<double>(m.vocabulary);
  const Costs costs = {forward_flops(m, tokens, 0.5 * static_cast<double>(m.context + 1)),
                       weight_bytes(forward->model) + logits};
  return checked(row, repeated(forward), {(*forward)()}, {Forward(c, DType::Float64, device)()}, costs);
}

// Reads a prompt, then one token after the other with a key/value cache, and takes the likeliest each time. What it
// reads next is given, so that rounding cannot lead to another text.
struct Generation {
  Generation(const Case& c, DType dtype, const mote::Device& device)
      : model((mote::manual_seed(kSeed), c.model)),
        text(mote::randint(c.model.vocabulary, {1, kPrompt + c.batch}).to(device)),
        cache((model.to(device, dtype).eval(), model.make_cache())) {}
  Tensor operator()() {
    const mote::NoGradGuard no_grad;
    cache.length = 0;
    Tensor logits;
    for (int64_t begin = 0, end = kPrompt; end < text.size(1); begin = end++) {
      logits = model.next_logits(text.slice(1, begin, end), &cache);
      benchmark::DoNotOptimize(mote::argmax(logits, -1).item<int64_t>());
    }
    return logits;
  }
  gpt::GPT model;
  Tensor text;
  gpt::Cache cache;
};

Prepared prepare_generation(const Case& c, const mote::Device& device, const Row& row) {
  const auto generation = std::make_shared<Generation>(c, DType::Float32, device);
  // The reference reads the whole text at once.
  Generation exact(c, DType::Float64, device);
  const mote::NoGradGuard no_grad;
  const Tensor want = exact.model.next_logits(exact.text.slice(1, 0, exact.text.size(1) - 1));
  const double tokens = static_cast<double>(kPrompt + c.batch - 1);
  const Costs costs = {forward_flops(c.model, tokens, tokens / 2),
                       weight_bytes(generation->model) * static_cast<double>(c.batch)};
  return checked(row, repeated(generation), {(*generation)()}, {want}, costs);
}

using Prepare = Prepared (*)(const Case&, const mote::Device&, const Row&);

Row row_of(const char* operation, const std::string& shape, const Selection& selection, const Choice<Case>& choice,
           Prepare prepare) {
  return {.family = "workloads",
          .operation = operation,
          .shape = shape,
          .headline = choice.headline,
          .tolerance = kTolerance,
          .prepare = [=, device = selection.device](const Row& row) { return prepare(choice.value, device, row); }};
}

}  // namespace

void add_gpt(Rows& rows, const Selection& selection) {
  for (const auto& choice : choose<Case>(selection, {{small_gpt(), 4}}, {{small_gpt(), 12}}, {{tiny(), 2}})) {
    Row row = row_of("gpt_step", name_of(choice.value, "B"), selection, choice, prepare_step);
    row.direction = Direction::Both;
    row.torch = torch_forms(choice.value.model,
                            fmt::format("step = models.GPTStep({}, {}, device, {{}})\nfor _ in range({}): step()",
                                        choice.value.batch, kRate, kSteps - 1),
                            true);
    rows.push_back(std::move(row));
  }
  for (const auto& choice : choose<Case>(selection, {{gpt2(256), 1}}, {{gpt2(1024), 1}}, {{tiny(), 2}})) {
    Row row = row_of("gpt_forward", name_of(choice.value, "B"), selection, choice, prepare_forward);
    row.torch = torch_forms(choice.value.model,
                            fmt::format("step = models.GPTForward({}, device, {{}})", choice.value.batch), false);
    rows.push_back(std::move(row));
  }
  for (const auto& choice : choose<Case>(selection, {{small_gpt(), 64}}, {{gpt2(256), 16}}, {{tiny(), 5}})) {
    Row row = row_of("generation", name_of(choice.value, "N"), selection, choice, prepare_generation);
    row.operations = static_cast<double>(choice.value.batch);
    row.torch =
        torch_forms(choice.value.model,
                    fmt::format("step = models.Generation({}, {}, device, {{}})", kPrompt, choice.value.batch), false);
    rows.push_back(std::move(row));
  }
}

}  // namespace bench
