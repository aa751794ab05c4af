// layer_norm and rms_norm on a CUDA device, forward and backward, against float64 on the CPU.
#include "cuda/layouts.h"
#include "cuda/parity.h"

namespace mote {

namespace {

using testing::kFloatDTypes;
using testing::kLayouts;
using testing::tolerance_of;

Tensor values(const Shape& shape, DType dtype, uint64_t seed) {
  Generator generator(seed);
  return randn(shape, {}, &generator).to(dtype);
}

struct Inputs {
  Tensor x, weight, bias, direction;

  Inputs moved(const Device& device, DType dtype) const {
    const auto move = [&](const Tensor& t) { return t.defined() ? t.to(device).to(dtype) : Tensor(); };
    return {move(x), move(weight), move(bias), move(direction)};
  }
};

enum class Norm { Layer, Rms };

// The result, then the gradients of x and of what there is of weight and bias.
std::vector<Tensor> run(Norm norm, const Inputs& in, int64_t width) {
  const auto leaf = [](const Tensor& t) { return t.defined() ? t.detach().requires_grad_() : Tensor(); };
  const Tensor x = leaf(in.x), weight = leaf(in.weight), bias = leaf(in.bias);
  const Tensor y = norm == Norm::Layer ? layer_norm(x, {width}, weight, bias) : rms_norm(x, {width}, weight, 1e-5);
  y.backward(in.direction);
  std::vector<Tensor> results = {y.detach(), x.grad()};
  for (const Tensor& factor : {weight, bias})
    if (factor.defined()) results.push_back(factor.grad());
  return results;
}

void check(Norm norm, const Shape& shape, DType dtype, bool with_weight, bool with_bias) {
  const int64_t width = shape.back();
  Inputs in{values(shape, dtype, 1) * 2.0 + 0.5, {}, {}, values(shape, dtype, 2)};
  if (with_weight) in.weight = values({width}, dtype, 3);
  if (with_bias) in.bias = values({width}, dtype, 4);
  const auto want = run(norm, in.moved("cpu", float64), width);
  const double tolerance = 2 * tolerance_of(dtype),
               rows = static_cast<double>(shape.numel() / std::max<int64_t>(width, 1));
  for (const auto& layout : kLayouts) {
    INFO((norm == Norm::Layer ? "layer_norm " : "rms_norm ")
         << name_of(dtype) << " " << shape.str() << " weight " << with_weight << " bias " << with_bias << ", "
         << layout.name);
    Inputs there = in.moved("cuda", dtype);
    there.x = layout.arrange(there.x);
    there.direction = layout.arrange(there.direction);
    const auto got = run(norm, there, width);
    REQUIRE(got.size() == want.size());
    for (size_t i = 0; i < got.size(); ++i) {
      INFO("result " << i);
      const double size = i < 2 ? 4.0 : 4.0 + std::sqrt(rows);  // the last ones are sums over rows
      CHECK(allclose(got[i].to("cpu").to(float64), want[i], tolerance, tolerance * size, true));
    }
  }
}

}  // namespace

TEST_CASE("cuda layer_norm and its gradients") {
  if (!testing::has_cuda()) return;
  for (const DType dtype : kFloatDTypes)
    for (const Shape& shape :
         {Shape({1, 1}), Shape({3, 5}), Shape({33, 64}), Shape({2, 3, 20}), Shape({70, 130}), Shape({3, 1000})})
      for (const auto& [weight, bias] : {std::pair{true, true}, std::pair{false, false}, std::pair{true, false}})
        check(Norm::Layer, shape, dtype, weight, bias);
  check(Norm::Layer, {33, 64}, float32, false, true);
}

TEST_CASE("cuda rms_norm and its gradients") {
  if (!testing::has_cuda()) return;
  for (const DType dtype : kFloatDTypes)
    for (const Shape& shape :
         {Shape({1, 1}), Shape({3, 5}), Shape({33, 64}), Shape({2, 3, 20}), Shape({70, 130}), Shape({3, 1000})})
      for (bool weight : {true, false}) check(Norm::Rms, shape, dtype, weight, false);
}

TEST_CASE("cuda norms of rows that do not fit into registers, and of many rows") {
  if (!testing::has_cuda()) return;
  for (Norm norm : {Norm::Layer, Norm::Rms}) {
    const bool bias = norm == Norm::Layer;
    check(norm, {2, 9000}, float32, true, bias);
    check(norm, {2, 9001}, float32, true, bias);
    check(norm, {1, 17000}, bfloat16, true, false);
    check(norm, {700, 12}, float32, true, bias);
    check(norm, {300, 5}, float64, true, bias);
  }
}

TEST_CASE("cuda norms of nothing") {
  if (!testing::has_cuda()) return;
  for (Norm norm : {Norm::Layer, Norm::Rms}) {
    check(norm, {0, 8}, float32, true, norm == Norm::Layer);
    check(norm, {3, 0}, float32, true, norm == Norm::Layer);
  }
}

TEST_CASE("cuda norms of strided factors") {
  if (!testing::has_cuda()) return;
  const Tensor x = values({6, 32}, float32, 1), weight = values({32}, float32, 2);
  const auto run_on = [&](const Tensor& in, const Tensor& factor) {
    return layer_norm(in, {32}, factor, factor.flip({0})).to("cpu");
  };
  const Tensor wide = stack({weight, weight}, 1).to("cuda");
  CHECK(allclose(run_on(x.to("cuda"), wide.select(1, 1)), run_on(x, weight), 1e-5, 1e-5));
  const auto rms = [](const Tensor& in, const Tensor& factor) { return rms_norm(in, {32}, factor).to("cpu"); };
  CHECK(allclose(rms(x.to("cuda"), wide.select(1, 1)), rms(x, weight), 1e-5, 1e-5));
}

}  // namespace mote
