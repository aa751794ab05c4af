// Layers against PyTorch: initial weights draw by draw, outputs and gradients. The golden values are made by
// tests/data/golden/modules.py.
#include <mote/mote.h>

#include <cmath>
#include <limits>
#include <string>

#include "support/catch.h"
#include "support/data.h"

namespace nn = mote::nn;
using mote::StateDict, mote::Tensor;
using mote::testing::contains;
using mote::testing::message_of;

namespace {

const StateDict& golden() {
  static const StateDict values = mote::load_safetensors(mote::testing::data_path("modules.safetensors"));
  return values;
}

void check_close(const std::string& name, const Tensor& value, double tolerance = 1e-5) {
  INFO(name);
  REQUIRE(golden().contains(name));
  CHECK(mote::allclose(value, golden().at(name), tolerance, tolerance));
}

// Makes the module from seed 42 and compares its state, its output and its gradients with the case of that name.
template <class Make>
auto check_case(const std::string& name, Make make) {
  INFO(name);
  mote::manual_seed(42);
  auto module = make();
  size_t entries = 0;
  for (const auto& [key, value] : golden()) entries += key.starts_with(name + ".state.") ? 1 : 0;
  CHECK(module.state_dict().size() == entries);
  for (const auto& [key, value] : module.state_dict()) {
    INFO(key);
    CHECK(mote::allclose(value, golden().at(name + ".state." + key), 1e-6, 1e-7));
  }
  Tensor input = golden().at(name + ".input").clone();
  if (input.is_floating_point()) input.requires_grad_();
  Tensor output;
  if constexpr (requires { module(input); })
    output = module(input);
  else
    output = module(input, input, input);
  check_close(name + ".output", output);
  (output * golden().at(name + ".direction")).sum().backward();
  if (input.requires_grad()) check_close(name + ".grad.input", input.grad());
  for (const auto& [key, parameter] : module.named_parameters()) check_close(name + ".grad." + key, parameter.grad());
  return module;
}

}  // namespace

TEST_CASE("layers start with PyTorch's weights and give its outputs and gradients") {
  check_case("linear", [] { return nn::Linear(5, 3); });
  check_case("linear_without_bias", [] { return nn::Linear(5, 3, {.bias = false}); });
  check_case("embedding", [] { return nn::Embedding(7, 4); });
  check_case("embedding_padding", [] { return nn::Embedding(7, 4, {.padding_idx = 2}); });
  check_case("layer_norm", [] { return nn::LayerNorm(6); });
  check_case("layer_norm_2d", [] { return nn::LayerNorm({4, 6}); });
  check_case("sequential", [] {
    return nn::Sequential{nn::Linear(4, 8), nn::Tanh(), nn::Dropout(0.25), nn::Linear(8, 2)};
  });
  check_case("gelu", [] { return nn::GELU(); });
  check_case("gelu_tanh", [] { return nn::GELU({.approximate = mote::Gelu::Tanh}); });
  check_case("relu", [] { return nn::ReLU(); });
  check_case("silu", [] { return nn::SiLU(); });
  check_case("tanh", [] { return nn::Tanh(); });
  check_case("sigmoid", [] { return nn::Sigmoid(); });
  check_case("softmax", [] { return nn::Softmax(-1); });
}

TEST_CASE("BatchNorm1d writes its buffers in training and reads them in evaluation") {
  nn::BatchNorm1d module = check_case("batch_norm", [] { return nn::BatchNorm1d(4); });
  for (const auto& [key, value] : module.state_dict()) check_close("batch_norm.after_1." + key, value);
  check_close("batch_norm.output_2", module(golden().at("batch_norm.input_2")));
  for (const auto& [key, value] : module.state_dict()) check_close("batch_norm.after_2." + key, value);
  module.eval();
  check_close("batch_norm.output_eval", module(golden().at("batch_norm.input")));
  CHECK(module.num_batches_tracked.item<int64_t>() == 2);
  module.reset_running_stats();
  CHECK(module.num_batches_tracked.item<int64_t>() == 0);
  CHECK(mote::equal(module.running_var, mote::ones({4})));
}

TEST_CASE("BatchNorm1d with a cumulative average, or without running statistics") {
  const Tensor x = mote::randn({8, 2}), y = mote::randn({8, 2}) + 1.0;
  nn::BatchNorm1d cumulative(2, {.momentum = std::nullopt});
  cumulative(x);
  cumulative(y);
  CHECK(mote::allclose(cumulative.running_mean, (x.mean(0) + y.mean(0)) / 2.0, 1e-5, 1e-6));
  nn::BatchNorm1d untracked(2, {.affine = false, .track_running_stats = false});
  untracked.eval();
  CHECK(untracked.state_dict().empty());
  CHECK(mote::allclose(untracked(y).mean(0), mote::zeros({2}), 1e-5, 1e-5));
  CHECK_THAT(message_of<mote::ShapeError>([&] { untracked(mote::ones({2, 3})); }), contains("[N, 2]"));
}

