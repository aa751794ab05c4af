// The GPT of mote-gpt at the sizes that the rows of workloads have.
#pragma once

#include <model.h>

#include <string>
#include <vector>

#include "harness/prepared.h"
#include "harness/selection.h"

namespace bench {

struct GPTCase {
  gpt::ModelConfig model;
  int64_t batch;  // or the number of tokens to generate
};

gpt::ModelConfig small_gpt();            // 10.9 million parameters, characters
gpt::ModelConfig gpt2(int64_t context);  // GPT-2's 124 million
gpt::ModelConfig tiny_gpt();
// What a training step and its products are timed at.
std::vector<Choice<GPTCase>> training_cases(const Selection& selection);

// "L6C384H6T256V65B4"; `count` names the last number.
std::string shape_name(const GPTCase& c, const char* count);

// Forward, for so many tokens that see `seen` others on average, with the logits of some of them.
double forward_flops(const gpt::ModelConfig& model, double tokens, double seen, double logits);
double weight_bytes(const gpt::GPT& model);

// The configuration as arguments of bench/peers/torch_models.py.
std::string python_config(const gpt::ModelConfig& model);
// `setup` with two places left open, for the configuration and for the options of an optimizer. One form for each kind
// of attention and, with `grad`, one for the fused optimizer.
std::vector<TorchForm> torch_forms(const gpt::ModelConfig& model, const std::string& setup, bool grad);

using PrepareGPT = Prepared (*)(const GPTCase&, const mote::Device&, const Row&);
Row gpt_row(const char* operation, const std::string& shape, const Selection& selection, const Choice<GPTCase>& choice,
            PrepareGPT prepare);

}  // namespace bench
