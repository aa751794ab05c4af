// Results of row operations beyond the caches, which are written past them: the same bits as of few rows at a time.
#include <functional>
#include <vector>

#include "mote/core.h"
#include "support/catch.h"

namespace mote::testing {

namespace {

// Rows of a prime length begin and end within lines of the cache; 36 MB in all.
constexpr int64_t kRows = 2203, kWidth = 4099;

using Operation = std::function<Tensor(const Tensor& rows, int64_t first)>;

struct Outcome {
  Tensor value, gradient;
};

Outcome evaluate(const Operation& operation, const Tensor& rows, const Tensor& seed, int64_t first) {
  const Tensor x = rows.detach().requires_grad_();
  const Tensor y = operation(x, first);
  y.backward(seed.dim() == 0 ? Tensor() : seed);
  return {y.detach(), x.grad()};
}

void check_same_bits(const Operation& operation, const Tensor& x, const Tensor& seed) {
  const Outcome whole = evaluate(operation, x, seed, 0);
  constexpr int64_t kPart = 500;
  for (int64_t first = 0; first < kRows; first += kPart) {
    const int64_t end = std::min(kRows, first + kPart);
    const Outcome part = evaluate(operation, x.slice(0, first, end), seed.slice(0, first, end), first);
    CHECK(equal(whole.value.slice(0, first, end), part.value));
    CHECK(equal(whole.gradient.slice(0, first, end), part.gradient));
  }
}

}  // namespace

TEST_CASE("rows written past the caches have the same bits") {
  manual_seed(11);
  const Tensor x = randn({kRows, kWidth}), seed = randn({kRows, kWidth});
  const Tensor weight = randn({kWidth}), bias = randn({kWidth});
  // The mask covers the ends of some rows, all of one and none of others.
  const Tensor mask = arange(kWidth) >= (arange(kRows) * 2 % 5000).unsqueeze(1);
  const Tensor target = arange(kRows) * 7 % kWidth, losses = randn({kRows});

  SECTION("softmax") {
    check_same_bits([](const Tensor& rows, int64_t) { return softmax(rows, -1); }, x, seed);
  }
  SECTION("log_softmax") {
    check_same_bits([](const Tensor& rows, int64_t) { return log_softmax(rows, -1); }, x, seed);
  }
  SECTION("masked_softmax") {
    check_same_bits(
        [&](const Tensor& rows, int64_t first) {
          return masked_softmax(rows, mask.slice(0, first, first + rows.size(0)), {.scale = 0.5});
        },
        x, seed);
  }
  SECTION("layer_norm") {
    check_same_bits([&](const Tensor& rows, int64_t) { return layer_norm(rows, {kWidth}, weight, bias); }, x, seed);
  }
  SECTION("layer_norm without weight and bias") {
    check_same_bits([](const Tensor& rows, int64_t) { return layer_norm(rows, {kWidth}); }, x, seed);
  }
  SECTION("rms_norm") {
    check_same_bits([&](const Tensor& rows, int64_t) { return rms_norm(rows, {kWidth}, weight); }, x, seed);
  }
  SECTION("cross_entropy") {
    check_same_bits(
        [&](const Tensor& rows, int64_t first) {
          return cross_entropy(rows, target.slice(0, first, first + rows.size(0)),
                               {.reduction = Reduction::None, .label_smoothing = 0.1});
        },
        x, losses);
  }
}

}  // namespace mote::testing
