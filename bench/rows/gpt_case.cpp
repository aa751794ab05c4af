#include "gpt_case.h"

#include <fmt/format.h>

namespace bench {

namespace {
constexpr double kTolerance = 1e-4;  // of float32 through all layers, there and back
}  // namespace

gpt::ModelConfig small_gpt() { return {.vocabulary = 65, .context = 256, .layers = 6, .heads = 6, .width = 384}; }
gpt::ModelConfig gpt2(int64_t context) {
  return {.vocabulary = 50257, .context = context, .layers = 12, .heads = 12, .width = 768};
}
gpt::ModelConfig tiny_gpt() { return {.vocabulary = 11, .context = 24, .layers = 2, .heads = 2, .width = 16}; }

std::vector<Choice<GPTCase>> training_cases(const Selection& selection) {
  return choose<GPTCase>(selection, {{small_gpt(), 4}}, {{small_gpt(), 12}}, {{tiny_gpt(), 2}});
}

std::string shape_name(const GPTCase& c, const char* count) {
  const gpt::ModelConfig& m = c.model;
  return fmt::format("L{}C{}H{}T{}V{}{}{}", m.layers, m.width, m.heads, m.context, m.vocabulary, count, c.batch);
}

double forward_flops(const gpt::ModelConfig& model, double tokens, double seen, double logits) {
  const auto width = static_cast<double>(model.width), layers = static_cast<double>(model.layers);
  const double layer = 12 * width * width + 2 * width * seen;
  return 2 * (tokens * layers * layer + logits * width * static_cast<double>(model.vocabulary));
}

double weight_bytes(const gpt::GPT& model) { return 4 * static_cast<double>(model.num_parameters()); }

std::string python_config(const gpt::ModelConfig& model) {
  return fmt::format("vocabulary={}, context={}, layers={}, heads={}, width={}", model.vocabulary, model.context,
                     model.layers, model.heads, model.width);
}

std::vector<TorchForm> torch_forms(const gpt::ModelConfig& model, const std::string& setup, bool grad) {
  const auto form = [&](const char* name, bool fused_attention, const char* optimizer) {
    const std::string config = python_config(model) + (fused_attention ? ", fused=True" : ", fused=False");
    return TorchForm{
        .form = name, .setup = fmt::format(fmt::runtime(setup), config, optimizer), .run = "step()", .grad = grad};
  };
  std::vector<TorchForm> forms = {form("composed", false, "{}"), form("SDPA", true, "{}")};
  if (grad) forms.push_back(form("SDPA, fused optimizer", true, "{'fused': True}"));
  return forms;
}

Row gpt_row(const char* operation, const std::string& shape, const Selection& selection, const Choice<GPTCase>& choice,
            PrepareGPT prepare) {
  return {.family = "workloads",
          .operation = operation,
          .shape = shape,
          .headline = choice.headline,
          .tolerance = kTolerance,
          .prepare = [=, device = selection.device](const Row& row) { return prepare(choice.value, device, row); }};
}

}  // namespace bench
