// cross_entropy on a CUDA device, forward and backward, against float64 on the CPU.
#include <limits>
#include <string>

#include "cuda/layouts.h"
#include "cuda/parity.h"

namespace mote {

namespace {

using testing::kFloatDTypes;
using testing::kLayouts;
using testing::tolerance_of;

Tensor values(const Shape& shape, DType dtype) {
  Generator generator(7);
  return (randn(shape, {}, &generator) * 3.0).to(dtype);
}

// Some rows are ignored.
Tensor targets(int64_t rows, int64_t classes) {
  const Tensor t = testing::mixed_integers({rows}, 0, classes, 5);
  for (int64_t r = 2; r < rows; r += 5) t.select(0, r).fill_(-100);
  return t;
}

// The rows' losses and the gradient of the logits.
std::vector<Tensor> run(const Tensor& logits, const Tensor& target, double smoothing) {
  const Tensor x = logits.detach().requires_grad_();
  const Tensor loss = cross_entropy(x, target, {.reduction = Reduction::None, .label_smoothing = smoothing});
  const Tensor weights = arange(loss.numel()).to(x.device()).to(loss.dtype()) * 0.1 + 0.5;
  loss.backward(weights);
  return {loss.detach(), x.grad()};
}

void check(const Shape& shape, DType dtype, double smoothing) {
  const Tensor x = values(shape, dtype), target = targets(shape[0], shape[1]);
  const auto want = run(x.to(float64), target, smoothing);
  for (const auto& layout : kLayouts) {
    INFO(name_of(dtype) << " " << shape.str() << " smoothing " << smoothing << ", " << layout.name);
    const auto got = run(layout.arrange(x.to("cuda")), layout.arrange(target.to("cuda")), smoothing);
    for (size_t i = 0; i < 2; ++i)
      CHECK(allclose(got[i].to("cpu").to(float64), want[i], 4 * tolerance_of(dtype), 8 * tolerance_of(dtype), true));
  }
}

}  // namespace

TEST_CASE("cuda cross_entropy and its gradient") {
  if (!testing::has_cuda()) return;
  for (const DType dtype : kFloatDTypes)
    for (const Shape& shape : {Shape({1, 1}), Shape({3, 5}), Shape({33, 64}), Shape({9, 130}), Shape({3, 1000})})
      for (const double smoothing : {0.0, 0.1}) check(shape, dtype, smoothing);
  for (const int64_t classes : {9000, 9001, 50257}) check({2, classes}, float32, 0.1);
  check({1, 50257}, bfloat16, 0.0);
  check({0, 5}, float32, 0.0);
}

TEST_CASE("cuda cross_entropy's gradient loses no digits of far-off logits") {
  if (!testing::has_cuda()) return;
  for (const double offset : {1e5, -1e5}) {
    const Tensor x = values({3, 1000}, float32) + offset, target = targets(3, 1000);
    const Tensor want = run(x.to(float64), target, 0.0)[1], got = run(x.to("cuda"), target.to("cuda"), 0.0)[1];
    CHECK(allclose(got.to("cpu").to(float64), want, 4e-6, 1e-9));
  }
}

TEST_CASE("cuda cross_entropy of far-off and infinite logits") {
  if (!testing::has_cuda()) return;
  constexpr float kInf = std::numeric_limits<float>::infinity();
  const Tensor x = values({5, 40}, float32), target = testing::mixed_integers({5}, 0, 40);
  x.select(0, 1).add_(1e4);
  x.select(0, 2).select(0, 39).fill_(-kInf);
  x.select(0, 3).fill_(-kInf);
  x.select(0, 4).select(0, 3).fill_(std::nanf(""));
  testing::check_parity(
      {x, target},
      [](const testing::Tensors& in) {
        return testing::Tensors{cross_entropy(in[0], in[1], {.reduction = Reduction::None})};
      },
      2e-6);
}

TEST_CASE("cuda cross_entropy refuses a target that is no class") {
  if (!testing::has_cuda()) return;
  const Tensor x = values({40, 7}, float32).to("cuda");
  for (const int64_t wild : {7, -1, 1000000}) {
    const Tensor target = targets(40, 7);
    for (const int64_t row : {11, 30}) target.select(0, row).fill_(wild);
    const std::string text = "target " + std::to_string(wild) + " at row 11 is outside [0, 7)";
    CHECK(testing::index_error([&] { cross_entropy(x, target.to("cuda")); }) == "cross_entropy: " + text);
  }
}

}  // namespace mote
