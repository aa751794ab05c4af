// Reductions on a CUDA device against the same in float64 (integers: in their own dtype) on the CPU.
#include <functional>
#include <limits>

#include "cuda/layouts.h"
#include "cuda/parity.h"

namespace mote {

namespace {

using testing::kAllDTypes;
using testing::kFloatDTypes;
using testing::kLayouts;
using testing::tolerance_of;
using Reduce = std::function<Tensor(const Tensor& x, const Dims& dims)>;

Tensor values(const Shape& shape, DType dtype) {
  if (is_floating_point(dtype)) {
    Generator generator(7);
    return randn(shape, {}, &generator).to(dtype);
  }
  return testing::mixed_integers(shape, dtype == uint8 ? 0 : -9, 10).to(dtype);
}

// Every layout on the device; `size` is what an error is measured against.
void check(const Tensor& x, const Dims& dims, const Reduce& reduce, double tolerance, double size = 1.0) {
  const Tensor want = reduce(x.is_floating_point() ? x.to(float64) : x, dims);
  for (const auto& layout : kLayouts) {
    INFO(name_of(x.dtype()) << " " << x.shape().str() << " over " << dims.str() << ", " << layout.name);
    const Tensor got = reduce(layout.arrange(x.to("cuda")), dims);
    REQUIRE(got.shape() == want.shape());
    if (!x.is_floating_point()) REQUIRE(got.dtype() == want.dtype());
    CHECK(allclose(got.to("cpu").to(float64), want.to(float64), tolerance, tolerance * size, true));
  }
}

struct Case {
  Shape shape;
  std::vector<Dims> dims;
};

const std::vector<Case> kCases = {
    {{}, {{}}},
    {{1}, {{}, {0}}},
    {{7}, {{}, {0}}},
    {{3, 5}, {{}, {0}, {1}}},
    {{33, 64}, {{}, {0}, {1}}},
    {{2, 3, 4, 5}, {{}, {0}, {1}, {3}, {0, 2}, {1, 3}, {0, 1, 2}}},
    {{4, 1, 16, 24}, {{0, 2}, {1}, {2, 3}, {0, 3}}},
};

// Long enough for a block a result, and for segments.
const std::vector<Case> kLongCases = {
    {{3, 4100}, {{}, {1}}},
    {{2100, 16}, {{0}, {}}},
    {{1300, 3}, {{0}}},
    {{40004}, {{}}},
};

void check_cases(const std::vector<Case>& cases, DType dtype, const Reduce& reduce, double tolerance) {
  for (const Case& one : cases)
    for (const Dims& dims : one.dims) check(values(one.shape, dtype), dims, reduce, tolerance);
}

Tensor any_over(const Tensor& x, const Dims& dims) { return dims.empty() ? any(x) : any(x, *dims.begin()); }
Tensor all_over(const Tensor& x, const Dims& dims) { return dims.empty() ? all(x) : all(x, *dims.begin()); }

}  // namespace

TEST_CASE("cuda sums of every dtype over any dimensions") {
  if (!testing::has_cuda()) return;
  const Reduce reduce = [](const Tensor& x, const Dims& dims) { return sum(x, dims); };
  for (const DType dtype : kAllDTypes) {
    check_cases(kCases, dtype, reduce, 4 * tolerance_of(dtype));
    check_cases({kLongCases[0], kLongCases[1]}, dtype, reduce, 40 * tolerance_of(dtype));
  }
  check_cases(kLongCases, float32, reduce, 1e-5);
}

TEST_CASE("cuda means and norms") {
  if (!testing::has_cuda()) return;
  for (const DType dtype : kFloatDTypes) {
    check_cases(
        kCases, dtype, [](const Tensor& x, const Dims& dims) { return mean(x, dims); }, tolerance_of(dtype));
    check_cases(
        kCases, dtype, [](const Tensor& x, const Dims& dims) { return norm(x, 2.0, dims, true); },
        4 * tolerance_of(dtype));
  }
  check_cases(
      kLongCases, float32, [](const Tensor& x, const Dims& dims) { return norm(x, 2.0, dims, true); }, 1e-6);
}

TEST_CASE("cuda extremes, with NaN and infinities") {
  if (!testing::has_cuda()) return;
  const Reduce largest = [](const Tensor& x, const Dims& dims) { return amax(x, dims); };
  const Reduce least = [](const Tensor& x, const Dims& dims) { return amin(x, dims); };
  for (const DType dtype : kAllDTypes) {
    check_cases(kCases, dtype, largest, 0.0);
    check_cases(kCases, dtype, least, 0.0);
  }
  check_cases(kLongCases, float32, least, 0.0);
  const Tensor x = values({33, 64}, float32);
  for (const float special : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                              -std::numeric_limits<float>::infinity()}) {
    x.select(0, 5).select(0, 9).fill_(special);
    for (const Dims& dims : {Dims({0}), Dims({1}), Dims()}) {
      check(x, dims, largest, 0.0);
      check(x, dims, least, 0.0);
    }
  }
}

