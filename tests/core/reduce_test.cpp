// Reductions against plain loops in float64, over shapes, dimensions, strides and dtypes; their edge cases are
// PyTorch's.
#include <omp.h>

#include <cmath>
#include <functional>
#include <limits>

#include "core/reduce_reference.h"
#include "mote/core.h"
#include "mote/testing.h"
#include "support/catch.h"
#include "support/fake_backend.h"

namespace mote::testing {

namespace {

using Tensors = std::vector<Tensor>;

Tensor input(const Shape& shape) { return randn(shape, {.dtype = float64}).requires_grad_(); }

void check_all(const Tensor& x, const Dims& dims, double tolerance) {
  const double count = static_cast<double>(x.numel());
  check_values(sum(x, dims), x, dims, total, tolerance * std::sqrt(count + 1));
  check_values(mean(x, dims), x, dims, average, tolerance);
  check_values(norm(x, 2.0, dims), x, dims, length, tolerance);
  if (x.numel() == 0) return;
  check_values(amax(x, dims), x, dims, highest, 0);
  check_values(amin(x, dims), x, dims, lowest, 0);
  check_values(var(x, dims), x, dims, variance, 10 * tolerance);
}

struct Threads {
  explicit Threads(int n) : before(omp_get_max_threads()) { omp_set_num_threads(n); }
  ~Threads() { omp_set_num_threads(before); }
  int before;
};

}  // namespace

TEST_CASE("reductions over every choice of dimensions and any strides") {
  manual_seed(1);
  const std::vector<Shape> shapes = {{},        {1},        {7},          {4097},    {3, 5},    {1, 9},    {9, 1},
                                     {2, 3},    {17, 64},   {64, 17},     {130, 70}, {5, 2000}, {2000, 5}, {2, 3, 4},
                                     {6, 1, 5}, {3, 67, 9}, {2, 3, 4, 5}, {0},       {0, 3},    {3, 0}};
  for (const Shape& shape : shapes) {
    const Tensor base = randn(shape, {.dtype = float64});
    for (const Tensor& x : arrangements(base)) {
      for (int mask = 0; mask < (1 << shape.rank()); ++mask) {
        Dims dims;
        for (int d = 0; d < shape.rank(); ++d)
          if (mask >> d & 1) dims.push_back(d % 2 ? d : d - shape.rank());
        check_all(x, dims, 1e-13);
        check_all(x.to(float32), dims, 2e-6);
      }
    }
  }
}

TEST_CASE("large reductions: groups of rows and of columns") {
  manual_seed(2);
  for (const Shape& shape :
       {Shape({300001}), Shape({3, 200003}), Shape({70001, 3}), Shape({5000, 130}), Shape({9, 40, 1500})}) {
    const Tensor x = randn(shape, {.dtype = float64}) + 3.0;
    for (const Tensor& y : arrangements(x)) {
      check_all(y, {}, 1e-13);
      check_all(y, 0, 1e-13);
      check_all(y, -1, 1e-13);
      check_all(y.to(float32), 0, 2e-6);
      check_all(y.to(float32), {}, 2e-6);
    }
  }
}

TEST_CASE("16-bit types are reduced in float32") {
  manual_seed(3);
  for (DType dtype : {float16, bfloat16}) {
    const double unit = dtype == float16 ? 1e-3 : 8e-3;
    for (const Shape& shape : {Shape({5000}), Shape({33, 129}), Shape({200, 3})}) {
      const Tensor x = rand(shape).to(dtype);
      for (const Tensor& y : arrangements(x)) {
        for (const Dims& dims : {Dims(), Dims(0), Dims(-1)}) {
          CHECK(sum(y, dims).dtype() == dtype);
          check_values(sum(y, dims), y, dims, total, unit);
          check_values(mean(y, dims), y, dims, average, unit);
          check_values(var(y, dims), y, dims, variance, unit);
          check_values(amax(y, dims), y, dims, highest, 0);
        }
      }
    }
    // 4096 ones: a running sum of the dtype itself would stop at 2048 or 256.
    CHECK(sum(ones({4096}, {.dtype = dtype})).item<float>() == 4096.0f);
    // A deviation whose square overflows float16.
    CHECK(mote::std(tensor({0.0, 1000.0}).to(dtype)).item<float>() == (dtype == float16 ? 707.0f : 708.0f));
  }
}

TEST_CASE("integers and bool: sums widen to int64, extremes keep the dtype") {
  manual_seed(4);
  for (DType dtype : {uint8, int32, int64, bool_}) {
    for (const Shape& shape : {Shape({1000}), Shape({7, 300}), Shape({300, 7})}) {
      const Tensor x = randint(0, dtype == bool_ ? 2 : 200, shape).to(dtype);
      for (const Tensor& y : arrangements(x)) {
        for (const Dims& dims : {Dims(), Dims(0), Dims(-1)}) {
          CHECK(sum(y, dims).dtype() == int64);
          check_values(sum(y, dims), y, dims, total, 0);
          CHECK(amax(y, dims).dtype() == dtype);
          check_values(amax(y, dims), y, dims, highest, 0);
          check_values(amin(y, dims), y, dims, lowest, 0);
        }
        check_values(prod(y.slice(-1, 0, 5), -1), y.slice(-1, 0, 5), -1, product, 0);
      }
    }
  }
  CHECK(sum(tensor({200, 100}, {.dtype = uint8})).item<int64_t>() == 300);
  CHECK(sum(tensor({200, 100}), int32).dtype() == int32);
  CHECK(sum(tensor({true, true}), float32).dtype() == float32);
  CHECK(sum(tensor({1.5, 2.75}), int64).item<int64_t>() == 3);  // truncated one by one
  CHECK(mean(tensor({1, 2}), {}, false, float64).item<double>() == 1.5);
  CHECK(prod(tensor({3, 4})).dtype() == int64);
  const Tensor most = tensor({std::numeric_limits<int64_t>::max(), int64_t{1}});
  CHECK(sum(most).item<int64_t>() == std::numeric_limits<int64_t>::min());  // wraps around
}

TEST_CASE("keepdim and the shapes of results") {
  const Tensor x = ones({2, 3, 4});
  CHECK(sum(x).shape() == Shape({}));
  CHECK(sum(x, {0, -1}).shape() == Shape({3}));
  CHECK(sum(x, {0, -1}, true).shape() == Shape({1, 3, 1}));
  CHECK(amax(x, {}, true).shape() == Shape({1, 1, 1}));
  CHECK(argmax(x, std::nullopt, true).shape() == Shape({1, 1, 1}));
  CHECK(max(x, 1).values.shape() == Shape({2, 4}));
  CHECK(max(x, 1, true).indices.shape() == Shape({2, 1, 4}));
  CHECK(sum(tensor(2.0), -1).item<float>() == 2.0f);
}

TEST_CASE("reductions of nothing") {
  const Tensor none = empty({0});
  CHECK(sum(none).item<float>() == 0.0f);
  CHECK(prod(none).item<float>() == 1.0f);
  CHECK(std::isnan(mean(none).item<float>()));
  CHECK(std::isnan(var(none).item<float>()));
  CHECK(norm(none).item<float>() == 0.0f);
  CHECK_FALSE(any(none).item<bool>());
  CHECK(all(none).item<bool>());
  CHECK(count_nonzero(none).item<int64_t>() == 0);
  CHECK(logsumexp(none, 0).item<float>() == -std::numeric_limits<float>::infinity());
  CHECK(equal(sum(empty({0, 3}), 0), zeros({3})));
  CHECK(sum(empty({0, 3}), 1).shape() == Shape({0}));
  CHECK(amax(empty({0, 3}), 1).shape() == Shape({0}));
  CHECK(max(empty({0, 3}), 1).indices.shape() == Shape({0}));
  CHECK(cumsum(none, 0).shape() == Shape({0}));
  CHECK_THAT(message_of<ShapeError>([&] { max(none); }), contains("max: expected dimension 0"));
  CHECK_THAT(message_of<ShapeError>([&] {
               amax(empty({2, 0}), 1);
             }),
             contains("amax: expected dimension 1") && contains("[2, 0]"));
  CHECK_THAT(message_of<ShapeError>([&] { min(empty({2, 0}), 1); }), contains("min: expected dimension 1"));
  CHECK_THAT(message_of<ShapeError>([&] { argmax(none); }), contains("argmax: expected dimension 0"));
}

TEST_CASE("variance: one element, constant values, a large mean") {
  CHECK(std::isnan(var(tensor({1.0})).item<float>()));
  CHECK(var(tensor({1.0}), false).item<float>() == 0.0f);
  CHECK(mote::std(full({1000}, 0.1)).item<float>() < 1e-8f);
  CHECK(amax(mote::std(full({1000, 40}, 0.1), 0)).item<float>() < 1e-8f);
  manual_seed(5);
  const Tensor x = randn({100000}, {.dtype = float64});
  const Tensor far = (x + 10000.0).to(float32);
  CHECK(var(far).item<double>() == Approx(var(far.to(float64)).item<double>()).epsilon(1e-4));
  CHECK(mote::std(x, {0}, true, true).shape() == Shape({1}));
  CHECK(mote::std(x).item<double>() == Approx(std::sqrt(var(x).item<double>())));
  CHECK(std::isnan(var(tensor({1.0, kInf})).item<float>()));
}

TEST_CASE("NaN and infinities") {
  for (DType dtype : {float32, float64, float16}) {
    for (int64_t n : {1, 5, 16, 17, 64, 5000}) {
      for (int64_t at : {int64_t{0}, n / 2, n - 1}) {
        const Tensor x = zeros({n}, {.dtype = dtype});
        x.index_put_({at}, kNan);
        CHECK(isnan(max(x)).item<bool>());
        CHECK(isnan(min(x)).item<bool>());
        CHECK(argmax(x).item<int64_t>() == at);
        CHECK(argmin(x).item<int64_t>() == at);
        CHECK(isnan(max(x, 0).values).item<bool>());
        const Tensor columns = x.unsqueeze(1).repeat({1, 33});
        CHECK(all(isnan(amax(columns, 0))).item<bool>());
        CHECK(all(isnan(amin(columns, 0))).item<bool>());
      }
    }
  }
  CHECK(max(tensor({-kInf, -kInf})).item<double>() == -kInf);
  CHECK(sum(tensor({kInf, 1.0})).item<double>() == kInf);
  CHECK(std::isnan(sum(tensor({kInf, -kInf})).item<double>()));
  CHECK(any(tensor({0.0, kNan})).item<bool>());
}

TEST_CASE("positions: the first of equals, in row-major order") {
  const Tensor x = tensor({{1, 5, 5}, {5, 0, 0}});
  CHECK(argmax(x).item<int64_t>() == 1);
  CHECK(argmin(x).item<int64_t>() == 4);
  CHECK(argmax(x.t()).item<int64_t>() == 1);  // the same values, column by column
  CHECK(argmin(x.t()).item<int64_t>() == 3);
  CHECK(equal(argmax(x, 0), tensor({1, 0, 0})));
  CHECK(equal(argmax(x, 1), tensor({1, 0})));
  CHECK(equal(max(x, 1).values, tensor({5, 5})));
  CHECK(equal(min(x, -2).values, tensor({1, 0, 0})));
  CHECK(argmax(tensor(3.0)).item<int64_t>() == 0);
  CHECK(max(tensor(3.0), 0).indices.item<int64_t>() == 0);
  CHECK(equal(argmax(tensor({{false, true}, {false, false}}), 1), tensor({1, 0})));
  manual_seed(6);
  for (const Shape& shape : {Shape({4000}), Shape({70, 130}), Shape({3, 5, 700}), Shape({1, 1000, 3})}) {
    for (const Tensor& y : arrangements(randint(0, 50, shape).to(float32))) {
      for (int64_t d = 0; d < shape.rank(); ++d) {
        const auto groups = groups_of(y, d);
        const std::vector<double> tops = values_of(argmax(y, d)), bottoms = values_of(argmin(y, d));
        for (size_t i = 0; i < groups.size(); ++i) {
          const auto& g = groups[i];
          CHECK(tops[i] == static_cast<double>(std::max_element(g.begin(), g.end()) - g.begin()));
          CHECK(bottoms[i] == static_cast<double>(std::min_element(g.begin(), g.end()) - g.begin()));
        }
      }
    }
  }
}

TEST_CASE("any, all, count_nonzero") {
  const Tensor x = tensor({{0, 1, 2}, {0, 0, 0}});
  CHECK(any(x).item<bool>());
  CHECK_FALSE(all(x).item<bool>());
  CHECK(equal(any(x, 0), tensor({false, true, true})));
  CHECK(equal(any(x, 1, true), tensor({{true}, {false}})));
  CHECK(equal(all(x + 1, 1), tensor({true, true})));
  CHECK(count_nonzero(x).item<int64_t>() == 2);
  CHECK(count_nonzero(x != 0).item<int64_t>() == 2);
  CHECK(any(zeros({70000}).to(uint8)).item<bool>() == false);
  CHECK(all(ones({70000, 3}).to(float16), 0).shape() == Shape({3}));
}

TEST_CASE("cumsum along each dimension") {
  manual_seed(7);
  const Tensor x = randn({4, 5, 6}, {.dtype = float64});
  for (int64_t d : {0, 1, -1}) {
    Tensor expected = zeros_like(x);
    Tensor running = zeros_like(x.select(d, 0));
    for (int64_t i = 0; i < x.size(d); ++i) {
      running = running + x.select(d, i);
      expected.select(d, i).copy_(running);
    }
    CHECK(allclose(cumsum(x, d), expected));
    CHECK(allclose(cumsum(x.transpose(0, 2), d).transpose(0, 2), cumsum(x, d == 0 ? 2 : d == -1 ? 0 : 1)));
  }
  CHECK(equal(cumsum(tensor({true, true, false}), 0), tensor({1, 2, 2})));
  CHECK(cumsum(tensor({1, 2}, {.dtype = int32}), 0).dtype() == int64);
  CHECK(cumsum(tensor(4.0), 0).item<float>() == 4.0f);
  const int64_t big = int64_t{1} << 62;  // integers wrap around
  CHECK(equal(cumsum(tensor({big, big, big}), 0), tensor({big, std::numeric_limits<int64_t>::min(), -big})));
}

TEST_CASE("logsumexp does not overflow") {
  CHECK(logsumexp(tensor({1000.0, 1000.0}), 0).item<float>() == Approx(1000.0 + std::log(2.0)));
  CHECK(logsumexp(tensor({-kInf, -kInf}), 0).item<double>() == -kInf);
  CHECK(logsumexp(tensor({kInf, 1.0}), 0).item<double>() == kInf);
  CHECK(logsumexp(tensor({{1, 2}, {3, 4}}), 1, true).shape() == Shape({2, 1}));
  CHECK(logsumexp(tensor({1, 2}), 0).dtype() == float32);
}

TEST_CASE("norms") {
  const Tensor x = tensor({{3.0, -4.0}, {0.0, 0.0}}, {.dtype = float64});
  CHECK(norm(x).item<double>() == Approx(5.0));
  CHECK(norm(x, 1.0).item<double>() == Approx(7.0));
  CHECK(norm(x, kInf).item<double>() == 4.0);
  CHECK(norm(x, -kInf).item<double>() == 0.0);
  CHECK(norm(x, 0.0).item<double>() == 2.0);
  CHECK(norm(x, 3.0).item<double>() == Approx(std::cbrt(91.0)));
  CHECK(norm(x, 2.0, 1, true).shape() == Shape({2, 1}));
}

TEST_CASE("sum_to undoes broadcasting, and costs nothing where there was none") {
  const Tensor g = ones({2, 3, 4});
  CHECK(is_same(sum_to(g, {2, 3, 4}), g));
  CHECK(equal(sum_to(g, {3, 1}), full({3, 1}, 8.0)));
  CHECK(equal(sum_to(g, {}), tensor(24.0)));
  CHECK(equal(sum_to(g, {1, 1, 4}), full({1, 1, 4}, 6.0)));
  CHECK(sum_to(ones({1, 3}), {3}).shape() == Shape({3}));
}

TEST_CASE("what reductions refuse") {
  const Tensor x = ones({2, 3});
  CHECK_THAT(message_of<IndexError>([&] { sum(x, 2); }), contains("sum: dimension out of range"));
  CHECK_THAT(message_of<IndexError>([&] { argmax(x, -3); }), contains("argmax: dimension out of range"));
  CHECK_THAT(message_of<ValueError>([&] { sum(x, {0, -2}); }), contains("sum: dimension 0 appears more than once"));
  CHECK_THAT(message_of<DTypeError>([&] {
               mean(tensor({1, 2}));
             }),
             contains("mean: expected a floating-point tensor, but got int64"));
  CHECK_THAT(message_of<DTypeError>([&] { var(tensor({1, 2})); }), contains("var: expected a floating-point"));
  CHECK_THAT(message_of<DTypeError>([&] { norm(tensor({1, 2})); }), contains("norm: expected a floating-point"));
}

TEST_CASE("gradients of reductions, first and second") {
  manual_seed(8);
  const Tensors x = {input({3, 4})};
  using Single = std::function<Tensor(const Tensors&)>;
  const std::vector<Single> functions = {
      [](const Tensors& in) { return sum(in[0] * in[0]); },
      [](const Tensors& in) { return sum(in[0] * in[0], 0, true); },
      [](const Tensors& in) { return mean(in[0] * in[0], -1); },
      [](const Tensors& in) { return prod(in[0]); },
      [](const Tensors& in) { return prod(in[0], 1); },
      [](const Tensors& in) { return var(in[0]); },
      [](const Tensors& in) { return var(in[0], 1, false, true); },
      [](const Tensors& in) { return mote::std(in[0], 0); },
      [](const Tensors& in) { return norm(in[0]); },
      [](const Tensors& in) { return norm(in[0], 1.0, 1); },
      [](const Tensors& in) { return norm(in[0], 3.0, 0, true); },
      [](const Tensors& in) { return norm(in[0], kInf); },
      [](const Tensors& in) { return max(in[0] * in[0]); },
      [](const Tensors& in) { return amin(in[0] * in[0], {0}); },
      [](const Tensors& in) { return max(in[0] * in[0], 1).values; },
      [](const Tensors& in) { return min(in[0] * in[0], 0, true).values; },
      [](const Tensors& in) { return cumsum(in[0] * in[0], 1); },
      [](const Tensors& in) {
        return logsumexp(in[0], {0, 1});
      },
      [](const Tensors& in) { return logsumexp(in[0], 1, true); },
      [](const Tensors& in) {
        return sum_to(in[0] * in[0], {1, 4});
      },
  };
  for (size_t i = 0; i < functions.size(); ++i) {
    INFO("function " << i);
    CHECK(gradcheck(functions[i], x));
    CHECK(gradgradcheck(functions[i], x));
  }
}

TEST_CASE("gradients at ties and zeros") {
  const auto gradient = [](const Tensor& x, const std::function<Tensor(const Tensor&)>& f) {
    const Tensor leaf = x.clone().requires_grad_();
    f(leaf).backward();
    return leaf.grad();
  };
  const Tensor ties = tensor({2.0, 1.0, 2.0});
  CHECK(equal(gradient(ties, [](const Tensor& x) { return max(x); }), tensor({0.5, 0.0, 0.5})));
  CHECK(equal(gradient(ties, [](const Tensor& x) { return amax(x, 0); }), tensor({0.5, 0.0, 0.5})));
  CHECK(equal(gradient(ties, [](const Tensor& x) { return max(x, 0).values; }), tensor({1.0, 0.0, 0.0})));
  CHECK(equal(gradient(zeros({3}), [](const Tensor& x) { return norm(x); }), zeros({3})));
  CHECK(equal(gradient(ones({3}), [](const Tensor& x) { return mote::std(x); }), zeros({3})));
  CHECK(equal(gradient(tensor({2.0, 0.0, 3.0}), [](const Tensor& x) { return prod(x); }), tensor({0.0, 6.0, 0.0})));
  CHECK(equal(gradient(tensor({2.0, 0.0, 0.0}), [](const Tensor& x) { return prod(x); }), zeros({3})));
  CHECK(equal(gradient(tensor(5.0), [](const Tensor& x) { return prod(x, 0); }), tensor(1.0)));
  CHECK(equal(gradient(tensor(5.0), [](const Tensor& x) { return max(x, 0).values; }), tensor(1.0)));
  const Tensor with_zeros = tensor({{2.0, 0.0, 3.0}, {0.0, 0.0, 1.0}}, {.dtype = float64}).requires_grad_();
  CHECK(gradgradcheck([](const Tensors& in) { return prod(in[0], 1); }, {with_zeros}));
  CHECK(gradient(empty({0, 2}), [](const Tensor& x) { return sum(x); }).shape() == Shape({0, 2}));
}

TEST_CASE("no number of threads changes a bit") {
  manual_seed(9);
  for (const Shape& shape : {Shape({1000003}), Shape({3000, 401}), Shape({401, 3000}), Shape({20, 300, 77})}) {
    const Tensor x = randn(shape);
    const auto run = [&](int threads) {
      const Threads guard(threads);
      Tensors results;
      for (const Tensor& y : arrangements(x))
        for (const Dims& dims : {Dims(), Dims(0), Dims(-1)})
          for (const Tensor& r : {sum(y, dims), var(y, dims), norm(y, 2.0, dims), amax(y, dims)}) results.push_back(r);
      return results;
    };
    const Tensors one = run(1), two = run(2), three = run(3);
    for (size_t i = 0; i < one.size(); ++i) {
      CHECK(equal(one[i], two[i]));
      CHECK(equal(one[i], three[i]));
    }
  }
}

TEST_CASE("reductions on meta and on another device") {
  CHECK(sum(empty({2, 3}, {.device = "meta"}), 1).shape() == Shape({2}));
  CHECK(max(empty({2, 3}, {.device = "meta"}), 1).indices.dtype() == int64);
  CHECK(count_nonzero(empty({2}, {.device = "meta"})).dtype() == int64);
  FakeBackend fake;
  const BackendOverride guard(DeviceType::CUDA, fake);
  manual_seed(10);
  const Tensor x = randn({5, 7}), y = x.to("cuda");
  CHECK(equal(sum(y, 0).cpu(), sum(x, 0)));
  CHECK(equal(var(y, 1).cpu(), var(x, 1)));
  CHECK(equal(max(y, 1).values.cpu(), max(x, 1).values));
  CHECK(equal(logsumexp(y, {0, 1}).cpu(), logsumexp(x, {0, 1})));
  CHECK(equal(norm(y, 3.0).cpu(), norm(x, 3.0)));
}

}  // namespace mote::testing
