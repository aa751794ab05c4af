// Matrix products on the GPU, or its simulator, against float64 products on the CPU.
#ifdef MOTE_SIM
#include <simt/refusals.h>
#endif

#include "mote/mote.h"
#include "support/catch.h"

using namespace mote;

namespace {

struct Problem {
  Shape a, b;
};

// The largest difference from the float64 product, in units of the rounding error that k additions may make.
double error_of(const Tensor& got, const Tensor& a, const Tensor& b) {
  const Tensor want = matmul(a.to(float64), b.to(float64));
  const Tensor scale = matmul(a.to(float64).abs(), b.to(float64).abs()) + 1e-30;
  if (want.numel() == 0) return 0.0;
  return ((got.to("cpu").to(float64) - want).abs() / scale).max().item<double>();
}

// One rounding of the result, and of each of up to 200 sums in the accumulator's type.
double tolerance_of(DType dtype) {
  switch (dtype) {
    case DType::Float64:
      return 1e-14;
    case DType::Float16:
      return 1e-3;
    case DType::BFloat16:
      return 8e-3;
    default:
      return 3e-6;
  }
}

const std::vector<Problem> kProblems = {
    {{1, 1}, {1, 1}},
    {{5, 7}, {7, 3}},
    {{33, 17}, {17, 65}},
    {{1, 200}, {200, 1}},
    {{64, 64}, {64, 64}},
    {{7}, {7}},
    {{7}, {7, 5}},
    {{3, 7}, {7}},
    {{4, 5, 7}, {4, 7, 3}},
    {{4, 5, 7}, {7, 3}},
    {{2, 3, 5, 7}, {2, 3, 7, 11}},
    {{2, 1, 5, 7}, {3, 7, 4}},
    {{0, 7}, {7, 3}},
    {{5, 0}, {0, 3}},
    {{5, 7}, {7, 0}},
    {{0, 5, 7}, {0, 7, 3}},
};

}  // namespace

TEST_CASE("products of every floating-point dtype agree with float64") {
  manual_seed(1);
  for (const DType dtype : {float32, float64, float16, bfloat16})
    for (const Problem& problem : kProblems) {
      const Tensor a = randn(problem.a).to(dtype), b = randn(problem.b).to(dtype);
      INFO(name_of(dtype) << ' ' << problem.a.str() << ' ' << problem.b.str());
      const Tensor got = matmul(a.to("cuda"), b.to("cuda"));
      CHECK(got.device().str() == "cuda:0");
      CHECK(got.shape().str() == matmul(a, b).shape().str());
      CHECK(error_of(got, a, b) <= tolerance_of(dtype));
    }
}

TEST_CASE("operands of any strides") {
  manual_seed(2);
  const Tensor a = randn({6, 10, 14}), b = randn({6, 14, 10});
  const Tensor device_a = a.to("cuda"), device_b = b.to("cuda");
  const auto agrees = [](const Tensor& got, const Tensor& left, const Tensor& right) {
    CHECK(error_of(got, left, right) <= 3e-6);
  };
  const auto check = [&](const auto& view) {
    const auto [left, right] = view(a, b);
    const auto [device_left, device_right] = view(device_a, device_b);
    agrees(matmul(device_left, device_right), left, right);
  };
  using Pair = std::pair<Tensor, Tensor>;
  check([](const Tensor& x, const Tensor& y) { return Pair(x.transpose(1, 2), y.transpose(1, 2)); });
  check([](const Tensor& x, const Tensor& y) { return Pair(x.slice(2, 1, 14, 3), y.slice(1, 1, 14, 3)); });
  check([](const Tensor& x, const Tensor& y) { return Pair(x.slice(1, 3, 10), y.slice(2, 5, 10)); });  // unaligned
  check([](const Tensor& x, const Tensor& y) { return Pair(x.permute({1, 0, 2}), y.permute({2, 1, 0})); });
  check([](const Tensor& x, const Tensor& y) { return Pair(x[0].expand({6, 10, 14}), y); });
  check([](const Tensor& x, const Tensor& y) { return Pair(x.slice(0, 0, 1).expand({6, 10, 14}), y.slice(0, 0, 1)); });
  check([](const Tensor& x, const Tensor& y) { return Pair(x.slice(2, 0, 1), y.slice(1, 0, 1)); });
}

TEST_CASE("a product onto an addend, and the gradients of a linear layer") {
  manual_seed(3);
  const Tensor x = randn({3, 5, 7}), weight = randn({4, 7}), bias = randn({4});
  const auto run = [&](const char* device) {
    const Tensor input = x.to(device).detach().requires_grad_(), w = weight.to(device).detach().requires_grad_();
    const Tensor b = bias.to(device).detach().requires_grad_();
    const Tensor y = nn::functional::linear(input, w, b);
    (y * y).sum().backward();
    return std::vector<Tensor>{y.detach().to("cpu"), input.grad().to("cpu"), w.grad().to("cpu"), b.grad().to("cpu")};
  };
  const std::vector<Tensor> want = run("cpu"), got = run("cuda");
  for (size_t i = 0; i < want.size(); ++i) CHECK(allclose(got[i], want[i], 1e-5, 1e-5));
}

