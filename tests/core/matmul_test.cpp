// Matrix products against plain loops in float64, over shapes, strides, batches and dtypes.
#include <omp.h>

#include <array>
#include <cmath>
#include <limits>

#include "mote/core.h"
#include "mote/testing.h"
#include "support/catch.h"
#include "support/fake_backend.h"

namespace mote::testing {

namespace {

using Tensors = std::vector<Tensor>;

Tensor input(const Shape& shape) { return randn(shape, {.dtype = float64}).requires_grad_(); }

// a [n, k] times b [k, m] by the definition.
Tensor product_of_matrices(const Tensor& a, const Tensor& b) {
  const Tensor x = a.detach().to(float64).contiguous(), y = b.detach().to(float64).contiguous();
  const int64_t n = x.size(0), k = x.size(1), m = y.size(1);
  const Tensor result = zeros({n, m}, {.dtype = float64});
  const double *px = x.data_ptr<double>(), *py = y.data_ptr<double>();
  double* to = result.data_ptr<double>();
  for (int64_t i = 0; i < n; ++i)
    for (int64_t p = 0; p < k; ++p)
      for (int64_t j = 0; j < m; ++j) to[i * m + j] += px[i * k + p] * py[p * m + j];
  return result;
}

// Batches of matrices, broadcast.
Tensor product_of_batches(const Tensor& a, const Tensor& b) {
  const Shape batch =
      broadcast_shapes("test", Shape(a.shape().data(), a.dim() - 2), Shape(b.shape().data(), b.dim() - 2));
  Shape left = batch, right = batch, result = batch;
  for (int64_t size : {a.size(-2), a.size(-1)}) left.push_back(size);
  for (int64_t size : {b.size(-2), b.size(-1)}) right.push_back(size);
  for (int64_t size : {a.size(-2), b.size(-1)}) result.push_back(size);
  const Tensor x = expand(a, left).reshape({batch.numel(), a.size(-2), a.size(-1)});
  const Tensor y = expand(b, right).reshape({batch.numel(), b.size(-2), b.size(-1)});
  Tensors products;
  for (int64_t i = 0; i < batch.numel(); ++i) products.push_back(product_of_matrices(x[i], y[i]));
  return products.empty() ? zeros(result, {.dtype = float64}) : stack(products).reshape(result);
}

// The largest error, relative to what k random terms add up to.
double error_of(const Tensor& got, const Tensor& expected, int64_t k) {
  REQUIRE(got.shape() == expected.shape());
  if (got.numel() == 0) return 0.0;
  return max(abs(got.to(float64) - expected)).item<double>() / std::sqrt(static_cast<double>(k) + 1.0);
}

double tolerance_of(DType dtype) {
  return dtype == float64 ? 1e-13 : dtype == float32 ? 1e-5 : dtype == float16 ? 4e-3 : 3e-2;
}

// A matrix of the same values in another place: dense, transposed, a slice with steps, a slice of rows.
Tensors arrangements(const Tensor& x) {
  return {x, x.transpose(-1, -2).contiguous().transpose(-1, -2),
          repeat_interleave(x, 2, -1).slice(-1, 0, std::nullopt, 2), cat({x, x}, -1).narrow(-1, 0, x.size(-1))};
}

}  // namespace

TEST_CASE("products of matrices of all sizes, layouts and dtypes") {
  manual_seed(1);
  const int64_t sizes[] = {0, 1, 2, 7, 16, 33, 130};
  for (DType dtype : {float32, float64, float16, bfloat16}) {
    for (int64_t n : sizes)
      for (int64_t m : sizes)
        for (int64_t k : sizes) {
          if (dtype != float32 && (n + m + k) % 2 == 0) continue;
          const Tensor a = randn({n, k}).to(dtype), b = randn({k, m}).to(dtype);
          const Tensor expected = product_of_matrices(a, b);
          const Tensors lefts = arrangements(a), rights = arrangements(b);
          for (size_t i = 0; i < lefts.size(); ++i) {
            INFO(name_of(dtype) << " " << n << " x " << k << " x " << m << ", arrangement " << i);
            const Tensor got = mm(lefts[i], rights[(i + 1) % rights.size()]);
            CHECK(got.dtype() == dtype);
            CHECK(error_of(got, expected, k) < tolerance_of(dtype));
          }
        }
  }
}

TEST_CASE("large products: tiles, ranges of k, skinny ones") {
  manual_seed(2);
  struct Sizes {
    int64_t n, k, m;
  };
  for (const auto& [n, k, m] : {Sizes{300, 257, 411}, Sizes{1, 3000, 500}, Sizes{500, 3000, 1}, Sizes{8, 700, 900},
                                Sizes{40, 20001, 30}, Sizes{1, 300000, 1}, Sizes{700, 3, 700}}) {
    for (DType dtype : {float32, float64, bfloat16}) {
      const Tensor a = randn({n, k}).to(dtype), b = randn({k, m}).to(dtype);
      const Tensor expected = product_of_matrices(a, b);
      INFO(name_of(dtype) << " " << n << " x " << k << " x " << m);
      CHECK(error_of(matmul(a, b), expected, k) < tolerance_of(dtype));
      CHECK(error_of(matmul(b.t(), a.t()), expected.t(), k) < tolerance_of(dtype));
    }
  }
}

TEST_CASE("integer products wrap around") {
  const Tensor a = tensor({{1, 2}, {3, 4}}), b = tensor({{5, 6}, {7, 8}});
  CHECK(equal(mm(a, b), tensor({{19, 22}, {43, 50}})));
  CHECK(equal(mm(a.t(), b), tensor({{26, 30}, {38, 44}})));
  CHECK(equal(mm(a.to(uint8) * 10, b.to(uint8)), tensor({{190, 220}, {174, 244}}, {.dtype = uint8})));
  CHECK(matmul(a.to(int32), b.to(int32)).dtype() == int32);
  CHECK(equal(addmm(tensor({1, 1}), a, b), tensor({{20, 23}, {44, 51}})));
}

TEST_CASE("matmul: vectors, matrices and broadcast batches, with gradients") {
  manual_seed(3);
  const std::vector<std::pair<Shape, Shape>> cases = {{{3}, {3}},
                                                      {{2, 3}, {3}},
                                                      {{3}, {3, 4}},
                                                      {{2, 3}, {3, 4}},
                                                      {{5, 2, 3}, {3}},
                                                      {{3}, {5, 3, 4}},
                                                      {{5, 2, 3}, {3, 4}},
                                                      {{2, 3}, {5, 3, 4}},
                                                      {{5, 2, 3}, {5, 3, 4}},
                                                      {{2, 1, 2, 3}, {4, 3, 2}},
                                                      {{1, 2, 3}, {4, 3, 2}},
                                                      {{2, 3, 1, 3}, {3, 4}},
                                                      {{0, 3}, {3, 2}},
                                                      {{2, 0}, {0, 3}},
                                                      {{0, 2, 3}, {3, 4}},
                                                      {{2, 3}, {0, 3, 2}},
                                                      {{4, 1, 2}, {4, 2, 1}}};
  for (const auto& [left, right] : cases) {
    INFO(left.str() << " x " << right.str());
    const Tensor a = input(left), b = input(right);
    const Tensor y = matmul(a, b);
    const Tensor wide_a = left.rank() == 1 ? a.unsqueeze(0) : a, wide_b = right.rank() == 1 ? b.unsqueeze(-1) : b;
    Tensor expected = product_of_batches(wide_a, wide_b);
    if (right.rank() == 1) expected = expected.squeeze(-1);
    if (left.rank() == 1) expected = expected.squeeze(right.rank() == 1 ? -1 : -2);
    CHECK(error_of(y, expected, left.back()) < 1e-14);
    CHECK(gradcheck([](const Tensors& in) { return matmul(in[0], in[1]); }, {a, b}));
    CHECK(gradgradcheck([](const Tensors& in) { return matmul(in[0], in[1]); }, {a, b}));
  }
}

TEST_CASE("batches of any strides") {
  manual_seed(4);
  const Tensor q = randn({3, 7, 4, 5}), k = randn({3, 6, 4, 5});
  // As attention uses them: [B, T, H, D] seen as [B, H, T, D].
  const Tensor queries = q.transpose(1, 2), keys = k.transpose(1, 2);
  CHECK(error_of(matmul(queries, keys.transpose(-1, -2)), product_of_batches(queries, keys.transpose(-1, -2)), 5) <
        3e-6);
  const Tensor shared = randn({5, 8});
  for (const Tensor& x : {q, queries, q.permute({3, 0, 1, 2}).permute({1, 2, 3, 0}), q.slice(1, 6), q.flip(0)})
    CHECK(error_of(matmul(x, shared), product_of_batches(x, shared), 5) < 3e-6);
  const Tensor wide = expand(randn({1, 4, 5}), {6, 4, 5});
  CHECK(error_of(matmul(wide, shared), product_of_batches(wide, shared), 5) < 3e-6);
  const Tensor many = randn({200, 9, 33}), others = randn({200, 33, 11});
  CHECK(error_of(bmm(many, others), product_of_batches(many, others), 33) < 3e-6);
  CHECK(error_of(bmm(many.to(bfloat16), others.to(bfloat16)),
                 product_of_batches(many.to(bfloat16), others.to(bfloat16)), 33) < 3e-2);
}

TEST_CASE("the named products") {
  manual_seed(5);
  const Tensor a = input({3, 4}), x = input({4}), y = input({4}), z = input({3});
  CHECK(allclose(mv(a, x), matmul(a, x)));
  CHECK(allclose(dot(x, y), sum(x * y)));
  CHECK(allclose(outer(z, x), z.unsqueeze(1) * x));
  CHECK(dot(ones({0}), ones({0})).item<float>() == 0.0f);
  CHECK(gradcheck([](const Tensors& in) { return mv(in[0], in[1]); }, {a, x}));
  CHECK(gradcheck([](const Tensors& in) { return dot(in[0], in[1]); }, {x, y}));
  CHECK(gradcheck([](const Tensors& in) { return outer(in[0], in[1]); }, {z, x}));
  CHECK(gradcheck([](const Tensors& in) { return bmm(in[0], in[1]); }, {input({2, 3, 4}), input({2, 4, 2})}));
}

TEST_CASE("addmm with every kind of addend") {
  manual_seed(6);
  const Tensor a = input({3, 4}), b = input({4, 5});
  for (const Shape& shape : {Shape({3, 5}), Shape({5}), Shape({3, 1}), Shape({}), Shape({1, 5})}) {
    const Tensor c = input(shape);
    CHECK(allclose(addmm(c, a, b), c + matmul(a, b)));
    CHECK(allclose(addmm(c, a, b, 0.5, 2.0), c * 0.5 + matmul(a, b) * 2.0));
    const auto plain = [](const Tensors& in) { return addmm(in[0], in[1], in[2]); };
    const auto scaled = [](const Tensors& in) { return addmm(in[0], in[1], in[2], 0.5, 2.0); };
    CHECK(gradcheck(plain, {c, a, b}));
    CHECK(gradgradcheck(plain, {c, a, b}));
    CHECK(gradcheck(scaled, {c, a, b}));
  }
  const Tensor bad = full({5}, std::nan(""), {.dtype = float64});
  CHECK(allclose(addmm(bad, a, b, 0), matmul(a, b)));  // an addend times 0 counts for nothing
  CHECK(allclose(addmm(ones({5}), ones({3, 0}), ones({0, 5})), ones({3, 5})));
}

TEST_CASE("linear for inputs of any rank, with gradients") {
  manual_seed(7);
  const Tensor weight = input({5, 4}), bias = input({5});
  for (const Shape& shape :
       {Shape({4}), Shape({3, 4}), Shape({2, 3, 4}), Shape({2, 1, 3, 4}), Shape({0, 4}), Shape({2, 0, 4})}) {
    INFO(shape.str());
    const Tensor x = input(shape);
    CHECK(allclose(linear(x, weight), matmul(x, weight.t())));
    CHECK(allclose(linear(x, weight, bias), matmul(x, weight.t()) + bias));
    const auto with_bias = [](const Tensors& in) { return linear(in[0], in[1], in[2]); };
    CHECK(gradcheck(with_bias, {x, weight, bias}));
    CHECK(gradgradcheck(with_bias, {x, weight, bias}));
    CHECK(gradcheck([](const Tensors& in) { return linear(in[0], in[1]); }, {x, weight}));
  }
  const Tensor turned = input({4, 3, 2}).transpose(0, 2);  // rows that do not follow each other evenly
  CHECK(allclose(linear(turned, weight, bias), matmul(turned.contiguous(), weight.t()) + bias));
  CHECK(linear(ones({3, 0}), ones({5, 0}), ones({5})).shape() == Shape({3, 5}));
  CHECK(allclose(linear(ones({3, 0}), ones({5, 0}), ones({5})), ones({3, 5})));
  CHECK(gradcheck([](const Tensors& in) { return linear(in[0], in[1], in[2]); }, {input({3, 0}), input({5, 0}), bias}));
  CHECK(linear(ones({2, 4}), ones({5, 4}), Tensor()).shape() == Shape({2, 5}));
}

TEST_CASE("only the gradients that are needed are computed, and only what they need is kept") {
  FakeBackend fake;
  const BackendOverride guard(DeviceType::CUDA, fake);
  const Tensor x = randn({8, 4}).to("cuda"), weight = randn({5, 4}).to("cuda").requires_grad_();
  const Tensor y = linear(x, weight);
  fake.reset_calls();
  y.backward(ones_like(y));
  CHECK(fake.calls("matmul") == 1);
  CHECK(weight.grad().defined());
}

TEST_CASE("what products refuse") {
  const Tensor a = ones({2, 3}), b = ones({4, 5});
  CHECK(message_of<ShapeError>([&] { matmul(a, b); }) ==
        "matmul: expected inner sizes to agree, but got [2, 3] and [4, 5] (3 against 4)");
  CHECK_THAT(message_of<ShapeError>([&] { matmul(a, ones({4})); }), contains("(3 against 4)"));
  CHECK_THAT(message_of<ShapeError>([&] { matmul(tensor(1.0), a); }),
             contains("matmul: expected operands of at least 1 dimension"));
  CHECK_THAT(message_of<ShapeError>([&] {
               matmul(ones({2, 2, 3}), ones({3, 3, 2}));
             }),
             contains("matmul: shapes [2] and [3] do not broadcast"));
  CHECK_THAT(message_of<DTypeError>([&] {
               matmul(a, ones({3, 2}, {.dtype = float64}));
             }),
             contains("float32 and float64"));
  CHECK_THAT(message_of<DTypeError>([&] { matmul(a > 0, a > 0); }), contains("got bool"));
  CHECK_THAT(message_of<ShapeError>([&] { mm(ones({2}), a); }), contains("mm: expected self to have 2 dimensions"));
  CHECK_THAT(message_of<ShapeError>([&] {
               bmm(ones({2, 2, 3}), ones({3, 3, 2}));
             }),
             contains("bmm: expected batches of one size") && contains("(2 against 3)"));
  CHECK_THAT(message_of<ShapeError>([&] { dot(a, a); }), contains("dot: expected self to have 1 dimension,"));
  CHECK_THAT(message_of<ShapeError>([&] { addmm(ones({7}), a, ones({3, 5})); }), contains("addmm"));
  CHECK_THAT(message_of<ShapeError>([&] {
               addmm(ones({4, 2, 5}), a, ones({3, 5}));
             }),
             contains("addmm: expected an input that broadcasts to [2, 5]"));
  CHECK_THAT(message_of<ShapeError>([&] { linear(a, b); }),
             contains("linear: expected input [..., in] and weight [out, in], but got [2, 3] and [4, 5]"));
  CHECK_THAT(message_of<ShapeError>([&] {
               linear(a, ones({4, 3}), ones({3}));
             }),
             contains("linear: expected bias [4]"));
  FakeBackend fake;
  const BackendOverride guard(DeviceType::CUDA, fake);
  CHECK_THAT(message_of<DeviceError>([&] {
               matmul(a, ones({3, 2}).to("cuda"));
             }),
             contains("matmul: expected self and other to be on the same device"));
  CHECK_THAT(message_of<DeviceError>([&] {
               linear(a.to("cuda"), ones({4, 3}));
             }),
             contains("linear: expected input and weight to be on the same device"));
  CHECK_THAT(message_of<DeviceError>([&] { linear(a, ones({4, 3}), ones({4}).to("cuda")); }), contains("bias"));
}

TEST_CASE("products are the same for every number of threads, inside a parallel region and on every device") {
  manual_seed(8);
  struct Sizes {
    int64_t n, k, m;
  };
  const int before = omp_get_max_threads();
  for (const auto& [n, k, m] :
       {Sizes{300, 257, 411}, Sizes{64, 64, 64}, Sizes{1, 768, 3072}, Sizes{64, 9000, 64}, Sizes{512, 768, 128}}) {
    for (DType dtype : {float32, float64, bfloat16}) {
      const Tensor a = randn({n, k}).to(dtype), b = randn({m, k}).to(dtype).t();
      omp_set_num_threads(1);
      const Tensor one = matmul(a, b);
      for (int threads : {2, 3}) {
        omp_set_num_threads(threads);
        CHECK(equal(matmul(a, b), one));
      }
      omp_set_num_threads(before);
      FakeBackend fake;
      const BackendOverride guard(DeviceType::CUDA, fake);
      CHECK(equal(matmul(a.to("cuda"), b.contiguous().to("cuda")).cpu(), matmul(a, b.contiguous())));
    }
  }
  const Tensor x = randn({100, 90, 80}), y = randn({100, 80, 70});
  omp_set_num_threads(1);
  const Tensor one = bmm(x, y);
  omp_set_num_threads(3);
  CHECK(equal(bmm(x, y), one));
  omp_set_num_threads(before);
  CHECK(equal(matmul(x[7], y[7]), one[7]));
}

TEST_CASE("linear adds the bias to every tile of the product, whatever the number of threads") {
  manual_seed(13);
  const int before = omp_get_max_threads();
  for (DType dtype : {float64, float32, float16, bfloat16})
    for (const auto& [n, m, k] : {std::array<int64_t, 3>{1, 5, 3}, {300, 200, 70}, {700, 130, 150}, {8, 16, 1 << 15}}) {
      INFO(name_of(dtype) << " " << n << " x " << m << " x " << k);
      const Tensor x = randn({n, k}).to(dtype), w = randn({m, k}).to(dtype), strided = randn({m, 2}).to(dtype);
      const Tensor bias = strided.select(1, 1);
      omp_set_num_threads(1);
      const Tensor y = linear(x, w, bias);
      const Tensor expected = product_of_matrices(x, w.t()) + bias.to(float64);
      CHECK(error_of(y, expected, k) < tolerance_of(dtype));
      CHECK(equal(y, linear(x, w, bias.contiguous())));
      for (int threads : {2, 3, 4}) {
        omp_set_num_threads(threads);
        CHECK(equal(y, linear(x, w, bias)));
      }
      omp_set_num_threads(before);
    }
}

TEST_CASE("products on meta") {
  CHECK(matmul(empty({4, 2, 3}, {.device = "meta"}), empty({3, 5}, {.device = "meta"})).shape() == Shape({4, 2, 5}));
  CHECK(linear(empty({7, 3}, {.device = "meta"}), empty({2, 3}, {.device = "meta"})).shape() == Shape({7, 2}));
}

TEST_CASE("each product of a batch is computed where their inner size is cut into ranges") {
  manual_seed(12);
  const int64_t inner = int64_t{1} << 18;
  const Tensor a = randint(-2, 3, {3, 8, inner}).to(float32), b = randint(-2, 3, {3, inner, 16}).to(float32);
  const Tensor products = bmm(a, b);  // sums of few integers: exact in any order
  for (int64_t i = 0; i < 3; ++i) CHECK(equal(products[i], mm(a[i], b[i])));
}

}  // namespace mote::testing
