// Fused attention against the composed formula in float64.
#include "mote/attention.h"

#include <cmath>
#include <string>

#include "mote/autograd.h"
#include "mote/creation.h"
#include "mote/error.h"
#include "mote/random.h"
#include "mote/testing.h"
#include "support/catch.h"

namespace mote {

namespace {

using testing::contains;
using testing::message_of;

// softmax(scale q k^T) v with zeros where `keep` is false, everything materialised.
Tensor composed(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& keep, double scale) {
  Tensor scores = matmul(q, k.transpose(-2, -1)) * scale;
  if (!keep.defined()) return matmul(softmax(scores, -1), v);
  scores = masked_fill(scores, logical_not(keep), -1e9);
  return matmul(softmax(scores, -1) * keep.to(q.dtype()), v);
}

// May query i look at key j, by position alone?
Tensor causal_mask(int64_t queries, int64_t keys) { return ones({queries, keys}, {.dtype = bool_}).tril(); }

struct Case {
  std::string mask;
  DType dtype = float32;
  int64_t queries = 1, keys = 1, depth = 8, width = 8;
};

struct Operands {
  Tensor q, k, v, g;
};

Operands make_operands(const Case& c) {
  const TensorOptions options{.dtype = float64};
  return {randn({2, 3, c.queries, c.depth}, options).to(c.dtype), randn({2, 3, c.keys, c.depth}, options).to(c.dtype),
          randn({2, 3, c.keys, c.width}, options).to(c.dtype), randn({2, 3, c.queries, c.width}, options).to(c.dtype)};
}

// The option `mask` of a case and what it comes to together with causality.
AttentionOptions options_of(const Case& c, Tensor* keep) {
  AttentionOptions options;
  if (c.mask == "causal") {
    options.is_causal = true;
    *keep = causal_mask(c.queries, c.keys);
  } else if (c.mask == "random") {
    options.mask = rand({2, 3, c.queries, c.keys}) < 0.6;
  } else if (c.mask == "padding") {  // the second sample sees one key only
    options.mask = ones({2, 1, 1, c.keys}, {.dtype = bool_});
    options.mask.index({1, 0, 0, Slice(1, None)}) = false;
  } else if (c.mask == "empty rows") {
    options.mask = ones({c.queries, c.keys}, {.dtype = bool_});
    options.mask.index({Slice(0, None, 3)}) = false;
  } else if (c.mask == "random and causal") {
    options.is_causal = true;
    options.mask = rand({1, 3, c.queries, c.keys}) < 0.6;
    *keep = logical_and(options.mask, causal_mask(c.queries, c.keys));
  } else if (c.mask == "window") {  // leaves tiles empty, and is broadcast by strides
    options.mask = logical_and(causal_mask(c.queries, c.keys), ones({c.queries, c.keys}, {.dtype = bool_}).triu(-20));
  }
  if (options.mask.defined() && !keep->defined()) *keep = options.mask;
  return options;
}

double difference(const Tensor& a, const Tensor& b) {
  if (a.numel() == 0) return 0.0;
  return abs(a.to(float64) - b.to(float64)).max().item<double>();
}

void check_case(const Case& c, double tolerance) {
  INFO(c.mask << ", " << name_of(c.dtype) << ", " << c.queries << " queries, " << c.keys << " keys, depth " << c.depth
              << ", width " << c.width);
  const Operands x = make_operands(c);
  Tensor keep;
  const AttentionOptions options = options_of(c, &keep);
  const Tensor q = x.q.clone().requires_grad_(), k = x.k.clone().requires_grad_(), v = x.v.clone().requires_grad_();
  const Tensor out = scaled_dot_product_attention(q, k, v, options);
  out.backward(x.g);

  const Tensor rq = x.q.to(float64, true).requires_grad_(), rk = x.k.to(float64, true).requires_grad_();
  const Tensor rv = x.v.to(float64, true).requires_grad_();
  const Tensor expected = composed(rq, rk, rv, keep, 1.0 / std::sqrt(static_cast<double>(c.depth)));
  expected.backward(x.g.to(float64));

  REQUIRE(out.shape() == expected.shape());
  CHECK(out.dtype() == c.dtype);
  CHECK(difference(out, expected) < tolerance);
  CHECK(difference(q.grad(), rq.grad()) < 3 * tolerance);
  CHECK(difference(k.grad(), rk.grad()) < 3 * tolerance);
  CHECK(difference(v.grad(), rv.grad()) < 3 * tolerance);
}

}  // namespace

TEST_CASE("attention agrees with the composed formula over lengths, sizes and masks") {
  manual_seed(1);
  const std::string masks[] = {"none", "causal", "random", "padding", "empty rows", "random and causal", "window"};
  for (const std::string& mask : masks) {
    for (int64_t length : {1, 2, 7, 16, 63, 64, 65, 127, 200}) check_case({mask, float32, length, length, 8, 8}, 2e-5);
    for (int64_t depth : {32, 64, 80}) check_case({mask, float32, 127, 127, depth, depth}, 2e-5);
    check_case({mask, float64, 65, 127, 20, 12}, 1e-13);
    check_case({mask, float32, 200, 70, 16, 33}, 2e-5);
    check_case({mask, float32, 70, 200, 33, 16}, 2e-5);
    check_case({mask, bfloat16, 65, 66, 32, 16}, 0.1);
    check_case({mask, float16, 65, 66, 32, 16}, 0.02);
  }
}

}  // namespace mote