TEST_CASE("a bias of any dtype, dense or not") {
  manual_seed(4);
  for (const DType dtype : {float32, float64, float16, bfloat16}) {
    const Tensor x = randn({6, 16}).to(dtype), weight = randn({8, 16}).to(dtype), wide = randn({17}).to(dtype);
    const Tensor there = wide.to("cuda");
    const std::pair<Tensor, Tensor> biases[] = {{wide.slice(0, 0, 8), there.slice(0, 0, 8)},
                                                {wide.slice(0, 1, 9), there.slice(0, 1, 9)},  // not aligned
                                                {wide.slice(0, 0, 16, 2), there.slice(0, 0, 16, 2)}};
    for (const auto& [bias, device_bias] : biases) {
      const Tensor got = nn::functional::linear(x.to("cuda"), weight.to("cuda"), device_bias).to("cpu").to(float64);
      const Tensor want = matmul(x.to(float64), weight.to(float64).t()) + bias.to(float64);
      CHECK(allclose(got, want, tolerance_of(dtype), 16 * tolerance_of(dtype)));
    }
  }
}

TEST_CASE("integers multiply in their own width") {
  const Tensor a = arange(0, 12).reshape({3, 4}), b = arange(5, 25).reshape({4, 5});
  for (const DType dtype : {uint8, int32, int64}) {
    const Tensor left = a.to(dtype), right = b.to(dtype);
    CHECK(equal(matmul(left.to("cuda"), right.to("cuda")).to("cpu"), matmul(left, right)));
    CHECK(equal(matmul(right.to("cuda").t(), left.to("cuda").t()).to("cpu"), matmul(left, right).t()));
  }
}

TEST_CASE("TF32 is off unless asked for") {
  CHECK_FALSE(cuda::allow_tf32());
  cuda::set_allow_tf32(true);
  const Tensor a = randn({16, 16}), b = randn({16, 16});
  CHECK(error_of(matmul(a.to("cuda"), b.to("cuda")), a, b) <= 2e-3);
  cuda::set_allow_tf32(false);
}

#ifdef MOTE_SIM

namespace {

// For the length of a test. What was chosen for a problem before is kept, so the tests ask for shapes of their own.
class RefusalGuard {
 public:
  explicit RefusalGuard(simt::Refusal refuse) : previous_(simt::refuse_products(refuse)) {}
  ~RefusalGuard() { simt::refuse_products(previous_); }
  RefusalGuard(const RefusalGuard&) = delete;
  RefusalGuard& operator=(const RefusalGuard&) = delete;

 private:
  simt::Refusal previous_;
};

}  // namespace

TEST_CASE("where cuBLASLt does not add a bias, it is copied and the product added") {
  static int refused = 0;
  refused = 0;
  const RefusalGuard guard([](const simt::AskedProduct& product) {
    const bool refuse = product.epilogue == CUBLASLT_EPILOGUE_BIAS;
    refused += refuse ? 1 : 0;
    return refuse;
  });
  for (const DType dtype : {float32, float16, bfloat16}) {
    const Tensor x = randn({3, 13, 24}).to(dtype), weight = randn({40, 24}).to(dtype), bias = randn({40}).to(dtype);
    for (int i = 0; i < 2; ++i) {
      const Tensor got = nn::functional::linear(x.to("cuda"), weight.to("cuda"), bias.to("cuda")).to("cpu").to(float64);
      const Tensor want = matmul(x.to(float64), weight.to(float64).t()) + bias.to(float64);
      CHECK(allclose(got, want, 2 * tolerance_of(dtype), 32 * tolerance_of(dtype)));
    }
  }
  CHECK(refused == 3);  // each problem is asked about once
}

TEST_CASE("a product without an algorithm is named, and nothing is written") {
  const RefusalGuard guard([](const simt::AskedProduct& product) { return product.rows == 43; });
  const Tensor a = randn({2, 5, 3}).to("cuda"), b = randn({2, 3, 43}).to("cuda");
  CHECK(testing::message_of<CudaError>([&] { matmul(a, b); }) ==
        "matmul: cuBLASLt has no algorithm for [2, 5, 3] times [2, 3, 43] in float32 on cuda:0");
  CHECK(testing::message_of<CudaError>([&] {
          nn::functional::linear(randn({4, 5}).to("cuda"), randn({43, 5}).to("cuda"), randn({43}).to("cuda"));
        }) == "matmul: cuBLASLt has no algorithm for [4, 5] times [5, 43] in float32 on cuda:0");
  CHECK(matmul(a, b.slice(2, 0, 42)).shape() == Shape({2, 5, 42}));
}

#endif
