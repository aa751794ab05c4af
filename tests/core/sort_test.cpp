// sort, argsort and topk: order, stability, NaN, every dtype, both methods of sorting, gradients.
#include <algorithm>
#include <numeric>

#include "mote/core.h"
#include "mote/testing.h"
#include "support/catch.h"

namespace mote::testing {

namespace {

using Tensors = std::vector<Tensor>;

// Positions in the order that a stable sort by comparison gives.
std::vector<int64_t> expected_order(const std::vector<double>& values, bool descending) {
  std::vector<int64_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  const auto less = [](double a, double b) { return std::isnan(a) ? false : std::isnan(b) || a < b; };
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return descending ? less(values[b], values[a]) : less(values[a], values[b]);
  });
  return order;
}

void check_line(const Tensor& x) {
  std::vector<double> values;
  for (int64_t i = 0; i < x.numel(); ++i) values.push_back(x[i].to(float64).item<double>());
  for (const bool descending : {false, true}) {
    const auto [sorted, indices] = sort(x, 0, descending);
    CHECK(equal(indices, tensor(expected_order(values, descending))));
    CHECK(sorted.dtype() == x.dtype());
    CHECK(allclose(sorted.to(float64), x.index({indices}).to(float64), 0.0, 0.0, true));
    const int64_t k = x.numel() / 3;
    const auto [top, positions] = topk(x, k, 0, descending);
    CHECK(equal(positions, indices.slice(0, 0, k)));
    CHECK(allclose(top.to(float64), sorted.slice(0, 0, k).to(float64), 0.0, 0.0, true));
  }
}

}  // namespace

TEST_CASE("sort is stable, and NaN is the greatest") {
  check_line(tensor({3.0, NAN, -1.0, 0.0, -0.0, INFINITY, 3.0, -INFINITY, NAN, 1.0}));
  check_line(tensor({3.0, NAN, -1.0, 0.0, -0.0, INFINITY, 3.0, -INFINITY, NAN, 1.0}, {.dtype = float64}));
  const Tensor zeros_in_order = sort(tensor({0.0, -0.0})).values;
  CHECK_FALSE(std::signbit(zeros_in_order[0].item<float>()));
}

TEST_CASE("short and long lines of every dtype") {
  manual_seed(1);
  for (const int64_t length : {1, 7, 512, 513, 1500})
    for (const DType dtype : {bool_, uint8, int32, int64, float16, bfloat16, float32, float64})
      check_line(is_floating_point(dtype)
                     ? (randn({length}) * 100.0).to(dtype)
                     : randint(dtype == int32 || dtype == int64 ? -300 : 0, 300, {length}).to(dtype));
  const Tensor wide = tensor({INT64_MAX, INT64_MIN, int64_t{0}, int64_t{-1}, INT64_MAX - 1});
  CHECK(equal(argsort(wide), tensor({1, 3, 2, 4, 0})));
  CHECK(equal(argsort(wide, 0, true), tensor({0, 4, 2, 3, 1})));
}

TEST_CASE("sort along any dimension and from any strides") {
  const Tensor x = tensor({{3, 1, 2}, {0, 5, 4}});
  CHECK(equal(sort(x, 0).values, tensor({{0, 1, 2}, {3, 5, 4}})));
  CHECK(equal(sort(x, 1).indices, tensor({{1, 2, 0}, {0, 2, 1}})));
  CHECK(equal(sort(x.t(), 0, true).values, tensor({{3, 5}, {2, 4}, {1, 0}})));
  CHECK(equal(argsort(x, -1, true), tensor({{0, 2, 1}, {1, 2, 0}})));
  CHECK(equal(topk(x, 1, 0).values, tensor({{3, 5, 4}})));
  CHECK(equal(topk(x, 2, -1, false).indices, tensor({{1, 2}, {0, 2}})));
  CHECK(sort(tensor(3.0)).indices.item<int64_t>() == 0);
  CHECK(topk(tensor(3.0), 1).values.dim() == 0);
  CHECK(sort(zeros({0, 3})).values.shape() == Shape({0, 3}));
  CHECK(sort(zeros({3, 0})).values.shape() == Shape({3, 0}));
  CHECK(topk(x, 0).values.shape() == Shape({2, 0}));
  CHECK(topk(zeros({2, 3}, {.device = "meta"}), 2).indices.shape() == Shape({2, 2}));
}

TEST_CASE("topk breaks ties by the lower index") {
  CHECK(equal(topk(tensor({2.0, 5.0, 5.0, 2.0, 5.0}), 4).indices, tensor({1, 2, 4, 0})));
  CHECK(equal(topk(tensor({2.0, 5.0, 5.0, 2.0, 5.0}), 3, 0, false).indices, tensor({0, 3, 1})));
  CHECK_THAT(message_of<ValueError>([] { topk(zeros({2, 3}), 4); }), contains("expected k in [0, 3]"));
  CHECK_THROWS_AS(topk(zeros({3}), -1), ValueError);
}

TEST_CASE("gradients of sort and topk") {
  const Tensor x = tensor({{0.3, -0.2, 0.9}, {0.1, 0.8, -0.7}}, {.dtype = float64, .requires_grad = true});
  const auto check = [&](const std::function<Tensor(const Tensor&)>& function) {
    const auto squared = [&](const Tensors& inputs) { return square(function(inputs[0])); };
    CHECK(gradcheck(squared, {x}));
    CHECK(gradgradcheck(squared, {x}));
  };
  check([](const Tensor& t) { return sort(t, 1).values; });
  check([](const Tensor& t) { return sort(t, 0, true).values; });
  check([](const Tensor& t) { return topk(t, 2).values; });
  check([](const Tensor& t) { return topk(t, 1, 0, false).values; });
  CHECK_FALSE(sort(x).indices.requires_grad());
  CHECK_FALSE(argsort(x).requires_grad());
}

}  // namespace mote::testing
