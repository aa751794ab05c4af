// mote-gpt sample
#include "sampler.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>

#include "options.h"
#include "run.h"
#include "user_error.h"

namespace gpt {

namespace {

void check(const SampleOptions& options) {
  if (options.tokens < 0) throw UserError(fmt::format("--tokens must not be negative, but is {}", options.tokens));
  if (!(options.temperature >= 0) || std::isinf(options.temperature))
    throw UserError(fmt::format("--temperature must be 0 or a positive number, but is {}", options.temperature));
  if (options.top_k < 0) throw UserError(fmt::format("--top-k must not be negative, but is {}", options.top_k));
  if (options.seed < 0) throw UserError(fmt::format("--seed must not be negative, but is {}", options.seed));
}

void print(const std::string& text) {
  fmt::print("{}", text);
  std::fflush(stdout);
}

}  // namespace

int sample(const SampleOptions& options) {
  check(options);
  const mote::Device device = open_device(options.device);
  const Checkpoint checkpoint = load_checkpoint(options.out);
  const Tokenizer tokenizer = open_tokenizer(checkpoint, options.out);
  // Without a prompt the model begins after a line break, or after whatever character it knows.
  std::vector<int64_t> start = tokenizer.encode("the prompt", options.prompt);
  if (start.empty()) start = {tokenizer.index_of("\n").value_or(0)};
  GPT model = open_model(checkpoint, options.out, device);
  model.eval();
  Sampler sampler(model, start,
                  {.temperature = options.temperature,
                   .top_k = options.top_k,
                   .seed = options.seed,
                   .use_cache = !options.no_cache});
  print(options.prompt);
  for (int64_t i = 0; i < options.tokens; ++i) print(tokenizer.decode(sampler.next()));
  print("\n");
  return 0;
}

}  // namespace gpt
