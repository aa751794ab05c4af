// The model of mote-gpt against PyTorch, and against itself with a key/value cache.
#include "model.h"

#include <mote/cpu.h>

#include "support/catch.h"
#include "support/data.h"

namespace {

using mote::Tensor;

gpt::GPT golden_model(const mote::SafetensorsFile& file) {
  const auto number = [&](const char* name) { return std::stoll(file.metadata.at(name)); };
  gpt::GPT model({.vocabulary = number("vocabulary"),
                  .context = number("context"),
                  .layers = number("layers"),
                  .heads = number("heads"),
                  .width = number("width")});
  mote::StateDict weights;
  for (const auto& [name, tensor] : file.tensors)
    if (name.starts_with("transformer.")) weights.insert(name, tensor);
  weights.insert("lm_head.weight", weights.at("transformer.wte.weight"));
  model.load_state_dict(weights);
  return model;
}

// The greatest difference, relative to the greatest value.
double relative_error(const Tensor& got, const Tensor& want) {
  REQUIRE(got.shape() == want.shape());
  const Tensor exact = want.to(mote::float64);
  return mote::max(mote::abs(got.to(mote::float64) - exact)).item<double>() /
         mote::max(mote::abs(exact)).item<double>();
}

gpt::ModelConfig small() { return {.vocabulary = 11, .context = 8, .layers = 2, .heads = 2, .width = 16}; }

}  // namespace

TEST_CASE("GPT gives PyTorch's logits, loss and gradients", "[gpt]") {
  const mote::SafetensorsFile file = mote::load_safetensors_file(mote::testing::data_path("gpt.safetensors"));
  gpt::GPT model = golden_model(file);
  const Tensor &tokens = file.tensors.at("tokens"), &targets = file.tensors.at("targets");
  CHECK(relative_error(model.forward(tokens), file.tensors.at("logits")) < 1e-5);
  const Tensor loss = model.loss(tokens, targets);
  CHECK(relative_error(loss, file.tensors.at("loss")) < 1e-5);
  loss.backward();
  size_t compared = 0;
  for (const auto& [name, parameter] : model.named_parameters()) {
    INFO(name);
    CHECK(relative_error(parameter.grad(), file.tensors.at("grad." + name)) < 1e-5);
    ++compared;
  }
  CHECK(compared == 28);
}

TEST_CASE("a step of GPT keeps no more for backward than it needs", "[gpt]") {
  mote::manual_seed(1);
  gpt::GPT model({.vocabulary = 11, .context = 128, .layers = 3, .heads = 8, .width = 512});
  const Tensor tokens = mote::randint(11, {4, 128});
  const auto live = [] { return static_cast<double>(mote::cpu::memory_stats().allocated_bytes); };
  const double before = live();
  const Tensor loss = model.loss(tokens, tokens);
  const double stream = 4.0 * 4 * 128 * 512;  // bytes of the residual stream
  // Of a block: what enters either LayerNorm (2), query, key and value (3), attention's result (1) and what enters
  // GELU (4). Neither the results of LayerNorm nor that of GELU.
  CHECK(live() - before < (3 * 10 + 2) * stream);
  loss.backward();
  double gradients = 0;
  for (const auto& parameter : model.parameters()) gradients += 4.0 * static_cast<double>(parameter.numel());
  CHECK(live() - before < 1.01 * gradients + stream);
}

TEST_CASE("the state dict of GPT has GPT-2's names, and the head is the token embedding", "[gpt]") {
  const gpt::GPT model = mote::nn::make<gpt::GPT>(small());
  const mote::StateDict state = model.state_dict();
  for (const char* name : {"transformer.wte.weight", "transformer.wpe.weight", "transformer.h.0.ln_1.weight",
                           "transformer.h.0.attn.c_attn.weight", "transformer.h.1.attn.c_proj.bias",
                           "transformer.h.1.ln_2.bias", "transformer.h.1.mlp.c_fc.weight",
                           "transformer.h.1.mlp.c_proj.weight", "transformer.ln_f.bias", "lm_head.weight"})
    CHECK(state.contains(name));
  CHECK_FALSE(state.contains("transformer.position_ids"));
  CHECK(mote::is_same(model.lm_head.weight, model.transformer.wte.weight));
  CHECK(model.num_parameters() == 11 * 16 + 8 * 16 + 2 * (12 * 16 * 16 + 13 * 16) + 2 * 16);
}

TEST_CASE("GPT starts as GPT-2 does", "[gpt]") {
  mote::manual_seed(3);
  const gpt::GPT model({.vocabulary = 64, .context = 64, .layers = 8, .heads = 4, .width = 128});
  const auto deviation = [](const Tensor& x) { return mote::std(x).item<double>(); };
  const auto& block = model.transformer.h[5];
  CHECK(deviation(block.attn.c_attn.weight) == mote::testing::Approx(0.02).epsilon(0.05));
  CHECK(deviation(block.mlp.c_fc.weight) == mote::testing::Approx(0.02).epsilon(0.05));
  CHECK(deviation(block.attn.c_proj.weight) == mote::testing::Approx(0.02 / 4).epsilon(0.05));
  CHECK(deviation(block.mlp.c_proj.weight) == mote::testing::Approx(0.02 / 4).epsilon(0.05));
  CHECK(mote::max(mote::abs(block.attn.c_attn.bias)).item<float>() == 0.0F);
}

TEST_CASE("with a key/value cache the logits are those of reading the whole text", "[gpt]") {
  mote::manual_seed(4);
  const mote::NoGradGuard no_grad;
  gpt::GPT model(small());
  for (const mote::nn::Parameter& parameter : model.parameters()) parameter.normal_(0.0, 0.3);
  model.eval();
  const Tensor tokens = mote::randint(11, {1, 8});
  gpt::Cache cache = model.make_cache();
  const Tensor first = model.next_logits(tokens.slice(1, 0, 3), &cache);
  CHECK(relative_error(first, model.next_logits(tokens.slice(1, 0, 3))) < 1e-5);
  for (int64_t i = 3; i < 8; ++i) {
    const Tensor logits = model.next_logits(tokens.slice(1, i, i + 1), &cache);
    CHECK(cache.length == i + 1);
    CHECK(relative_error(logits, model.next_logits(tokens.slice(1, 0, i + 1))) < 1e-5);
  }
}

TEST_CASE("GPT on meta has its shapes and no data", "[gpt]") {
  gpt::GPT model(small());
  model.to("meta");
  CHECK(model.forward(mote::zeros({2, 8}, {.dtype = mote::int64, .device = "meta"})).shape() ==
        mote::Shape({2, 8, 11}));
  model.to_empty("cpu");
  CHECK(model.transformer.position_ids[7].item<int64_t>() == 7);
}
