// What an operation costs apart from its arithmetic: tensors of 4 elements. LibTorch in C++ is the peer; Python adds a
// cost of its own.
#include "harness/prepared.h"
#include "rows.h"

namespace bench {

namespace {

constexpr int kChain = 100;

// Peers give all results.
Prepared all_checked(const Row& row, Loop loop, const std::vector<Tensor>& got, const std::vector<Tensor>& want) {
  return checked(row, std::move(loop), got, want, got);
}

struct Pair {
  Tensor x, y;
};

Pair draw() {
  mote::manual_seed(kSeed);
  const Tensor x = mote::randn({4});
  return {x, mote::randn({4})};
}

Tensor exact_sum(const Pair& pair) { return pair.x.detach().to(mote::float64) + pair.y.detach().to(mote::float64); }

Prepared empty(const Row&) {
  const mote::Tensor made = mote::empty({4});
  return {.loop = repeated([] { return mote::empty({4}); }), .wrong = made.numel() == 4 ? "" : "not 4 elements"};
}

// A block of the size that was just freed, without a tensor's own cost being the greater part.
Prepared allocation_hit(const Row&) {
  const mote::Tensor made = mote::empty({1 << 20});
  return {.loop = repeated([] { return mote::empty({1 << 20}); }),
          .wrong = made.numel() == 1 << 20 ? "" : "not 2^20 elements"};
}

Prepared add_without_grad(const Row& row) {
  const Pair pair = draw();
  Prepared prepared =
      all_checked(row, repeated([pair] { return pair.x + pair.y; }), {pair.x + pair.y}, {exact_sum(pair)});
  prepared.costs = {4, 48};
  return prepared;
}

// Recording, with nothing to come of it: the node and what holds it.
Prepared add_with_grad(const Row& row) {
  const Pair pair = draw();
  pair.x.requires_grad_();
  return all_checked(row, repeated([pair] { return pair.x + pair.y; }), {pair.x + pair.y}, {exact_sum(pair)});
}

Prepared chain(const Row& row) {
  const Pair pair = draw();
  pair.x.requires_grad_();
  const Tensor direction = mote::ones({4});
  const auto body = [pair, direction] {
    Tensor y = pair.x;
    for (int i = 0; i < kChain; ++i) y = y + pair.y;
    mote::backward({y}, {direction});
    return y;
  };
  const Tensor result = body().detach(), gradient = pair.x.grad().clone();
  const Tensor want = pair.x.detach().to(mote::float64) + pair.y.to(mote::float64) * kChain;
  return all_checked(row, repeated(body), {result, gradient}, {want, mote::ones({4}, {.dtype = mote::float64})});
}

// A module with two registered parameters, called through nn::Linear.
Prepared module_call(const Row& row) {
  mote::manual_seed(kSeed);
  const auto linear = std::make_shared<mote::nn::Linear>(4, 4);
  const Tensor x = mote::randn({1, 4});
  const Tensor weight = linear->weight.detach().to(mote::float64), bias = linear->bias.detach().to(mote::float64);
  const Tensor want = mote::matmul(x.to(mote::float64), weight.transpose(0, 1)) + bias;
  const mote::NoGradGuard no_grad;
  return all_checked(row,
                     [linear, x](int64_t repetitions) {
                       const mote::NoGradGuard quiet;
                       for (int64_t i = 0; i < repetitions; ++i) benchmark::DoNotOptimize(linear->forward(x));
                     },
                     {linear->forward(x)}, {want});
}

TorchForm torch(const char* setup, const char* run, bool grad) { return {.setup = setup, .run = run, .grad = grad}; }

Row small(const char* name, const char* shape, Prepared (*prepare)(const Row&), TorchForm form) {
  return {.family = "small_ops",
          .operation = name,
          .shape = shape,
          .prepare = prepare,
          .torch = {std::move(form)},
          .libtorch = name};
}

constexpr const char* kDraw = "x = torch.randn(4); y = torch.randn(4)";
constexpr const char* kDrawWithGrad = "x = torch.randn(4).requires_grad_(); y = torch.randn(4)";
constexpr const char* kChainCode = R"(
x = torch.randn(4).requires_grad_(); y = torch.randn(4); direction = torch.ones(4)
def chain():
    z = x
    for _ in range(100): z = z + y
    z.backward(direction)
    return z, x.grad
)";

}  // namespace

void add_small_ops(Rows& rows, const Selection& selection) {
  if (!selection.device.is_cpu()) return;
  rows.push_back(small("empty", "4", empty, torch("", "torch.empty(4)", false)));
  rows.push_back(small("allocation_hit", "1048576", allocation_hit, torch("", "torch.empty(1048576)", false)));
  rows.push_back(small("add", "4", add_without_grad, torch(kDraw, "x + y", false)));
  rows.push_back(small("add_recorded", "4", add_with_grad, torch(kDrawWithGrad, "x + y", true)));
  rows.push_back(small("module_call", "1x4", module_call,
                       torch("linear = torch.nn.Linear(4, 4); x = torch.randn(1, 4)", "linear(x)", false)));
  Row chain_row = small("add_chain", "4", chain, torch(kChainCode, "chain()", true));
  chain_row.direction = Direction::Both;
  chain_row.operations = kChain;
  rows.push_back(std::move(chain_row));
}

}  // namespace bench