TEST_CASE("MultiheadAttention gives PyTorch's outputs, with and without masks") {
  const nn::MultiheadAttention module =
      check_case("attention", [] { return nn::MultiheadAttention(8, 2, {.batch_first = true}); });
  const Tensor x = golden().at("attention.input");
  const Tensor blocked = golden().at("attention.mask");  // PyTorch's, true = may not attend
  check_close("attention.output_masked", module(x, x, x, {.mask = mote::logical_not(blocked)}));
  check_close("attention.output_masked", module(x, x, x, {.is_causal = true}));
  check_close("attention.output_padded", module(x, x, x, {.key_padding_mask = golden().at("attention.padding")}));
  const Tensor both =
      module(x, x, x, {.mask = mote::logical_not(blocked), .key_padding_mask = golden().at("attention.padding")});
  CHECK(mote::allclose(both[0], module(x, x, x, {.is_causal = true})[0], 1e-5, 1e-6));
  CHECK(mote::allclose(module(x[0], x[0], x[0]), golden().at("attention.output")[0], 1e-5, 1e-5));
}

TEST_CASE("MultiheadAttention of a query over other keys, with the batch second") {
  mote::manual_seed(42);
  const nn::MultiheadAttention module(8, 4, {.bias = false, .batch_first = true});
  const Tensor keys = golden().at("attention.input"), query = golden().at("attention_without_bias.input");
  check_close("attention_without_bias.output", module(query, keys, keys));
  mote::manual_seed(42);
  const nn::MultiheadAttention length_first(8, 4, {.bias = false});
  const Tensor turned = keys.transpose(0, 1);
  check_close("attention_without_bias.output", length_first(query.transpose(0, 1), turned, turned).transpose(0, 1));
  CHECK_THAT(message_of<mote::ValueError>([] { nn::MultiheadAttention(8, 3); }), contains("8 and 3"));
  CHECK_THAT(message_of<mote::ShapeError>([&] {
               module(query, keys, mote::ones({2, 5, 7}));
             }),
             contains("[2, 5, 7]") && contains("width 8"));
  const Tensor padding = golden().at("attention.padding");
  CHECK_THAT(message_of<mote::DTypeError>([&] {
               module(query, keys, keys, {.mask = mote::zeros({1}), .key_padding_mask = padding});  // additive
             }),
             contains("mask to be bool"));
  CHECK_THROWS_AS(module(query, keys, keys, {.key_padding_mask = padding.to(mote::float32)}), mote::DTypeError);
}

TEST_CASE("initialisers fill as PyTorch's do") {
  const auto check_init = [](const char* name, const auto& fill) {
    INFO(name);
    mote::manual_seed(42);
    const Tensor x = mote::empty({6, 4});
    CHECK(mote::is_same(fill(x), x));
    CHECK(mote::allclose(x, golden().at(std::string("init.") + name), 2e-6, 1e-7));
  };
  using namespace nn::init;
  check_init("uniform_", [](const Tensor& x) { return uniform_(x, -0.5, 0.5); });
  check_init("normal_", [](const Tensor& x) { return normal_(x, 0.0, 0.02); });
  check_init("trunc_normal_", [](const Tensor& x) { return trunc_normal_(x, {.std = 0.5, .a = -1.0, .b = 1.0}); });
  check_init("xavier_uniform_", [](const Tensor& x) { return xavier_uniform_(x); });
  check_init("xavier_normal_", [](const Tensor& x) { return xavier_normal_(x); });
  check_init("kaiming_uniform_", [](const Tensor& x) { return kaiming_uniform_(x, {.a = std::sqrt(5.0)}); });
  check_init("kaiming_normal_",
             [](const Tensor& x) { return kaiming_normal_(x, {.nonlinearity = Nonlinearity::Relu}); });
  check_init("kaiming_normal_fan_out", [](const Tensor& x) {
    return kaiming_normal_(x, {.mode = FanMode::Out, .nonlinearity = Nonlinearity::Relu});
  });
}

TEST_CASE("initialisers on parameters are not recorded, and know their fans") {
  nn::Linear layer(3, 2);
  nn::init::eye_(layer.weight);
  CHECK(mote::equal(layer.weight, mote::eye(2, 3)));
  nn::init::ones_(layer.bias);
  CHECK(layer.bias.is_leaf());
  CHECK(nn::init::calculate_fan_in_and_fan_out(mote::empty({4, 3, 5, 5})) == std::pair<int64_t, int64_t>(75, 100));
  CHECK_THROWS_AS(nn::init::xavier_uniform_(mote::empty({3})), mote::ShapeError);
  CHECK(nn::init::calculate_gain(nn::init::Nonlinearity::Tanh) == 5.0 / 3.0);
  CHECK(nn::init::calculate_gain(nn::init::Nonlinearity::LeakyRelu, 1.0) == 1.0);
}