TEST_CASE("cuda products, any and all") {
  if (!testing::has_cuda()) return;
  const Reduce product = [](const Tensor& x, const Dims& dims) {
    return dims.empty() ? prod(x) : prod(x, *dims.begin());
  };
  for (const DType dtype : kAllDTypes) {
    for (const Case& one : kCases)
      for (const Dims& dims : one.dims) {
        const Tensor x = values(one.shape, dtype);
        if (is_floating_point(dtype)) {
          const Tensor near_one = (x.to(float64) * 0.02 + 1.0).to(dtype);
          if (one.shape.numel() < 200) check(near_one, dims, product, 4 * tolerance_of(dtype));
        } else {
          check(x, dims, product, 0.0);
        }
        check(x, dims, any_over, 0.0);
        check(x, dims, all_over, 0.0);
      }
    check(values({300, 70}, dtype) * values({300, 1}, dtype), {1}, any_over, 0.0);
    check(ones({50, 20}).to(dtype), {0}, all_over, 0.0);
    check(zeros({50, 20}).to(dtype), {}, any_over, 0.0);
  }
}

TEST_CASE("cuda reductions of nothing") {
  if (!testing::has_cuda()) return;
  const auto both = [](const Shape& shape, DType dtype, const Reduce& reduce, const Dims& dims) {
    const Tensor x = zeros(shape, {.dtype = dtype});
    testing::check_parity({x}, [&](const testing::Tensors& in) { return testing::Tensors{reduce(in[0], dims)}; });
  };
  for (const Shape& shape : {Shape({0}), Shape({3, 0}), Shape({0, 4}), Shape({2, 0, 3})})
    for (const Dims& dims : {Dims(), Dims({0}), Dims({-1})}) {
      INFO(shape.str() << " over " << dims.str());
      for (const DType dtype : kAllDTypes) {
        both(
            shape, dtype, [](const Tensor& x, const Dims& d) { return sum(x, d); }, dims);
        both(shape, dtype, any_over, dims);
        both(shape, dtype, all_over, dims);
      }
      both(
          shape, float32, [](const Tensor& x, const Dims& d) { return mean(x, d); }, dims);
      both(
          shape, float32, [](const Tensor& x, const Dims& d) { return var(x, d); }, dims);
      both(
          shape, int64, [](const Tensor& x, const Dims& d) { return d.empty() ? prod(x) : prod(x, *d.begin()); }, dims);
    }
}

TEST_CASE("cuda variance, also far from zero") {
  if (!testing::has_cuda()) return;
  for (const DType dtype : kFloatDTypes)
    for (const bool unbiased : {false, true}) {
      const Reduce variance = [&](const Tensor& x, const Dims& dims) { return var(x, dims, unbiased); };
      const Reduce deviation = [&](const Tensor& x, const Dims& dims) { return std(x, dims, unbiased); };
      check_cases(kCases, dtype, variance, 4 * tolerance_of(dtype));
      check_cases(kCases, dtype, deviation, 4 * tolerance_of(dtype));
    }
  const Reduce variance = [](const Tensor& x, const Dims& dims) { return var(x, dims); };
  check_cases(kLongCases, float32, variance, 1e-5);
  check(values({20, 600}, float32) + 1000.0, {1}, variance, 1e-5);
  check(values({600, 20}, float32) + 1000.0, {0}, variance, 1e-5);
}

TEST_CASE("cuda positions of extremes: the first of equals, and NaN before all") {
  if (!testing::has_cuda()) return;
  const auto check_positions = [](const Tensor& x, int64_t dim) {
    check(
        x, {dim}, [](const Tensor& t, const Dims& dims) { return argmax(t, *dims.begin()); }, 0.0);
    check(
        x, {dim}, [](const Tensor& t, const Dims& dims) { return argmin(t, *dims.begin()); }, 0.0);
  };
  for (const DType dtype : kAllDTypes)
    for (const Shape& shape : {Shape({7}), Shape({3, 5}), Shape({33, 64}), Shape({4, 6, 40})})
      for (int64_t dim = 0; dim < shape.rank(); ++dim)
        check_positions(testing::mixed_integers(shape, 0, 6).to(dtype), dim);
  check_positions(testing::mixed_integers({40004}, 0, 1000).to(float32), 0);
  check_positions(testing::mixed_integers({2100, 16}, 0, 1000).to(float32), 0);
  const Tensor x = values({33, 64}, float32);
  for (const auto& [row, column] : {std::pair{9, 20}, std::pair{9, 50}, std::pair{21, 20}})
    x.select(0, row).select(0, column).fill_(std::numeric_limits<float>::quiet_NaN());
  check_positions(x, 0);
  check_positions(x, 1);
}

TEST_CASE("cuda running sums") {
  if (!testing::has_cuda()) return;
  const auto check_sums = [](const Tensor& x, int64_t dim, double tolerance) {
    check(
        x, {dim}, [](const Tensor& t, const Dims& dims) { return cumsum(t, *dims.begin()); }, tolerance);
  };
  for (const DType dtype : kAllDTypes)
    for (const Shape& shape :
         {Shape({1}), Shape({7}), Shape({3, 5}), Shape({33, 64}), Shape({4, 6, 40}), Shape({0, 3})})
      for (int64_t dim = 0; dim < shape.rank(); ++dim) check_sums(values(shape, dtype), dim, 4 * tolerance_of(dtype));
  check_sums(values({2, 3000}, float32), 1, 1e-6);
  check_sums(values({40004}, float32), 0, 1e-6);
  check_sums(values({40003}, float64), 0, 1e-12);
  check_sums(values({400, 6}, float32), 0, 1e-6);
  check_sums(testing::mixed_integers({9000}, 0, 100), 0, 0.0);
}

}  // namespace mote
