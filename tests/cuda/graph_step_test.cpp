// A whole training step of the example GPT in one graph: embedding, attention with dropout, cross-entropy, clipping and
// AdamW. Replays against the same steps run by the host, bit for bit.
#include "cuda/parity.h"
#include "model.h"
#include "mote/mote.h"

namespace mote::testing {

namespace {

constexpr gpt::ModelConfig kConfig{
    .vocabulary = 13, .context = 8, .layers = 2, .heads = 2, .width = 16, .dropout = 0.2};

// The model with its optimizer, and the buffers that a step reads.
class Trained {
 public:
  explicit Trained(bool in_bfloat16)
      : in_bfloat16_(in_bfloat16),
        model_(seeded()),
        inputs_(zeros({2, 8}, {.dtype = int64, .device = "cuda"})),
        targets_(zeros({2, 8}, {.dtype = int64, .device = "cuda"})) {
    model_.to("cuda");
    optimizer_.emplace(model_.parameters(), optim::AdamWOptions{.lr = 0.01, .capturable = true});
    schedule_.emplace(*optimizer_, optim::CosineWithWarmupOptions{.warmup_steps = 2, .total_steps = 9});
  }

  void feed(uint64_t batch) {
    const Tensor text = mixed_integers({2, 9}, 0, kConfig.vocabulary, 50 + batch);
    inputs_.copy_(text.narrow(1, 0, 8));
    targets_.copy_(text.narrow(1, 1, 8));
  }
  void step() {
    optimizer_->zero_grad();
    {
      const AutocastGuard precision("cuda", bfloat16, in_bfloat16_);
      loss_ = model_.loss(inputs_, targets_);
    }
    loss_.backward();
    norm_ = nn::clip_grad_norm_(model_.parameters(), 0.5);
    optimizer_->step();
  }
  void next_rate() { schedule_->step(); }

  // Loss, norm, parameters and the optimizer's state.
  Tensors values() const {
    Tensors result{loss_.detach().to("cpu"), norm_.to("cpu")};
    for (const nn::Parameter& p : model_.parameters()) result.push_back(p.tensor().detach().to("cpu", p.dtype(), true));
    for (const auto& [name, x] : optimizer_->state_dict()) result.push_back(x.to("cpu", x.dtype(), true));
    return result;
  }

 private:
  static gpt::ModelConfig seeded() {
    manual_seed(3);
    return kConfig;
  }

  bool in_bfloat16_;
  gpt::GPT model_;
  Tensor inputs_, targets_, loss_, norm_;
  std::optional<optim::AdamW> optimizer_;
  std::optional<optim::CosineWithWarmup> schedule_;
};

Tensor drawn(const Shape& shape, uint64_t seed) {
  Generator generator(seed);
  return randn(shape, {}, &generator).to("cuda");
}

void check_same(const Tensors& got, const Tensors& want) {
  REQUIRE(got.size() == want.size());
  for (size_t i = 0; i < got.size(); ++i) {
    INFO("value " << i);
    CHECK(equal(got[i], want[i]));
  }
}

}  // namespace

TEST_CASE("replays of a whole training step of a GPT give the bits of the steps themselves") {
  if (!has_cuda()) return;
  constexpr uint64_t kSteps = 3;
  const bool in_bfloat16 = GENERATE(false, true);
  Trained plain(in_bfloat16), captured(in_bfloat16);
  for (Trained* run : {&plain, &captured}) {
    manual_seed(5);
    run->feed(0);
    run->step();
    run->next_rate();
  }
  cuda::Graph graph;
  graph.capture([&] { captured.step(); });
  const Tensor state = get_rng_state("cuda");
  std::vector<Tensors> expected;
  for (uint64_t batch = 1; batch <= kSteps; ++batch) {
    plain.feed(batch);
    plain.step();
    plain.next_rate();
    expected.push_back(plain.values());
  }
  const Tensor end_state = get_rng_state("cuda");
  set_rng_state(state, "cuda");
  for (uint64_t batch = 1; batch <= kSteps; ++batch) {
    captured.feed(batch);
    graph.replay();
    captured.next_rate();
    check_same(captured.values(), expected[batch - 1]);
  }
  CHECK(equal(get_rng_state("cuda"), end_state));
  CHECK(!equal(expected[0][0], expected[1][0]));
  // The host goes on where the graph stopped.
  for (Trained* run : {&plain, &captured}) {
    set_rng_state(end_state, "cuda");
    run->feed(9);
    run->step();
  }
  check_same(captured.values(), plain.values());
}

TEST_CASE("dropout of attention draws as the host would in each replay") {
  if (!has_cuda()) return;
  const Tensor q = drawn({1, 2, 6, 8}, 1), k = drawn({1, 2, 5, 8}, 2), v = drawn({1, 2, 5, 8}, 3);
  Tensors leaves;
  for (const Tensor& x : {q, k, v}) leaves.push_back(x.detach().requires_grad_());
  Tensor y;
  const auto attend = [&] {
    for (const Tensor& leaf : leaves) leaf.set_grad(Tensor());
    y = scaled_dot_product_attention(leaves[0], leaves[1], leaves[2], {.is_causal = true, .dropout_p = 0.4});
    y.square().sum().backward();
  };
  const auto values = [&] {
    Tensors result{y.detach().to("cpu")};
    for (const Tensor& leaf : leaves) result.push_back(leaf.grad().to("cpu"));
    return result;
  };
  manual_seed(8);
  std::vector<Tensors> expected;
  for (int i = 0; i < 3; ++i) {
    attend();
    expected.push_back(values());
  }
  CHECK(!equal(expected[0][0], expected[1][0]));
  cuda::Graph graph;
  graph.capture(attend);
  manual_seed(8);
  for (const Tensors& want : expected) {
    graph.replay();
    check_same(values(), want);
  }
}

}  // namespace mote::testing
