// The chapter on CUDA graphs: a whole training step of a small language model in one graph, and one with the optimizer
// outside of it.
#include <mote/mote.h>

#include <iostream>

namespace cuda = mote::cuda;
namespace nn = mote::nn;
namespace optim = mote::optim;
using mote::Tensor;

namespace {

constexpr int64_t kTokens = 11, kPositions = 8, kBatch = 4, kWidth = 16;

// Tokens and positions, one block of attention and a small network, and the scores of the next token.
class LanguageModel : public nn::Module {
 public:
  LanguageModel()
      : tokens(register_module("tokens", nn::Embedding(kTokens, kWidth))),
        positions(register_module("positions", nn::Embedding(kPositions, kWidth))),
        attention(
            register_module("attention", nn::MultiheadAttention(kWidth, 2, {.dropout = 0.1, .batch_first = true}))),
        norm(register_module("norm", nn::LayerNorm(kWidth))),
        dropout(register_module("dropout", nn::Dropout(0.1))),
        head(register_module("head", nn::Linear(kWidth, kTokens))),
        ids(register_buffer("ids", mote::arange(kPositions))) {}

  Tensor loss(const Tensor& inputs, const Tensor& targets) {
    const Tensor x = tokens(inputs) + positions(ids);
    const Tensor y = norm(x + attention(x, x, x, {.is_causal = true}));
    return mote::cross_entropy(head(dropout(y)).reshape({-1, kTokens}), targets.reshape({-1}));
  }

  nn::Embedding tokens, positions;
  nn::MultiheadAttention attention;
  nn::LayerNorm norm;
  nn::Dropout dropout;
  nn::Linear head;
  nn::Buffer ids;
};

// Texts in which each token is the one before plus 3, [batch, positions + 1].
Tensor random_text() {
  const Tensor first = mote::randint(0, kTokens, {kBatch, 1});
  return (first + mote::arange(kPositions + 1) * 3) % kTokens;
}

void whole_step() {
  LanguageModel model;
  model.to("cuda");
  const Tensor inputs = mote::zeros({kBatch, kPositions}, {.dtype = mote::int64, .device = "cuda"});
  const Tensor targets = mote::zeros({kBatch, kPositions}, {.dtype = mote::int64, .device = "cuda"});
  Tensor loss;

  optim::AdamW optimizer(model.parameters(), {.lr = 0.02, .capturable = true});
  optim::CosineWithWarmup schedule(optimizer, {.warmup_steps = 5, .total_steps = 80, .min_lr = 0.001});
  const auto step = [&] {
    optimizer.zero_grad();
    loss = model.loss(inputs, targets);
    loss.backward();
    nn::clip_grad_norm_(model.parameters(), 1.0);
    optimizer.step();
  };
  const auto feed = [&](const Tensor& text) {
    inputs.copy_(text.narrow(1, 0, kPositions));
    targets.copy_(text.narrow(1, 1, kPositions));
  };

  feed(random_text());
  step();  // makes the optimizer's state
  cuda::Graph graph;
  graph.capture(step);
  for (int i = 0; i < 80; ++i) {
    feed(random_text());
    graph.replay();
    schedule.step();
  }
  std::cout << "whole step: " << (loss.item<float>() < 0.5f ? "learned" : "did not learn") << "\n";
}

void optimizer_outside() {
  const mote::TensorOptions on_cuda{.device = "cuda"};
  nn::Linear model(8, 2);
  model.to("cuda");
  const Tensor x = mote::randn({16, 8}, on_cuda), y = mote::zeros({16, 2}, on_cuda);
  Tensor loss;

  optim::AdamW optimizer(model.parameters(), {.lr = 0.05, .amsgrad = true});
  cuda::Graph graph;
  graph.capture([&] {
    optimizer.zero_grad();
    loss = mote::mse_loss(model(x), y);
    loss.backward();
  });
  for (int step = 0; step < 100; ++step) {
    graph.replay();
    optimizer.step();
  }
  std::cout << "optimizer outside: " << (loss.item<float>() < 0.1f ? "learned" : "did not learn") << "\n";
}

}  // namespace

int main() {
  if (!cuda::is_available()) return 77;
  mote::manual_seed(1);
  whole_step();
  optimizer_outside();
}
