// The GPT of mote-gpt without gradients: a forward pass at GPT-2's size, and generation with a key/value cache.
#include <fmt/format.h>

#include <memory>

#include "gpt_case.h"
#include "rows.h"

namespace bench {

namespace {

constexpr int64_t kPrompt = 16;

struct Forward {
  Forward(const GPTCase& c, DType dtype, const mote::Device& device)
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

Prepared prepare_forward(const GPTCase& c, const mote::Device& device, const Row& row) {
  const auto forward = std::make_shared<Forward>(c, DType::Float32, device);
  const auto tokens = static_cast<double>(c.batch * c.model.context);
  const double logits = 4 * tokens * static_cast<double>(c.model.vocabulary);
  const Costs costs = {forward_flops(c.model, tokens, 0.5 * static_cast<double>(c.model.context + 1), tokens),
                       weight_bytes(forward->model) + logits};
  const Tensor got = (*forward)();
  return checked(row, repeated([forward] { return (*forward)(); }), {got}, {Forward(c, DType::Float64, device)()},
                 {got}, costs);
}

// Reads a prompt, then one token after the other with a key/value cache, and takes the likeliest each time. What it
// reads next is given, so that rounding cannot lead to another text.
struct Generation {
  Generation(const GPTCase& c, DType dtype, const mote::Device& device)
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

Prepared prepare_generation(const GPTCase& c, const mote::Device& device, const Row& row) {
  const auto generation = std::make_shared<Generation>(c, DType::Float32, device);
  // The reference reads the whole text at once.
  Generation exact(c, DType::Float64, device);
  const mote::NoGradGuard no_grad;
  const Tensor want = exact.model.next_logits(exact.text.slice(1, 0, exact.text.size(1) - 1));
  const auto steps = static_cast<double>(c.batch), tokens = static_cast<double>(kPrompt + c.batch - 1);
  // Each step reads all weights, but for the positions that it does not look up.
  const double read = weight_bytes(generation->model) - 4 * static_cast<double>(c.model.context * c.model.width);
  const Costs costs = {forward_flops(c.model, tokens, tokens / 2, steps), read * steps};
  const Tensor got = (*generation)();
  return checked(row, repeated([generation] { return (*generation)(); }), {got}, {want}, {got}, costs);
}

}  // namespace

void add_gpt_inference(Rows& rows, const Selection& selection) {
  for (const auto& choice : choose<GPTCase>(selection, {{gpt2(256), 1}}, {{gpt2(1024), 1}}, {{tiny_gpt(), 2}})) {
    Row row = gpt_row("gpt_forward", shape_name(choice.value, "B"), selection, choice, prepare_forward);
    row.torch = torch_forms(choice.value.model,
                            fmt::format("step = models.GPTForward({}, device, {{0}})", choice.value.batch), false);
    rows.push_back(std::move(row));
  }
  for (const auto& choice : choose<GPTCase>(selection, {{small_gpt(), 64}}, {{gpt2(256), 16}}, {{tiny_gpt(), 5}})) {
    Row row = gpt_row("generation", shape_name(choice.value, "N"), selection, choice, prepare_generation);
    row.operations = static_cast<double>(choice.value.batch);
    row.torch =
        torch_forms(choice.value.model,
                    fmt::format("step = models.Generation({}, {}, device, {{0}})", kPrompt, choice.value.batch), false);
    rows.push_back(std::move(row));
  }
}

}  // namespace bench
