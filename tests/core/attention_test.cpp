// Fused attention against the composed formula in float64.
#include "mote/attention.h"

#include <omp.h>

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
using testing::gradcheck;
using testing::gradgradcheck;
using testing::message_of;
using Tensors = std::vector<Tensor>;

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
    for (int64_t queries : {1, 3, 4, 5})
      for (int64_t keys : {1, 6, 64, 131}) check_case({mask, float32, queries, keys, 19, 70}, 2e-5);
    check_case({mask, float64, 2, 100, 8, 8}, 1e-13);
    check_case({mask, bfloat16, 3, 66, 32, 16}, 0.1);
    check_case({mask, bfloat16, 65, 66, 32, 16}, 0.1);
    check_case({mask, float16, 65, 66, 32, 16}, 0.02);
  }
}

TEST_CASE("attention has right first and second derivatives") {
  manual_seed(2);
  const TensorOptions options{.dtype = float64};
  const auto input = [&](const Shape& shape) { return randn(shape, options).requires_grad_(); };
  const Tensors inputs = {input({1, 2, 5, 3}), input({1, 2, 4, 3}), input({1, 2, 4, 2})};
  const Tensor mask = rand({5, 4}) < 0.7;
  for (const bool causal : {false, true})
    for (const Tensor& keep : {Tensor(), mask}) {
      const auto f = [&](const Tensors& in) {
        return scaled_dot_product_attention(in[0], in[1], in[2], {.mask = keep, .is_causal = causal, .scale = 0.9});
      };
      CHECK(gradcheck(f, inputs));
      CHECK(gradgradcheck(f, inputs));
    }
  const auto dropped = [&](const Tensors& in) {
    manual_seed(7);  // the same mask at every call
    return scaled_dot_product_attention(in[0], in[1], in[2], {.dropout_p = 0.3});
  };
  CHECK(gradcheck(dropped, inputs));
  CHECK(gradgradcheck(dropped, inputs));
}

TEST_CASE("attention takes ranks 2 and 3, any strides and any scale") {
  manual_seed(3);
  const Tensor qkv = randn({2, 70, 3, 4, 16});  // as one projection gives them
  const auto part = [&](int64_t which) { return qkv.select(2, which).transpose(1, 2); };
  const Tensor q = part(0), k = part(1), v = part(2);
  const Tensor out = scaled_dot_product_attention(q, k, v, {.is_causal = true});
  CHECK(equal(out, scaled_dot_product_attention(q.contiguous(), k.contiguous(), v.contiguous(), {.is_causal = true})));
  CHECK(out.transpose(1, 2).is_contiguous());  // as q lies in memory, so that the heads can be joined without a copy
  CHECK(scaled_dot_product_attention(q.contiguous(), k, v).is_contiguous());
  CHECK(equal(out[1], scaled_dot_product_attention(q[1], k[1], v[1], {.is_causal = true})));
  CHECK(equal(out[1][2], scaled_dot_product_attention(q[1][2], k[1][2], v[1][2], {.is_causal = true})));
  // Rows that are not dense are copied first.
  const Tensor turned = k.transpose(2, 3).contiguous().transpose(2, 3);
  CHECK(equal(out, scaled_dot_product_attention(q, turned, v, {.is_causal = true})));
  for (double scale : {0.0, -0.5, 2.0}) {
    const Tensor scaled = scaled_dot_product_attention(q, k, v, {.scale = scale});
    CHECK(difference(scaled, composed(q.to(float64), k.to(float64), v.to(float64), {}, scale)) < 1e-4);
  }
}

TEST_CASE("attention of strided operands has the gradients of dense ones") {
  manual_seed(4);
  const Tensor qkv = randn({2, 70, 3, 4, 20}), g = randn({2, 70, 4, 20});
  const auto run = [&](bool dense) {
    const Tensor leaf = qkv.clone().requires_grad_();
    const auto part = [&](int64_t which) {
      const Tensor view = leaf.select(2, which).transpose(1, 2);
      return dense ? view.contiguous() : view;
    };
    scaled_dot_product_attention(part(0), part(1), part(2)).transpose(1, 2).backward(g);
    return leaf.grad();
  };
  CHECK(allclose(run(false), run(true), 1e-6, 1e-6));
}

TEST_CASE("attention of nothing gives zeros of the right shape") {
  const Tensor none = scaled_dot_product_attention(ones({2, 3, 0, 4}), ones({2, 3, 5, 4}), ones({2, 3, 5, 6}));
  CHECK(none.shape() == Shape({2, 3, 0, 6}));
  const Tensor q = ones({2, 3, 5, 4}).requires_grad_(), k = ones({2, 3, 0, 4}).requires_grad_();
  const Tensor out = scaled_dot_product_attention(q, k, ones({2, 3, 0, 6}));
  CHECK(equal(out, zeros({2, 3, 5, 6})));
  out.sum().backward();
  CHECK(equal(q.grad(), zeros({2, 3, 5, 4})));
  CHECK(k.grad().shape() == Shape({2, 3, 0, 4}));
  CHECK(scaled_dot_product_attention(ones({0, 3, 5, 4}), ones({0, 3, 5, 4}), ones({0, 3, 5, 4})).numel() == 0);
}

