// Every rung of CUDA attention against the formula in float64, on operands that were rounded first.
//
// The bound. Let v be the unit roundoff of the type that is computed in (2^-24, or 2^-53 for float64) and w that of a
// 16-bit storage type (2^-11 or 2^-8; else 0). A score is a sum of D products, so that it is off by at most D v m,
// where m is the greatest scale |q| |k|^T; two more roundings of it and exp make the relative error of a weight, which
// is a quotient of two such, at most 2 (D + 4) m v, to first order. Sums of N terms add N v, at most. The tensor cores
// round weights and their gradients to 16 bits before the next product, and every result is rounded once, and delta
// comes from a rounded result: three times w. So the error of each result is at most
//   u = 3 w + (2 (D + 4) m + N + 16) v
// times what the formula gives when each term is replaced by its absolute value. What is subnormal in float16 is off by
// up to 2^-25: N such weights times the greatest operand, and the result.
#include "mote/attention.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "kernels/attention_fits.h"
#include "mote/autograd.h"
#include "mote/creation.h"
#include "mote/cuda.h"
#include "mote/philox.h"
#include "mote/random.h"
#include "support/catch.h"

namespace mote {

namespace {

using cuda::AttentionKernel;

// The rung for the length of a test.
class KernelGuard {
 public:
  explicit KernelGuard(AttentionKernel kernel) : previous_(cuda::attention_kernel()) {
    cuda::set_attention_kernel(kernel);
  }
  ~KernelGuard() { cuda::set_attention_kernel(previous_); }
  KernelGuard(const KernelGuard&) = delete;
  KernelGuard& operator=(const KernelGuard&) = delete;

 private:
  AttentionKernel previous_;
};

struct Case {
  std::string mask;
  DType dtype = float32;
  int64_t queries = 1, keys = 1, depth = 8, width = 8;
  int64_t samples = 1, heads = 2;
  double dropout = 0.0;
  std::optional<double> scale = {};
};

const std::string kMasks[] = {"none",     "causal", "padding",   "random", "shared", "rows masked", "random and causal",
                              "of heads", "window", "all masked"};

// The mask on the CPU, or an undefined tensor.
Tensor mask_of(const Case& c) {
  const TensorOptions bools{.dtype = bool_};
  if (c.mask == "padding") {  // the first sample sees half of the keys
    const Tensor mask = ones({c.samples, 1, 1, c.keys}, bools);
    mask.index({0, 0, 0, Slice((c.keys + 1) / 2, None)}) = false;
    return mask;
  }
  if (c.mask == "random") return rand({c.samples, c.heads, c.queries, c.keys}) < 0.6;
  if (c.mask == "shared") return rand({c.queries, c.keys}) < 0.5;
  if (c.mask == "rows masked") {
    const Tensor mask = rand({c.queries, c.keys}) < 0.8;
    mask.index({Slice(0, None, 3)}) = false;
    return mask;
  }
  if (c.mask == "random and causal") return rand({1, c.heads, c.queries, c.keys}) < 0.6;
  if (c.mask == "of heads") return rand({c.heads, c.queries, 1}) < 0.7;
  if (c.mask == "window")  // leaves tiles empty
    return logical_and(ones({c.queries, c.keys}, bools).tril(), ones({c.queries, c.keys}, bools).triu(-20));
  if (c.mask == "all masked") return zeros({c.queries, c.keys}, bools);
  return {};
}

bool is_causal(const Case& c) { return c.mask.ends_with("causal"); }

// What is seen of [B, H, Q, K], in float64.
Tensor seen(const Case& c, const Tensor& mask) {
  Tensor result = ones({c.samples, c.heads, c.queries, c.keys}, {.dtype = bool_});
  if (mask.defined()) result = logical_and(result, mask);
  if (is_causal(c)) result = result.tril();
  return result.to(float64);
}

struct Results {
  Tensor out, q, k, v;  // and the gradients of q, k and v
};

struct Operands {
  Tensor q, k, v, g;

