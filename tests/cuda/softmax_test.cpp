// Softmax, its logarithm and masked softmax on a CUDA device, forward and backward, against float64 on the CPU.
#include <functional>
#include <limits>

#include "cuda/layouts.h"
#include "cuda/parity.h"

namespace mote {

namespace {

using testing::kFloatDTypes;
using testing::kLayouts;
using testing::tolerance_of;
using Map = std::function<Tensor(const Tensor& x)>;

constexpr float kInf = std::numeric_limits<float>::infinity();

Tensor values(const Shape& shape, DType dtype, uint64_t seed = 7) {
  Generator generator(seed);
  return (randn(shape, {}, &generator) * 2.0).to(dtype);
}

// Result and gradient of `map` at x, which is laid out some way on the device.
void check(const Tensor& x, const Map& on_cpu, const Map& on_cuda, double tolerance) {
  const Tensor direction = values(x.shape(), x.dtype(), 8);
  const auto run = [](const Tensor& input, const Map& map, const Tensor& g) {
    const Tensor leaf = input.detach().requires_grad_();
    const Tensor y = map(leaf);
    y.backward(g);
    return std::array{y.detach(), leaf.grad()};
  };
  const auto want = run(x.to(float64), on_cpu, direction.to(float64));
  for (const auto& layout : kLayouts) {
    INFO(name_of(x.dtype()) << " " << x.shape().str() << ", " << layout.name);
    const auto got = run(layout.arrange(x.to("cuda")), on_cuda, layout.arrange(direction.to("cuda")));
    CHECK(allclose(got[0].to("cpu").to(float64), want[0], tolerance, tolerance, true));
    CHECK(allclose(got[1].to("cpu").to(float64), want[1], tolerance, 4 * tolerance, true));
  }
}

void check(const Tensor& x, const Map& map, double tolerance) { check(x, map, map, tolerance); }

// Packs and no packs, part of a warp, a warp, several warps, and more than fits into registers.
const std::vector<Shape> kShapes = {{1}, {7}, {3, 5}, {33, 64}, {2, 3, 20}, {2, 1, 130}, {3, 1000}, {2, 0}, {0, 4}};
const std::vector<Shape> kLongShapes = {{2, 4100}, {1, 9000}, {1, 9001}};

}  // namespace

TEST_CASE("cuda softmax and log_softmax over any dimension") {
  if (!testing::has_cuda()) return;
  for (const DType dtype : kFloatDTypes)
    for (const Shape& shape : kShapes)
      for (int64_t dim = 0; dim < shape.rank(); ++dim) {
        const Tensor x = values(shape, dtype);
        check(
            x, [&](const Tensor& t) { return softmax(t, dim); }, tolerance_of(dtype));
        check(
            x, [&](const Tensor& t) { return log_softmax(t, dim); }, 4 * tolerance_of(dtype));
      }
  for (const Shape& shape : kLongShapes) {
    const Tensor x = values(shape, float32);
    check(
        x, [](const Tensor& t) { return softmax(t, -1); }, 2e-6);
    check(
        x, [](const Tensor& t) { return log_softmax(t, -1); }, 2e-5);
  }
  check(
      values({1, 17000}, bfloat16), [](const Tensor& t) { return softmax(t, -1); }, 8e-3);
}

TEST_CASE("cuda softmax of far-off and infinite scores") {
  if (!testing::has_cuda()) return;
  for (const int64_t width : {8, 9, 9000}) {
    const Tensor x = values({6, width}, float32);
    x.select(0, 1).fill_(-kInf);
    x.select(0, 2).select(0, 3).fill_(-kInf);
    x.select(0, 3).select(0, 3).fill_(kInf);
    x.select(0, 4).select(0, 3).fill_(std::nanf(""));
    x.select(0, 5).add_(1e4);
    for (const bool log : {false, true}) {
      INFO("width " << width << " log " << log);
      const auto run = [&](const testing::Tensors& in) {
        return testing::Tensors{log ? log_softmax(in[0], 1) : softmax(in[0], 1)};
      };
      testing::check_parity({x}, run, 2e-6);
    }
  }
}

TEST_CASE("cuda masked_softmax with masks of any strides") {
  if (!testing::has_cuda()) return;
  Generator generator(3);
  for (const DType dtype : kFloatDTypes)
    for (const Shape& shape : {Shape({2, 3, 4, 24}), Shape({2, 2, 5, 7}), Shape({1, 2, 3, 130})}) {
      const int64_t queries = shape[2], keys = shape[3];
      for (const Shape& masked : {shape, Shape({queries, keys}), Shape({shape[0], 1, 1, keys}),
                                  Shape({shape[0], 1, queries, 1}), Shape({1, shape[1], queries, keys})}) {
        INFO("mask " << masked.str());
        const Tensor mask = lt(rand(masked, {}, &generator), 0.4), there = mask.to("cuda");
        const MaskedSoftmaxOptions options{.scale = 0.3};
        const Tensor x = values(shape, dtype);
        check(
            x, [&](const Tensor& t) { return masked_softmax(t, mask, options); },
            [&](const Tensor& t) { return masked_softmax(t, there, options); }, tolerance_of(dtype));
        const Tensor across = there.transpose(-1, -2).contiguous().transpose(-1, -2);
        check(
            x, [&](const Tensor& t) { return masked_softmax(t, mask, options); },
            [&](const Tensor& t) { return masked_softmax(t, across, options); }, tolerance_of(dtype));
      }
    }
}

TEST_CASE("cuda masked_softmax gives zeros for wholly masked rows, also long ones") {
  if (!testing::has_cuda()) return;
  for (const int64_t width : {24, 25, 9000, 9001}) {
    const Tensor x = values({4, width}, float32);
    Tensor mask = lt(values({4, width}, float32, 9), 0.5);
    mask.select(0, 1).fill_(true);
    x.select(0, 2).fill_(-kInf);
    const Tensor there = mask.to("cuda");
    const Tensor leaf = x.to("cuda").requires_grad_();
    const Tensor y = masked_softmax(leaf, there, {.scale = 2.0});
    y.backward(ones_like(y));
    const Tensor here = y.detach().to("cpu"), gradient = leaf.grad().to("cpu");
    for (const int64_t row : {1, 2}) {
      CHECK(here.select(0, row).eq(0).all().item<bool>());
      CHECK(gradient.select(0, row).eq(0).all().item<bool>());
    }
    CHECK(allclose(here, masked_softmax(x, mask, {.scale = 2.0}), 1e-5, 1e-7));
  }
}

}  // namespace mote