TEST_CASE("a query that may look at nothing gives zeros and zero gradient") {
  const Tensor q = randn({3, 8}).requires_grad_(), k = randn({4, 8}), v = randn({4, 8});
  const Tensor mask = ones({3, 4}, {.dtype = bool_});
  mask[1] = false;
  const Tensor out = scaled_dot_product_attention(q, k, v, {.mask = mask});
  CHECK(equal(out[1], zeros({8})));
  out.backward(ones({3, 8}));
  CHECK(equal(q.grad()[1], zeros({8})));
  CHECK(q.grad()[0].abs().sum().item<float>() > 0.0F);
}

TEST_CASE("attention keeps NaN where it belongs") {
  const Tensor q = randn({70, 8}), k = randn({70, 8}), v = randn({70, 8});
  q[5] = std::nan("");
  const Tensor broken = isnan(scaled_dot_product_attention(q, k, v)).any(1);
  CHECK(broken[5].item<bool>());
  CHECK(broken.sum().item<int64_t>() == 1);
  CHECK(isnan(scaled_dot_product_attention(q.slice(0, 5, 6), k, v)).all().item<bool>());
  k[69] = std::nan("");  // only the last query sees it
  const Tensor last = isnan(scaled_dot_product_attention(q, k, v, {.is_causal = true})).any(1);
  CHECK(last[69].item<bool>());
  CHECK(last.sum().item<int64_t>() == 2);
}

TEST_CASE("attention gives the same bits on any number of threads") {
  manual_seed(5);
  const int before = omp_get_max_threads();
  // Few heads share out their keys and queries, many are a task each.
  for (int64_t heads : {1, 3, 8}) {
    const Shape shape{1, heads, 200, 24};
    const Tensor q = randn(shape), k = randn(shape), v = randn(shape), g = randn(shape);
    Tensors first;
    for (int threads : {1, 2, 5}) {
      omp_set_num_threads(threads);
      manual_seed(6);
      const Tensor a = q.clone().requires_grad_(), b = k.clone().requires_grad_(), c = v.clone().requires_grad_();
      const Tensor out = scaled_dot_product_attention(a, b, c, {.is_causal = true, .dropout_p = 0.1});
      out.backward(g);
      const Tensors now = {out.detach(), a.grad(), b.grad(), c.grad()};
      if (first.empty()) first = now;
      for (size_t i = 0; i < now.size(); ++i) CHECK(equal(now[i], first[i]));
    }
  }
  omp_set_num_threads(before);
}

TEST_CASE("attention drops weights with the probability asked for") {
  manual_seed(8);
  const int64_t n = 130;
  // With equal scores and the identity as values, the result is the weights themselves.
  const Tensor q = zeros({1, 2, n, 8}), v = eye(n).expand({1, 2, n, n});
  const Tensor weights = scaled_dot_product_attention(q, q, v, {.dropout_p = 0.25}) * static_cast<double>(n);
  const Tensor kept = weights > 0.5;
  CHECK(kept.to(float32).mean().item<float>() == testing::Approx(0.75).epsilon(0.02));
  CHECK(allclose(weights, kept.to(float32) / 0.75, 1e-4, 1e-5));
  CHECK_FALSE(equal(kept[0][0], kept[0][1]));
  CHECK_FALSE(equal(kept[0][0][0], kept[0][0][1]));
  manual_seed(8);
  CHECK(equal(scaled_dot_product_attention(q, q, v, {.dropout_p = 0.25}) * static_cast<double>(n), weights));
  CHECK(scaled_dot_product_attention(q, q, v, {.dropout_p = 1.0}).abs().sum().item<float>() == 0.0F);
}

TEST_CASE("attention refuses what does not fit") {
  const Tensor x = ones({2, 3, 4, 8});
  const auto attend = [](const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask = {}) {
    return [=] { scaled_dot_product_attention(q, k, v, {.mask = mask}); };
  };
  CHECK_THAT(message_of<ShapeError>(attend(x, ones({2, 3, 4, 7}), x)), contains("[2, 3, 4, 7]"));
  CHECK_THAT(message_of<ShapeError>(attend(x, x, ones({2, 3, 5, 8}))), contains("[2, 3, 5, 8]"));
  CHECK_THAT(message_of<ShapeError>(attend(x, ones({2, 1, 4, 8}), x)), contains("leading sizes"));
  CHECK_THAT(message_of<ShapeError>(attend(ones({8}), ones({8}), ones({8}))), contains("rank from 2 to 4"));
  CHECK_THAT(message_of<ShapeError>(attend(x, x, x, ones({5, 4}, {.dtype = bool_}))), contains("[2, 3, 4, 4]"));
  CHECK_THAT(message_of<DTypeError>(attend(x, x, x, zeros({4, 4}))), contains("mask to be bool"));
  CHECK_THAT(message_of<DTypeError>(attend(x, x.to(float64), x)), contains("k to be float32"));
  CHECK_THAT(message_of<DTypeError>(attend(x.to(int64), x, x)), contains("floating-point"));
  CHECK_THAT(message_of<ValueError>([&] { scaled_dot_product_attention(x, x, x, {.dropout_p = -1}); }),
             contains("[0, 1]"));
  const Tensor ghost = empty({2, 3, 4, 8}, {.device = "meta"});
  CHECK_THAT(message_of<DeviceError>(attend(x, ghost, x)), contains("k"));
  CHECK(scaled_dot_product_attention(ghost, ghost, ghost).shape() == Shape({2, 3, 4, 8}));
}

}  // namespace mote
