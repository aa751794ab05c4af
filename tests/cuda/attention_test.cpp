// Every rung of CUDA attention against the formula in float64, on operands that were rounded first.
//
// The bound. Let v be the unit roundoff of the type that is computed in (2^-24, or 2^-53 for float64) and w that of a
// 16-bit storage type (2^-11 or 2^-9; else 0). A score is a sum of D products, so that it is off by at most D v m,
// where m is the greatest scale |q| |k|^T; two more roundings of it and exp make the relative error of a weight, which
// is a quotient of two such, at most 2 (D + 4) m v, to first order. Sums of N terms add N v, at most. The tensor cores
// round weights and their gradients to 16 bits before the next product, and every result is rounded once, and delta
// comes from a rounded result: three times w. So the error of each result is at most
//   u = 3 w + (2 (D + 4) m + N + 16) v
// times what the formula gives when each term is replaced by its absolute value. Subnormal float16 results add 2^-24.
#include "mote/attention.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "mote/autograd.h"
#include "mote/creation.h"
#include "mote/cuda.h"
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

// The formula; or, of absolute values, what the errors are measured by.
Results formula(const Operands& x, const Tensor& weights, double scale, bool absolute) {
  const auto part = [&](const Tensor& t) { return absolute ? abs(t) : t; };
  const Tensor q = part(x.q), k = part(x.k), v = part(x.v), g = part(x.g);
  const Tensor out = matmul(weights, v), grad_weights = matmul(g, transposed(v));
  const Tensor delta = (g * out).sum(-1, true);
  const Tensor grad_scores = weights * (absolute ? grad_weights + delta : grad_weights - delta) * std::abs(scale) *
                             (absolute || scale >= 0 ? 1.0 : -1.0);
  return {out, matmul(grad_scores, k), matmul(transposed(grad_scores), q), matmul(transposed(weights), g)};
}

double roundoff(DType dtype) { return dtype == float16 ? 0x1p-11 : dtype == bfloat16 ? 0x1p-9 : 0.0; }

void check_close(const char* what, const Tensor& result, const Tensor& expected, const Tensor& magnitude, double u) {
  if (result.numel() == 0) return;
  const double excess = (abs(result - expected) - magnitude * u).max().item<double>();
  INFO(what << ": worst " << abs(result - expected).max().item<double>());
  CHECK(excess <= 0x1p-24);  // a comparison with NaN is false
}

void check_case(const Case& c) {
  INFO(c.mask << ", " << name_of(c.dtype) << ", " << c.queries << " queries, " << c.keys << " keys, depth " << c.depth
              << ", width " << c.width);
  const auto make = [&](int64_t rows, int64_t columns) {
    return randn({c.samples, c.heads, rows, columns}).to(c.dtype).to(float64);
  };
  const Operands x{make(c.queries, c.depth), make(c.keys, c.depth), make(c.keys, c.width), make(c.queries, c.width)};
  const Tensor mask = mask_of(c), keep = seen(c, mask);
  const double scale = 1.0 / std::sqrt(static_cast<double>(c.depth));
  AttentionOptions options{.mask = mask.defined() ? mask.to(Device("cuda")) : mask, .is_causal = is_causal(c)};
  const Results results = run(x.to(Device("cuda"), c.dtype), options);

  const Tensor weights = weights_of(x, keep, scale);
  const Results expected = formula(x, weights, scale, false), magnitude = formula(x, weights, scale, true);
  const double highest = (matmul(abs(x.q), transposed(abs(x.k))) * scale).max().item<double>();
  const double v = c.dtype == float64 ? 0x1p-53 : 0x1p-24;
  const auto depth = static_cast<double>(std::max(c.depth, c.width));
  const double u =
      3 * roundoff(c.dtype) + (2 * (depth + 4) * highest + static_cast<double>(std::max(c.queries, c.keys)) + 16) * v;
  check_close("out", results.out, expected.out, magnitude.out, u);
  check_close("grad q", results.q, expected.q, magnitude.q, u);
  check_close("grad k", results.k, expected.k, magnitude.k, u);
  check_close("grad v", results.v, expected.v, magnitude.v, u);
}

// Every length, head size and mask appears with every type; `turn` shifts which of them meet.
void check_sweep(const std::vector<DType>& dtypes, size_t turn) {
  const int64_t lengths[] = {1, 2, 7, 16, 63, 64, 65, 127, 200}, sizes[] = {8, 32, 64, 80, 128, 256};
  for (const DType dtype : dtypes)
    for (size_t i = 0; i < std::size(kMasks); ++i, ++turn) {
      Case c{kMasks[i], dtype};
      c.queries = lengths[(i + turn) % std::size(lengths)];
      c.keys = i % 3 == 0 ? lengths[(5 * i + turn + 4) % std::size(lengths)] : c.queries;
      c.depth = sizes[(i + turn / 2) % std::size(sizes)];
      c.width = i % 4 == 3 ? sizes[(2 * i + turn) % std::size(sizes)] : c.depth;
      if (c.queries * c.keys * c.depth < 65 * 65 * 64) c.samples = 2;
      check_case(c);
    }
}

}  // namespace

TEST_CASE("attention as the formula is written agrees with float64") {
  const KernelGuard guard(AttentionKernel::Naive);
  manual_seed(1);
  check_sweep({float32, float64, float16, bfloat16}, 0);
  check_case({"random and causal", float32, 20, 30, 300, 270});  // head sizes that no other rung takes
}

TEST_CASE("tiled attention agrees with float64") {
  const KernelGuard guard(AttentionKernel::Tiled);
  manual_seed(2);
  check_sweep({float32, float64}, 3);
  check_sweep({bfloat16}, 5);  // computed in float32
  for (const int64_t size : {32, 64, 128, 256})
    for (const DType dtype : {float32, float64}) check_case({"random and causal", dtype, 65, 63, size, size});
}

TEST_CASE("attention on tensor cores agrees with float64") {
  const KernelGuard guard(AttentionKernel::TensorCore);
  manual_seed(3);
  check_sweep({float16, bfloat16}, 0);
  check_sweep({bfloat16, float16}, 7);
  for (const int64_t size : {20, 32, 64, 96, 128, 256}) {
    check_case({"random and causal", bfloat16, 130, 127, size, size});
    check_case({"none", float16, 127, 130, size, size});
  }
}

}  // namespace mote
