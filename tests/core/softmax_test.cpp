// Softmax and log_softmax against their definition in float64, with PyTorch's edge cases.
#include <omp.h>

#include <cmath>
#include <limits>

#include "mote/core.h"
#include "mote/testing.h"
#include "support/catch.h"
#include "support/fake_backend.h"

namespace mote::testing {

namespace {

using Tensors = std::vector<Tensor>;
constexpr double kInf = std::numeric_limits<double>::infinity();

// The definition, from operations that have tests of their own.
Tensor reference(const Tensor& x, int64_t dim, bool log) {
  const Tensor wide = x.to(float64);
  if (wide.numel() == 0) return wide;
  const Tensor shifted = wide - amax(wide, dim, true);
  const Tensor total = sum(exp(shifted), dim, true);
  return log ? shifted - mote::log(total) : exp(shifted) / total;
}

// The largest difference, relative to b where that is large.
double distance(const Tensor& a, const Tensor& b) {
  const Tensor wide = b.to(float64);
  return a.numel() == 0 ? 0.0 : max(abs(a.to(float64) - wide) / (abs(wide) + 1.0)).item<double>();
}

// The gradient of sum(weights * f(x)) with respect to x, by the fused kernel.
Tensor gradient(const Tensor& x, const Tensor& weights, int64_t dim, bool log) {
  const Tensor leaf = x.detach().requires_grad_();
  (log ? log_softmax(leaf, dim) : softmax(leaf, dim)).backward(weights);
  return leaf.grad();
}

}  // namespace

TEST_CASE("softmax and log_softmax along every dimension, for any strides") {
  manual_seed(1);
  const std::vector<Shape> shapes = {{},     {1},     {5},        {16},        {17},         {33},   {1000}, {1, 7},
                                     {7, 1}, {13, 3}, {3, 50257}, {40, 5, 19}, {2, 3, 4, 5}, {0, 3}, {3, 0}, {300, 70}};
  for (const Shape& shape : shapes) {
    const Tensor base = randn(shape, {.dtype = float64}) * 5.0;
    Tensors arrangements = {base};
    if (shape.rank() > 1) arrangements.push_back(base.transpose(0, -1));
    if (shape.rank() > 0) arrangements.push_back(repeat_interleave(base, 2, -1).slice(-1, 0, std::nullopt, 2));
    for (const Tensor& x : arrangements) {
      for (int64_t dim = -1; dim < x.dim(); ++dim) {
        for (bool log : {false, true}) {
          const auto f = [&](const Tensor& t) { return log ? log_softmax(t, dim) : softmax(t, dim); };
          INFO("shape " << x.shape().str() << " dim " << dim << " log " << log);
          const Tensor expected = reference(x, dim, log);
          CHECK(f(x).is_contiguous());
          CHECK(distance(f(x), expected) < 1e-12);
          CHECK(distance(f(x.to(float32)), expected) < 1e-6);
          CHECK(distance(f(x.to(float16)), reference(x.to(float16), dim, log)) < 1e-3);
          CHECK(distance(f(x.to(bfloat16)), reference(x.to(bfloat16), dim, log)) < 8e-3);
        }
      }
    }
  }
}

TEST_CASE("the fused gradient is that of the definition") {
  manual_seed(2);
  for (const Shape& shape : {Shape({}), Shape({9}), Shape({5, 33}), Shape({33, 5}), Shape({4, 3, 70}), Shape({0, 2})}) {
    for (int64_t dim = -1; dim < shape.rank(); ++dim) {
      for (bool log : {false, true}) {
        const Tensor x = randn(shape, {.dtype = float64}), weights = randn(shape, {.dtype = float64});
        const Tensor leaf = x.clone().requires_grad_();
        if (x.numel() > 0) reference(leaf, dim, log).backward(weights);
        const Tensor expected = x.numel() > 0 ? leaf.grad() : x;
        INFO("shape " << shape.str() << " dim " << dim << " log " << log);
        CHECK(distance(gradient(x, weights, dim, log), expected) < 1e-12);
        CHECK(distance(gradient(x.to(float32), weights.to(float32), dim, log), expected) < 5e-6);
        CHECK(distance(gradient(x.to(bfloat16), weights.to(bfloat16), dim, log), expected) < 0.1);
      }
    }
  }
}

TEST_CASE("first and second derivatives of softmax") {
  manual_seed(3);
  const Tensors x = {randn({3, 4}, {.dtype = float64}).requires_grad_()};
  for (int64_t dim : {0, 1}) {
    CHECK(gradcheck([&](const Tensors& in) { return softmax(in[0], dim); }, x));
    CHECK(gradcheck([&](const Tensors& in) { return log_softmax(in[0], dim); }, x));
    CHECK(gradgradcheck([&](const Tensors& in) { return softmax(in[0], dim); }, x));
    CHECK(gradgradcheck([&](const Tensors& in) { return log_softmax(in[0], dim); }, x));
  }
}

TEST_CASE("softmax of large, infinite and NaN values") {
  for (DType dtype : {float32, float64, bfloat16}) {
    const auto row = [&](const NestedList& values) { return tensor(values, {.dtype = dtype}); };
    CHECK(distance(softmax(row({30000.0, 30000.0}), 0), row({0.5, 0.5})) == 0.0);
    CHECK(distance(softmax(row({0.0, -30000.0}), 0), row({1.0, 0.0})) == 0.0);
    CHECK(distance(softmax(row({0.0, -kInf, 0.0}), 0), row({0.5, 0.0, 0.5})) == 0.0);
    CHECK(log_softmax(row({0.0, -kInf}), 0)[1].item<double>() == -kInf);
    for (const Tensor& bad : {row({-kInf, -kInf}), row({1.0, kInf}), row({1.0, std::nan("")})}) {
      CHECK(all(isnan(softmax(bad, 0))).item<bool>());
      CHECK(all(isnan(log_softmax(bad, 0))).item<bool>());
    }
    // Rows of several stretches, where the first ones have nothing left, or what is special comes late.
    const Tensor late = full({5000}, -kInf, {.dtype = dtype});
    late.slice(0, 4000, 4002).fill_(3.0);
    CHECK(distance(softmax(late, 0).slice(0, 4000, 4002), row({0.5, 0.5})) == 0.0);
    CHECK(log_softmax(late, 0)[0].item<double>() == -kInf);
    CHECK(distance(log_softmax(late, 0)[4001].to(float64), tensor(-std::log(2.0), {.dtype = float64})) <
          (dtype == bfloat16 ? 2e-3 : 1e-6));
    for (const double special : {kInf, std::nan("")}) {
      late.index({4500}) = special;
      CHECK(all(isnan(softmax(late, 0))).item<bool>());
      CHECK(all(isnan(log_softmax(late, 0))).item<bool>());
    }
    // A NaN spoils its own row only.
    const Tensor two = softmax(row({{std::nan(""), 1.0}, {2.0, 2.0}}), 1);
    CHECK(distance(two[1], row({0.5, 0.5})) == 0.0);
    CHECK(isnan(two[0][1]).item<bool>());
  }
}

TEST_CASE("dtypes of softmax, and what it refuses") {
  CHECK(softmax(tensor({1, 2}), 0).dtype() == float32);
  CHECK(log_softmax(tensor({true, false}), 0).dtype() == float32);
  CHECK(softmax(tensor({1.0, 2.0}), 0, float64).dtype() == float64);
  CHECK(softmax(ones({2}).to(float16), 0, float32).dtype() == float32);
  const Tensor x = ones({3}).requires_grad_();
  softmax(x, 0, float64).sum().backward();
  CHECK(x.grad().dtype() == float32);
  CHECK_THAT(message_of<IndexError>([] { softmax(ones({2}), 1); }), contains("softmax: dimension out of range"));
  CHECK_THAT(message_of<IndexError>([] { log_softmax(ones({2}), -2); }),
             contains("log_softmax: dimension out of range"));
  CHECK_THAT(message_of<DTypeError>([] { softmax(ones({2}), 0, int64); }),
             contains("softmax: expected a floating-point"));
}

TEST_CASE("softmax is the same for every number of threads and on every device") {
  manual_seed(4);
  const Tensor x = randn({500, 301});
  const int before = omp_get_max_threads();
  for (int64_t dim : {0, 1}) {
    omp_set_num_threads(1);
    const Tensor one = softmax(x, dim), gradient_of_one = gradient(x, one, dim, true);
    omp_set_num_threads(3);
    CHECK(equal(softmax(x, dim), one));
    CHECK(equal(gradient(x, one, dim, true), gradient_of_one));
    omp_set_num_threads(before);
    FakeBackend fake;
    const BackendOverride guard(DeviceType::CUDA, fake);
    CHECK(equal(softmax(x.to("cuda"), dim).cpu(), one));
    CHECK(equal(gradient(x.to("cuda"), one.to("cuda"), dim, true).cpu(), gradient_of_one));
  }
  CHECK(softmax(empty({2, 3}, {.device = "meta"}), 0).shape() == Shape({2, 3}));
}

}  // namespace mote::testing
