// gather, scatter and index_select with their kin: values, bounds, order of equal positions, gradients.
#include <omp.h>

#include "mote/core.h"
#include "mote/testing.h"
#include "support/catch.h"

namespace mote::testing {

namespace {

using Tensors = std::vector<Tensor>;

Tensor iota(const Shape& shape) { return arange(shape.numel(), {.dtype = float64}).reshape(shape); }
Tensor input(const Shape& shape) { return (iota(shape) * 0.1 + 0.05).requires_grad_(); }
Tensor doubles(const NestedList& values) { return tensor(values, {.dtype = float64}); }

// First and second derivatives of a function of one or two operands, squared.
template <class F>
void check_gradients(const Tensors& inputs, const F& function) {
  const auto squared = [&](const Tensors& x) { return square(function(x)); };
  CHECK(gradcheck(squared, inputs));
  CHECK(gradgradcheck(squared, inputs));
}

}  // namespace

TEST_CASE("gather") {
  const Tensor x = iota({3, 4});
  CHECK(equal(x.gather(1, tensor({{0, 3}, {1, 1}, {2, 0}})), doubles({{0, 3}, {5, 5}, {10, 8}})));
  CHECK(equal(x.gather(0, tensor({{2, 0}})), doubles({{8, 1}})));
  CHECK(equal(x.t().gather(0, tensor({{3, 0, 1}})), doubles({{3, 4, 9}})));
  CHECK(equal(tensor(5).gather(0, tensor({0})), tensor({5})));
  CHECK(equal(tensor(5).gather(0, tensor(0)), tensor(5)));
  CHECK(x.gather(0, zeros({0, 4}, {.dtype = int64})).shape() == Shape({0, 4}));
  for (const DType dtype : {bool_, uint8, int32, float16, bfloat16, float32})
    CHECK(equal((x > 4.0).to(dtype).gather(1, tensor({{3}, {1}, {0}})), tensor({{0}, {1}, {1}}).to(dtype)));
  CHECK_THAT(message_of<IndexError>([&] {
               x.gather(1, tensor({{0}, {4}}));
             }),
             contains("gather: index 4 is out of range for dimension 1 of size 4"));
  CHECK_THAT(message_of<IndexError>([&] { x.gather(0, tensor({{-1}})); }), contains("index -1"));
  CHECK_THROWS_AS(x.gather(0, tensor({{0, 0, 0, 0, 0}})), ShapeError);
  CHECK_THROWS_AS(x.gather(0, tensor({0})), ShapeError);
  CHECK_THROWS_AS(x.gather(0, tensor({{0.0}})), DTypeError);
}

TEST_CASE("take_along_dim broadcasts") {
  const Tensor x = iota({3, 4});
  CHECK(equal(take_along_dim(x, tensor({{1}, {0}, {2}}), 1), doubles({{1}, {4}, {10}})));
  CHECK(equal(take_along_dim(x, tensor({{2, 0}}), 1), doubles({{2, 0}, {6, 4}, {10, 8}})));
  CHECK(equal(take_along_dim(x, argsort(x, 0, true), 0), x.flip(0)));
}

TEST_CASE("scatter and scatter_add") {
  const Tensor x = zeros({2, 4}, {.dtype = float64});
  const Tensor index = tensor({{0, 2, 0}, {3, 3, 1}}), source = doubles({{1, 2, 3}, {4, 5, 6}});
  CHECK(equal(x.scatter(1, index, source), doubles({{3, 0, 2, 0}, {0, 6, 0, 5}})));
  CHECK(equal(x.scatter_add(1, index, source), doubles({{4, 0, 2, 0}, {0, 6, 0, 9}})));
  CHECK(equal(x.scatter(0, tensor({{1, 0}}), 7.0), doubles({{0, 7, 0, 0}, {7, 0, 0, 0}})));
  CHECK(equal(x, zeros({2, 4}, {.dtype = float64})));
  CHECK(is_same(x.scatter_(1, index, -1.0), x));
  CHECK(equal(x, doubles({{-1, 0, -1, 0}, {0, -1, 0, -1}})));
  x.t().scatter_add_(0, index.t(), source.t());
  CHECK(equal(x, doubles({{3, 0, 1, 0}, {0, 5, 0, 8}})));
  // A source may be larger than the index.
  CHECK(equal(zeros({3}).scatter(0, tensor({2}), tensor({5.0, 6.0})), tensor({0.0, 0.0, 5.0})));
  CHECK(equal(zeros({3}, {.dtype = bool_}).scatter_add(0, tensor({1, 1}), tensor({true, true})),
              tensor({false, true, false})));
  CHECK(equal(zeros({2}, {.dtype = int32}).scatter_add(0, tensor({1, 1}), tensor({INT32_MAX, 1}, {.dtype = int32})),
              tensor({0, INT32_MIN}, {.dtype = int32})));
  CHECK_THROWS_AS(x.scatter(1, index, source.to(float32)), DTypeError);
  CHECK_THROWS_AS(x.scatter(1, index, source.slice(1, 0, 2)), ShapeError);
  const Tensor before = x.clone();
  CHECK_THROWS_AS(x.scatter_(1, tensor({{0, 4}}), 9.0), IndexError);
  CHECK(equal(x, before));
}

TEST_CASE("index_select and index_add") {
  const Tensor x = iota({3, 2});
  CHECK(equal(x.index_select(0, tensor({2, 2, 0})), doubles({{4, 5}, {4, 5}, {0, 1}})));
  CHECK(equal(x.index_select(1, tensor({1}, {.dtype = int32})), doubles({{1}, {3}, {5}})));
  CHECK(equal(x.t().index_select(1, tensor({2})), doubles({{4}, {5}})));
  CHECK(x.index_select(0, zeros({0}, {.dtype = int64})).shape() == Shape({0, 2}));
  CHECK(tensor(4.0).index_select(0, tensor({0})).dim() == 0);
  CHECK(equal(x.index_add(0, tensor({1, 1}), doubles({{1, 2}, {3, 4}})), doubles({{0, 1}, {6, 9}, {4, 5}})));
  CHECK(is_same(x.index_add_(1, tensor({0}), doubles({{1}, {1}, {1}})), x));
  CHECK(equal(x, doubles({{1, 1}, {3, 3}, {5, 5}})));
  CHECK_THAT(message_of<IndexError>([&] { x.index_select(0, tensor({3})); }),
             contains("index_select: index 3 is out of range for dimension 0 of size 3"));
  CHECK_THAT(message_of<IndexError>([&] {
               x.index_add_(1, tensor({2}), doubles({{1}, {1}, {1}}));
             }),
             contains("index_add_: index 2 is out of range for dimension 1 of size 2"));
  CHECK_THROWS_AS(x.index_select(0, tensor({{0}})), ShapeError);
  CHECK_THROWS_AS(zeros({3, 0}).index_select(0, tensor({5})), IndexError);
  // Only an index expression counts from the end.
  CHECK_THAT(message_of<IndexError>([&] {
               x.t().index_select(1, tensor({0, -1}));
             }),
             contains("index_select: index -1 is out of range for dimension 1 of size 3"));
  CHECK_THAT(message_of<IndexError>([&] {
               x.index_add(0, tensor({1, -2}), doubles({{1, 2}, {3, 4}}));
             }),
             contains("index_add: index -2 is out of range for dimension 0 of size 3"));
  const Tensor before = x.clone();
  CHECK_THROWS_AS(x.index_add_(1, tensor({-1}), doubles({{1}, {1}, {1}})), IndexError);
  CHECK(equal(x, before));
  CHECK(equal(x.index({tensor({-1, 0})}), doubles({{5, 5}, {1, 1}})));
  CHECK(equal(x.clone().index_put_({tensor({-1})}, 0.0), doubles({{1, 1}, {3, 3}, {0, 0}})));
  CHECK_THROWS_AS(x.index_add(0, tensor({0, 1}), doubles({{1, 2}})), ShapeError);
  CHECK_THROWS_AS(x.index_add(0, tensor({0}), tensor({{1, 2}})), DTypeError);
}

TEST_CASE("embedding takes rows, and no index outside of them") {
  const Tensor weight = tensor({{1.0, 2.0}, {3.0, 4.0}, {5.0, 6.0}});
  CHECK(equal(embedding(weight, tensor({{2, 0}})), tensor({{{5.0, 6.0}, {1.0, 2.0}}})));
  CHECK(equal(embedding(weight.t(), tensor({1, 1})), tensor({{2.0, 4.0, 6.0}, {2.0, 4.0, 6.0}})));
  CHECK(equal(embedding(weight.slice(1, 0, 1), tensor({1, 2}).to(int32)), tensor({{3.0}, {5.0}})));
  CHECK(embedding(weight, zeros({0}, {.dtype = int64})).shape() == Shape({0, 2}));
  CHECK_THAT(message_of<IndexError>([&] { embedding(weight, tensor({1, -1})); }), contains("embedding: index -1"));
  CHECK_THAT(message_of<IndexError>([&] { embedding(weight, tensor({3})); }), contains("embedding: index 3"));
}

TEST_CASE("equal positions add up in one order, whatever the number of threads") {
  manual_seed(3);
  const Tensor source = randn({3000, 40}), list = randint(0, 7, {3000}), each = randint(0, 7, {3000, 40});
  const int threads = omp_get_max_threads();
  std::vector<Tensors> results;
  for (const int count : {1, 2, 5}) {
    omp_set_num_threads(count);
    results.push_back({zeros({7, 40}).index_add(0, list, source), zeros({7, 40}).scatter_add(0, each, source),
                       zeros({40, 7}).scatter_add(1, each.t(), source.t()), zeros({7, 40}).scatter(0, each, source)});
  }
  omp_set_num_threads(threads);
  for (size_t i = 0; i < results[0].size(); ++i) {
    CHECK(equal(results[0][i], results[1][i]));
    CHECK(equal(results[0][i], results[2][i]));
  }
  CHECK(equal(results[0][1], results[0][2].t()));
}

TEST_CASE("16-bit sums are rounded once") {
  const TensorOptions half{.dtype = float16};
  const Tensor base = full({2, 3}, 2048.0, half), three = ones({3, 3}, half);
  CHECK(equal(base.index_add(0, tensor({0, 1, 0}), three).select(1, 0), tensor({2050.0, 2048.0}, half)));
  CHECK(equal(base.scatter_add(0, tensor({{0, 1, 1}, {0, 1, 0}}), three),
              tensor({{2050.0, 2048.0, 2048.0}, {2048.0, 2050.0, 2048.0}}, half)));
}

TEST_CASE("gradients by position") {
  const Tensor index = tensor({{0, 2, 0}, {1, 1, 0}}), list = tensor({2, 0, 2});
  check_gradients({input({2, 3})}, [&](const Tensors& x) { return x[0].gather(1, index); });
  check_gradients({input({3, 3})}, [&](const Tensors& x) { return x[0].gather(0, index); });
  check_gradients({input({2, 4}), input({2, 3})}, [&](const Tensors& x) { return x[0].scatter_add(1, index, x[1]); });
  check_gradients({input({2, 4}), input({3, 3})}, [&](const Tensors& x) { return x[0].scatter_add(1, index, x[1]); });
  check_gradients({input({2, 4}), input({2, 3})}, [&](const Tensors& x) { return x[0].scatter(1, index, x[1]); });
  check_gradients({input({2, 4})}, [&](const Tensors& x) { return x[0].scatter(1, index, 2.0); });
  check_gradients({input({2, 3})}, [&](const Tensors& x) { return x[0].index_select(1, list); });
  check_gradients({input({3, 2}), input({3, 2})}, [&](const Tensors& x) { return x[0].index_add(0, list, x[1]); });
  check_gradients({input({1, 3})}, [&](const Tensors& x) { return take_along_dim(x[0], index, 1); });
  check_gradients({input({2, 3})}, [&](const Tensors& x) { return masked_select(x[0], index > 0); });
  check_gradients({input({2, 4}), input({2, 3})}, [&](const Tensors& x) {
    const Tensor y = square(x[0]);
    y.scatter_add_(1, index, x[1]);
    y.scatter_(1, index.slice(1, 0, 1), 0.5);
    return y.index_add_(0, tensor({1, 1}), square(x[0]));
  });
}

}  // namespace mote::testing