TEST_CASE("layers without parameters") {
  const Tensor x = mote::randn({2, 3, 4});
  CHECK(mote::equal(nn::LeakyReLU(0.2)(x), mote::leaky_relu(x, 0.2)));
  CHECK(mote::equal(nn::ELU(0.5)(x), mote::elu(x, 0.5)));
  CHECK(mote::equal(nn::Softplus()(x), mote::softplus(x)));
  CHECK(nn::Flatten()(x).shape() == mote::Shape({2, 12}));
  CHECK(mote::is_same(nn::Identity()(x), x));
  const auto rms = [&](double eps) { return x / mote::sqrt(mote::square(x).mean(-1, true) + eps); };
  CHECK(mote::allclose(nn::RMSNorm(4, {.eps = 0.5})(x), rms(0.5), 1e-5, 1e-6));
  CHECK(mote::allclose(nn::RMSNorm(4)(x), rms(0x1p-23), 1e-5, 1e-6));
  CHECK(nn::RMSNorm(4).extra_repr() == "[4], eps=None, elementwise_affine=true");
  CHECK(nn::RMSNorm(4, {.eps = 1e-5}).extra_repr() == "[4], eps=1e-05, elementwise_affine=true");
  CHECK_THROWS_AS(nn::Dropout(1.5), mote::ValueError);
  CHECK_THROWS_AS(nn::Dropout(std::numeric_limits<double>::quiet_NaN()), mote::ValueError);
  CHECK_THROWS_AS(nn::Embedding(3, 2, {.padding_idx = 3}), mote::IndexError);
  CHECK(nn::Embedding(3, 2, {.padding_idx = -1}).weight[2].abs().max().item<float>() == 0.0f);
}

TEST_CASE("PositionalEncoding adds sines and cosines, of any width") {
  for (const int64_t width : {1, 5, 6}) {
    const nn::PositionalEncoding encoding(width, 9);
    CHECK(encoding.pe.shape() == mote::Shape({1, 9, width}));
    CHECK(encoding.state_dict().empty());
    const Tensor y = encoding(mote::zeros({2, 7, width}));
    for (int64_t t = 0; t < 7; ++t)
      for (int64_t i = 0; i < width; ++i) {
        const double angle =
            static_cast<double>(t) * std::pow(10000.0, -static_cast<double>(i / 2 * 2) / static_cast<double>(width));
        CHECK(std::fabs(y[1][t][i].item<double>() - (i % 2 == 0 ? std::sin(angle) : std::cos(angle))) < 1e-5);
      }
    CHECK_THROWS_AS(encoding(mote::zeros({2, 10, width})), mote::ShapeError);
  }
}

TEST_CASE("losses as modules; a class weight is a buffer") {
  const Tensor logits = mote::randn({4, 3}), target = mote::tensor({0, 2, 1, 1}), other = mote::randn({4, 3});
  const Tensor weight = mote::tensor({1.0, 2.0, 0.5});
  nn::CrossEntropyLoss loss({.weight = weight, .label_smoothing = 0.1});
  CHECK(mote::equal(loss(logits, target),
                    mote::cross_entropy(logits, target, {.weight = weight, .label_smoothing = 0.1})));
  CHECK(loss.buffers().size() == 1);
  loss.to(mote::float64);
  CHECK(loss(logits.to(mote::float64), target).dtype() == mote::float64);
  const Tensor log_probs = mote::log_softmax(logits, 1);
  CHECK(mote::allclose(nn::NLLLoss()(log_probs, target), nn::CrossEntropyLoss()(logits, target)));
  CHECK(mote::equal(nn::MSELoss()(logits, other), mote::mse_loss(logits, other)));
  CHECK(mote::equal(nn::MSELoss({.reduction = mote::Reduction::Sum})(logits, other),
                    mote::mse_loss(logits, other, mote::Reduction::Sum)));
  CHECK(mote::equal(nn::L1Loss()(logits, other), mote::l1_loss(logits, other)));
  const Tensor labels = (other > 0.0).to(mote::float32);
  CHECK(mote::equal(nn::BCEWithLogitsLoss()(logits, labels), mote::binary_cross_entropy_with_logits(logits, labels)));
  nn::BCEWithLogitsLoss weighted({.reduction = mote::Reduction::Sum, .pos_weight = weight});
  CHECK(mote::equal(weighted(logits, labels),
                    mote::binary_cross_entropy_with_logits(logits, labels,
                                                           {.reduction = mote::Reduction::Sum, .pos_weight = weight})));
  CHECK(weighted.buffers().size() == 1);
  weighted.to(mote::float64);
  CHECK(weighted.pos_weight.dtype() == mote::float64);
}
