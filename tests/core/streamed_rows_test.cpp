// Results of row operations beyond the caches, which are written past them: the same bits as of few rows at a time.
#include <algorithm>
#include <functional>

#include "mote/core.h"
#include "support/catch.h"

namespace mote::testing {

namespace {

constexpr int64_t kBytes = int64_t{36} << 20;  // beyond every cache that counts
constexpr int64_t kParts = 64;                 // each within them

using Operation = std::function<Tensor(const Tensor& rows, int64_t first)>;

struct Outcome {
  Tensor value, gradient;
};

Outcome evaluate(const Operation& operation, const Tensor& rows, const Tensor& seed, int64_t first) {
  const Tensor x = rows.detach().requires_grad_();
  const Tensor y = operation(x, first);
  y.backward(seed);
  return {y.detach(), x.grad()};
}

void check_same_bits(const Operation& operation, const Tensor& x, const Tensor& seed) {
  const Outcome whole = evaluate(operation, x, seed, 0);
  const int64_t rows = x.size(0), part = (rows + kParts - 1) / kParts;
  bool same = true;
  for (int64_t first = 0; first < rows; first += part) {
    const int64_t end = std::min(rows, first + part);
    const Outcome few = evaluate(operation, x.slice(0, first, end), seed.slice(0, first, end), first);
    same &= equal(whole.value.slice(0, first, end), few.value);
    same &= equal(whole.gradient.slice(0, first, end), few.gradient);
  }
  CHECK(same);
}

void check_all(int64_t width, DType dtype) {
  CAPTURE(width, name_of(dtype));
  const auto row_bytes = width * static_cast<int64_t>(size_of(dtype));
  const int64_t rows = kBytes / row_bytes;
  const Tensor x = randn({rows, width}).to(dtype), seed = randn({rows, width}).to(dtype);
  const Tensor weight = randn({width}).to(dtype), bias = randn({width}).to(dtype);
  const Tensor target = arange(rows) * 7 % width, losses = randn({rows}).to(dtype);
  // Covers the beginning of some rows, the end of others, all of one and none of the last.
  const Tensor place = arange(width), row = arange(rows).unsqueeze(1);
  const Tensor mask = logical_and(where(row % 2 == 0, place >= row % width, place < row % width), row < rows - 1);
  const auto part = [](const Tensor& all, const Tensor& of, int64_t first) {
    return all.slice(0, first, first + of.size(0));
  };

  check_same_bits([](const Tensor& in, int64_t) { return softmax(in, -1); }, x, seed);
  check_same_bits([](const Tensor& in, int64_t) { return log_softmax(in, -1); }, x, seed);
  check_same_bits(
      [&](const Tensor& in, int64_t first) { return masked_softmax(in, part(mask, in, first), {.scale = 0.5}); }, x,
      seed);
  check_same_bits([&](const Tensor& in, int64_t) { return layer_norm(in, {width}, weight, bias); }, x, seed);
  check_same_bits([&](const Tensor& in, int64_t) { return layer_norm(in, {width}, Tensor(), bias); }, x, seed);
  check_same_bits([&](const Tensor& in, int64_t) { return layer_norm(in, {width}); }, x, seed);
  check_same_bits([&](const Tensor& in, int64_t) { return rms_norm(in, {width}, weight); }, x, seed);
  check_same_bits(
      [&](const Tensor& in, int64_t first) {
        return cross_entropy(in, part(target, in, first), {.reduction = Reduction::None, .label_smoothing = 0.1});
      },
      x, losses);
}

}  // namespace

TEST_CASE("rows written past the caches have the same bits") {
  manual_seed(11);
  for (const int64_t width : {48, 1031, 2048, 4099, 50257}) check_all(width, float32);
  for (const int64_t width : {40, 1031}) check_all(width, float64);
}

}  // namespace mote::testing
