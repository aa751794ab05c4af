// One training step of a small GPT, and attention modules, on a CUDA device against the CPU.
#include <mote/mote.h>

#include <array>

#include "cuda/parity.h"

namespace mote::testing {

namespace {

constexpr int64_t kVocabulary = 13, kContext = 9, kWidth = 16, kHeads = 2;

// Without a bias of the keys: its gradient is zero but for rounding, and AdamW makes a whole step of that.
class Block : public nn::Module {
 public:
  Block()
      : ln_1(register_module("ln_1", nn::LayerNorm(kWidth))),
        attn(register_module("attn", nn::MultiheadAttention(kWidth, kHeads, {.bias = false, .batch_first = true}))),
        ln_2(register_module("ln_2", nn::LayerNorm(kWidth))),
        up(register_module("up", nn::Linear(kWidth, 4 * kWidth))),
        down(register_module("down", nn::Linear(4 * kWidth, kWidth))) {}

  Tensor forward(const Tensor& x) {
    const Tensor h = ln_1(x);
    const Tensor y = x + attn(h, h, h, {.is_causal = true});
    return y + down(gelu(up(ln_2(y)), Gelu::Tanh));
  }

  nn::LayerNorm ln_1;
  nn::MultiheadAttention attn;
  nn::LayerNorm ln_2;
  nn::Linear up, down;
};

class SmallGpt : public nn::Module {
 public:
  SmallGpt()
      : wte(register_module("wte", nn::Embedding(kVocabulary, kWidth))),
        wpe(register_module("wpe", nn::Embedding(kContext, kWidth))),
        h(register_module("h", nn::ModuleList<Block>())),
        ln_f(register_module("ln_f", nn::LayerNorm(kWidth))),
        head(register_module("head", nn::Linear(kWidth, kVocabulary, {.bias = false}))),
        position_ids(register_buffer("position_ids", arange(kContext))) {
    for (int i = 0; i < 2; ++i) h.push_back(Block());
    head.weight = wte.weight;
  }

  Tensor loss(const Tensor& tokens, const Tensor& targets) {
    const Tensor& ids = position_ids;
    Tensor x = wte(tokens) + wpe(ids.slice(0, 0, tokens.size(1)));
    for (Block& block : h) x = block.forward(x);
    return cross_entropy(head(ln_f(x)).reshape({-1, kVocabulary}), targets.reshape({-1}));
  }