  Operands to(Device device, DType dtype) const {
    return {q.to(device, dtype), k.to(device, dtype), v.to(device, dtype), g.to(device, dtype)};
  }
};

Results run(const Operands& x, const AttentionOptions& options) {
  const Tensor q = x.q.detach().requires_grad_(), k = x.k.detach().requires_grad_(), v = x.v.detach().requires_grad_();
  const Tensor out = scaled_dot_product_attention(q, k, v, options);
  out.backward(x.g);
  const auto home = [](const Tensor& t) { return t.detach().to(Device()).to(float64); };
  return {home(out), home(q.grad()), home(k.grad()), home(v.grad())};
}

Tensor transposed(const Tensor& x) { return x.transpose(2, 3); }

// softmax with what is not seen left out.
Tensor weights_of(const Operands& x, const Tensor& keep, double scale) {
  const Tensor scores = masked_fill(matmul(x.q, transposed(x.k)) * scale, keep == 0.0, -1e9);
  return softmax(scores, -1) * keep;
}

// The factors of dropout of the next call on CUDA after manual_seed(seed), as philox.h has them.
Tensor dropout_factors(const Case& c, int seed) {
  Tensor factors = ones({c.samples, c.heads, c.queries, c.keys}, {.dtype = float64});
  if (c.dropout == 0.0) return factors;
  manual_seed(seed);
  const uint64_t drawn = default_generator(Device("cuda")).random64();
  auto* at = factors.data_ptr<double>();
  for (int64_t head = 0; head < c.samples * c.heads; ++head)
    for (int64_t query = 0; query < c.queries; ++query)
      for (int64_t key = 0; key < c.keys; ++key, ++at) {
        const uint32_t word = attention_dropout_words(drawn, head, query, key / 4).word[key % 4];
        *at = word >= attention_dropout_threshold(c.dropout) ? 1.0 / (1.0 - c.dropout) : 0.0;
      }
  return factors;
}

// The formula; or, of absolute values, what the errors are measured by.
Results formula(const Operands& x, const Tensor& weights, const Tensor& factors, double scale, bool absolute) {
  const auto part = [&](const Tensor& t) { return absolute ? abs(t) : t; };
  const Tensor q = part(x.q), k = part(x.k), v = part(x.v), g = part(x.g), dropped = weights * factors;
  const Tensor out = matmul(dropped, v), grad_weights = matmul(g, transposed(v)) * factors;
  const Tensor delta = (g * out).sum(-1, true);
  const Tensor grad_scores =
      weights * (absolute ? (grad_weights + delta) * std::abs(scale) : (grad_weights - delta) * scale);
  return {out, matmul(grad_scores, k), matmul(transposed(grad_scores), q), matmul(transposed(dropped), g)};
}

double roundoff(DType dtype) { return dtype == float16 ? 0x1p-11 : dtype == bfloat16 ? 0x1p-8 : 0.0; }

// The result is at most `u` times its magnitude, and `least`, off.
struct Bound {
  double u, least;
};

void check_close(const char* what, const Tensor& result, const Tensor& expected, const Tensor& magnitude,
                 const Bound& bound) {
  if (result.numel() == 0) return;
  const double excess = (abs(result - expected) - magnitude * bound.u).max().item<double>();
  INFO(what << ": worst " << abs(result - expected).max().item<double>());
  CHECK(excess <= bound.least);  // a comparison with NaN is false
}

void check_case(const Case& c) {
  INFO(c.mask << ", " << name_of(c.dtype) << ", " << c.queries << " queries, " << c.keys << " keys, depth " << c.depth
              << ", width " << c.width);
  const auto make = [&](int64_t rows, int64_t columns) {
    return randn({c.samples, c.heads, rows, columns}).to(c.dtype).to(float64);
  };
  const Operands x{make(c.queries, c.depth), make(c.keys, c.depth), make(c.keys, c.width), make(c.queries, c.width)};
  const Tensor mask = mask_of(c), keep = seen(c, mask);
  const double scale = c.scale.value_or(1.0 / std::sqrt(static_cast<double>(c.depth)));
  const AttentionOptions options{.mask = mask.defined() ? mask.to(Device("cuda")) : mask,
                                 .is_causal = is_causal(c),
                                 .scale = c.scale,
                                 .dropout_p = c.dropout};
  const Tensor weights = weights_of(x, keep, scale), factors = dropout_factors(c, 77);
  manual_seed(77);
  const Results results = run(x.to(Device("cuda"), c.dtype), options);

  const Results expected = formula(x, weights, factors, scale, false);
  const Results magnitude = formula(x, weights, factors, scale, true);
  const double highest = (matmul(abs(x.q), transposed(abs(x.k))) * std::abs(scale)).max().item<double>();
  const double v = c.dtype == float64 ? 0x1p-53 : 0x1p-24;
  const auto terms = static_cast<double>(std::max(c.queries, c.keys));
  const auto depth = static_cast<double>(std::max(c.depth, c.width));
  double greatest = 1.0;
  for (const Tensor& t : {x.q, x.k, x.v, x.g}) greatest = std::max(greatest, abs(t).max().item<double>());
  const Bound bound{3 * roundoff(c.dtype) + (2 * (depth + 4) * highest + terms + 16) * v,
                    c.dtype == float16 ? (1 + terms * greatest * std::max(1.0, std::abs(scale))) * 0x1p-25 : 0x1p-60};
  check_close("out", results.out, expected.out, magnitude.out, bound);
  check_close("grad q", results.q, expected.q, magnitude.q, bound);
  check_close("grad k", results.k, expected.k, magnitude.k, bound);
  check_close("grad v", results.v, expected.v, magnitude.v, bound);
}

// Every length, head size and mask appears with every type; `turn` shifts which of them meet.
void check_sweep(const std::vector<DType>& dtypes, size_t turn) {
  const int64_t lengths[] = {1, 2, 7, 16, 63, 64, 65, 127, 200}, sizes[] = {8, 32, 64, 80, 128, 256};
  for (const DType dtype : dtypes) {
    ++turn;
    for (size_t i = 0; i < std::size(kMasks); ++i) {
      Case c{kMasks[i], dtype};
      c.queries = lengths[(2 * i + turn) % std::size(lengths)];
      c.keys = i % 3 == 0 ? lengths[(5 * i + turn + 4) % std::size(lengths)] : c.queries;
      c.depth = sizes[(i + turn) % std::size(sizes)];
      c.width = i % 4 == 3 ? sizes[(2 * i + turn) % std::size(sizes)] : c.depth;
      const int64_t work = c.queries * c.keys * (c.depth + c.width);
      c.samples = work < 64 * 64 * 128 ? 2 : 1;
      c.heads = work < 128 * 128 * 128 ? 2 : 1;
      check_case(c);
    }
  }
}

// Calls body(type) with each rung in turn, in the types that it is for.
template <class Body>
void for_rungs(const Body& body) {
  for (const auto& [kernel, dtype] : {std::pair(AttentionKernel::Naive, float32),
                                      {AttentionKernel::Tiled, float32},
                                      {AttentionKernel::Tiled, float64},
                                      {AttentionKernel::TensorCore, float16},
                                      {AttentionKernel::TensorCore, bfloat16}}) {
    const KernelGuard guard(kernel);
    INFO("rung " << static_cast<int>(kernel) << ", " << name_of(dtype));
    body(dtype);
  }
}

}  // namespace

TEST_CASE("attention as the formula is written agrees with float64") {
  const KernelGuard guard(AttentionKernel::Naive);
  manual_seed(1);
  check_sweep({float32}, 0);
  for (const DType dtype : {float64, float16, bfloat16}) {
    check_case({"random and causal", dtype, 66, 63, 32, 24});
    check_case({"rows masked", dtype, 63, 66, 24, 32});
  }
  check_case({"random and causal", float32, 20, 30, 300, 270});  // head sizes that no other rung takes
}

TEST_CASE("tiled attention agrees with float64") {
  const KernelGuard guard(AttentionKernel::Tiled);
  manual_seed(2);
  check_sweep({float32, float64}, 3);
  check_case({"random and causal", bfloat16, 65, 63, 24, 40});  // computed in float32
}

TEST_CASE("attention on tensor cores agrees with float64") {
  const KernelGuard guard(AttentionKernel::TensorCore);
  manual_seed(3);
  check_sweep({float16, bfloat16}, 0);
  for (const int64_t size : {20, 32, 64, 96, 128})
    check_case({"random and causal", size == 64 ? float16 : bfloat16, 130, 127, size, size, 1, 1});
}

TEST_CASE("dropout of attention drops what philox.h says") {
  for_rungs([](DType dtype) {
    Case c{"none", dtype, 70, 131, 32, 24, 1, 2, 0.3};
    check_case(c);
    c.mask = "random and causal";
    c.depth = 136;
    check_case(c);
  });
}

TEST_CASE("attention takes any scale") {
  for_rungs([](DType dtype) {
    for (const double scale : {0.0, -0.5, 1.5}) {
      Case c{"random and causal", dtype, 70, 66, 16, 16};
      c.scale = scale;
      check_case(c);
    }
  });
}

TEST_CASE("attention of strided operands has the bits of dense ones, every time") {
  for_rungs([](DType dtype) {
    for (const int64_t depth : {16, 20}) {  // rows that 16-byte copies can take, and rows that they cannot
      manual_seed(4);
      const Tensor qkv = randn({1, 70, 3, 2, depth}).to(Device("cuda"), dtype);  // as one projection gives them
      const Tensor g = randn({1, 70, 2, depth}).to(Device("cuda"), dtype).transpose(1, 2);
      const auto part = [&](int64_t which) { return qkv.select(2, which).transpose(1, 2); };
      const Operands strided{part(0), part(1), part(2), g};
      const Operands dense{part(0).contiguous(), part(1).contiguous(), part(2).contiguous(), g.contiguous()};
      const Results a = run(strided, {.is_causal = true}), b = run(dense, {.is_causal = true});
      CHECK(equal(a.out, b.out));
      CHECK(equal(a.q, b.q));
      CHECK(equal(a.k, b.k));
      CHECK(equal(a.v, b.v));
    }
  });
}

TEST_CASE("attention of nothing gives zeros on CUDA") {
  for_rungs([](DType dtype) {
    const TensorOptions options{.dtype = dtype, .device = "cuda"};
    const auto part = [&](int64_t rows, int64_t columns) { return ones({2, 3, rows, columns}, options); };
    const Results no_keys = run({part(5, 4), part(0, 4), part(0, 6), part(5, 6)}, {});
    CHECK(equal(no_keys.out, zeros({2, 3, 5, 6}, {.dtype = float64})));
    CHECK(equal(no_keys.q, zeros({2, 3, 5, 4}, {.dtype = float64})));
    CHECK(no_keys.k.shape() == Shape({2, 3, 0, 4}));
    const Results no_queries = run({part(0, 4), part(5, 4), part(5, 6), part(0, 6)}, {});
    CHECK(no_queries.out.shape() == Shape({2, 3, 0, 6}));
    CHECK(equal(no_queries.k, zeros({2, 3, 5, 4}, {.dtype = float64})));
    CHECK(equal(no_queries.v, zeros({2, 3, 5, 6}, {.dtype = float64})));
  });
}

TEST_CASE("NaN stays with the queries and keys that have it, and nobody reads an empty tile") {
  for_rungs([](DType dtype) {
    const auto on_cuda = [&](const Tensor& x) { return x.unsqueeze(0).unsqueeze(0).to(Device("cuda"), dtype); };
    const auto broken = [&](const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options) {
      const Tensor out = scaled_dot_product_attention(on_cuda(q), on_cuda(k), on_cuda(v), options);
      return isnan(out.to(Device()).to(float64)).any(3)[0][0];
    };
    const Tensor q = randn({150, 8}), k = randn({150, 8}), v = randn({150, 8});
    q[5] = std::nan("");
    CHECK(broken(q, k, v, {})[5].item<bool>());
    CHECK(broken(q, k, v, {}).sum().item<int64_t>() == 1);
    k[149] = std::nan("");  // only the last query sees it
    CHECK(broken(q, k, v, {.is_causal = true})[149].item<bool>());
    CHECK(broken(q, k, v, {.is_causal = true}).sum().item<int64_t>() == 2);
    if (cuda::attention_kernel() == AttentionKernel::Naive) return;
    const Tensor mask = rand({150, 150}) < 0.5;
    mask.index({Slice(), Slice(64, 128)}) = false;
    v.index({Slice(64, 128)}) = std::nan("");
    CHECK(broken(randn({150, 8}), randn({150, 8}), v, {.mask = mask.to(Device("cuda"))}).sum().item<int64_t>() == 0);
  });
}

// Run once more on a simulated card with little shared memory (SIMT_CC=86), whose 99 KiB the tiles of forward fill.
TEST_CASE("attention takes the rung that the shared memory allows") {
  const cuda::DeviceProperties device = cuda::get_device_properties();
  const bool small = device.major == 8 && (device.minor == 6 || device.minor == 9);
  CHECK(cuda::tiled_attention_fits(float64, 256, 0));
  CHECK(cuda::tiled_attention_backward_fits(float64, 256, 0) == !small);
  CHECK(cuda::tiled_attention_backward_fits(float64, 128, 0));
  const KernelGuard guard(AttentionKernel::Tiled);
  check_case({"random and causal", float64, 20, 30, 200, 200});
  check_case({"none", float16, 20, 30, 200, 8});
}

TEST_CASE("attention beyond the tiles' head sizes takes the naive rung") {
  const KernelGuard guard(AttentionKernel::Automatic);
  check_case({"random and causal", bfloat16, 20, 30, 300, 8});
  check_case({"none", float32, 20, 30, 8, 260});
}

}  // namespace mote