  nn::Embedding wte, wpe;
  nn::ModuleList<Block> h;
  nn::LayerNorm ln_f;
  nn::Linear head;
  nn::Buffer position_ids;
};

// What two steps on `device` leave: losses and norms, then each parameter's first gradient, and its value in the end.
struct Trace {
  std::vector<std::string> names;
  Tensors numbers, gradients, parameters;
};

Trace train(const Device& device, bool in_bfloat16) {
  manual_seed(21);
  SmallGpt model;
  model.to(device);
  optim::AdamW optimizer(model.parameters(), {.lr = 0.01, .weight_decay = 0.1});
  Trace trace;
  for (int step = 0; step < 2; ++step) {
    const Tensor text = mixed_integers({2, 8}, 0, kVocabulary, 5 + static_cast<uint64_t>(step));
    const Tensor tokens = text.slice(1, 0, 7).to(device), targets = text.slice(1, 1, 8).to(device);
    optimizer.zero_grad();
    Tensor loss;
    {
      const AutocastGuard precision(device, bfloat16, in_bfloat16);
      loss = model.loss(tokens, targets);
    }
    loss.backward();
    trace.numbers.push_back(loss.detach().to("cpu"));
    if (step == 0)
      for (const auto& [name, parameter] : model.named_parameters()) {
        trace.names.push_back(name);
        trace.gradients.push_back(parameter.grad().to("cpu", float64));
      }
    trace.numbers.push_back(nn::clip_grad_norm_(model.parameters(), 0.5).to("cpu"));
    optimizer.step();
  }
  for (const auto& [name, parameter] : model.named_parameters())
    trace.parameters.push_back(parameter.detach().to("cpu", float64));
  return trace;
}

// Within `tolerance` of the largest value of `want`.
void check_near(const Tensor& got, const Tensor& want, double tolerance) {
  REQUIRE(got.shape() == want.shape());
  CHECK(max(abs(got.to(float64) - want.to(float64))).item<double>() <= tolerance * max(abs(want)).item<double>());
}

}  // namespace

TEST_CASE("two training steps of a GPT give the CPU's losses, gradients and parameters") {
  if (!has_cuda()) return;
  const Trace want = train("cpu", false), got = train("cuda", false);
  REQUIRE(got.names == want.names);
  REQUIRE(got.names.size() == 24);
  for (size_t i = 0; i < want.numbers.size(); ++i) check_near(got.numbers[i], want.numbers[i], 1e-5);
  for (size_t i = 0; i < want.names.size(); ++i) {
    INFO(want.names[i]);
    check_near(got.gradients[i], want.gradients[i], 1e-4);
    check_near(got.parameters[i], want.parameters[i], 1e-4);
  }
}

TEST_CASE("in bfloat16 a training step of a GPT gives the CPU's loss and gradients to that type's precision") {
  if (!has_cuda()) return;
  const Trace want = train("cpu", true), got = train("cuda", true);
  check_near(got.numbers[0], want.numbers[0], 2e-3);
  check_near(got.numbers[1], want.numbers[1], 2e-2);
  for (size_t i = 0; i < want.names.size(); ++i) {
    INFO(want.names[i]);
    check_near(got.gradients[i], want.gradients[i], 3e-2);
  }
}

namespace {

// The result, the gradients of the three inputs and those of the parameters.
Tensors attend(nn::MultiheadAttention& attention, const Tensors& inputs, const nn::MultiheadAttentionInputs& options) {
  Tensors leaves;
  for (const Tensor& x : inputs) leaves.push_back(x.detach().clone().requires_grad_());
  attention.zero_grad();
  const Tensor y = attention(leaves[0], leaves[1], leaves[2], options);
  (y * y).sum().backward();
  Tensors results{y.detach()};
  for (const Tensor& x : leaves) results.push_back(x.grad());
  for (const nn::Parameter& parameter : attention.parameters()) results.push_back(parameter.grad());
  return results;
}

}  // namespace

TEST_CASE("MultiheadAttention gives the CPU's results and gradients under every kind of mask") {
  if (!has_cuda()) return;
  manual_seed(4);
  nn::MultiheadAttention attention(24, 3);
  const Tensors inputs{randn({5, 2, 24}), randn({7, 2, 24}), randn({7, 2, 24})};  // [length, batch, width]
  Tensor padding = zeros({2, 7}, {.dtype = bool_});
  padding.slice(1, 4).select(0, 1).fill_(1);
  Tensor mask = mixed_integers({5, 7}, 0, 2, 3) > 0;
  mask.select(0, 2).fill_(0);  // this query may attend to nothing
  const std::array<nn::MultiheadAttentionInputs, 5> cases{{{},
                                                           {.is_causal = true},
                                                           {.mask = mask},
                                                           {.key_padding_mask = padding},
                                                           {.mask = mask, .key_padding_mask = padding}}};
  for (size_t i = 0; i < cases.size(); ++i) {
    INFO("case " << i);
    attention.to("cpu");
    const Tensors want = attend(attention, inputs, cases[i]);
    attention.to("cuda");
    nn::MultiheadAttentionInputs moved = cases[i];
    if (moved.mask.defined()) moved.mask = moved.mask.to("cuda");
    if (moved.key_padding_mask.defined()) moved.key_padding_mask = moved.key_padding_mask.to("cuda");
    const Tensors got = attend(attention, {inputs[0].to("cuda"), inputs[1].to("cuda"), inputs[2].to("cuda")}, moved);
    REQUIRE(got.size() == want.size());
    for (size_t j = 0; j < want.size(); ++j) check_near(got[j].to("cpu"), want[j], 1e-5);
  }
}

TEST_CASE("attention written out with masked_softmax gives the CPU's results, and those of the fused kernel") {
  if (!has_cuda()) return;
  Generator generator(9);
  const Tensor q = randn({2, 3, 6, 8}, {}, &generator), k = randn({2, 3, 7, 8}, {}, &generator);
  const Tensor v = randn({2, 3, 7, 8}, {}, &generator), direction = randn({2, 3, 6, 8}, {}, &generator);
  const Tensor mask = tril(ones({6, 7}, {.dtype = bool_}));
  const double scale = 0.35;
  const auto run = [&](const Device& device, bool fused) {
    Tensors leaves;
    for (const Tensor* x : {&q, &k, &v}) leaves.push_back(x->to(device).clone().requires_grad_());
    const Tensor allowed = mask.to(device);
    const Tensor y =
        fused ? scaled_dot_product_attention(leaves[0], leaves[1], leaves[2], {.mask = allowed, .scale = scale})
              : matmul(masked_softmax(matmul(leaves[0], leaves[1].transpose(-2, -1)), logical_not(allowed),
                                      {.scale = scale}),
                       leaves[2]);
    y.backward(direction.to(device));
    Tensors results{y.detach()};
    for (const Tensor& x : leaves) results.push_back(x.grad());
    return results;
  };
  const Tensors want = run("cpu", false), written = run("cuda", false), fused = run("cuda", true);
  for (size_t i = 0; i < want.size(); ++i) {
    check_near(written[i].to("cpu"), want[i], 1e-5);
    check_near(fused[i].to("cpu"), want[i], 1e-5);
  }
}

}  // namespace mote::testing
