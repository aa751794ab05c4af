// Masked softmax against its formula in float64.
#include <cmath>
#include <limits>
#include <string>

#include "mote/attention.h"
#include "mote/autograd.h"
#include "mote/creation.h"
#include "mote/embedding.h"
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

// Zeros where filled, the softmax of the rest beside them; finite for a wholly filled row.
Tensor composed(const Tensor& scores, const Tensor& mask, double scale) {
  const Tensor filled = masked_fill(scores * scale, mask, -1e9);
  return softmax(filled, -1) * logical_not(mask).to(scores.dtype());
}

void check(const Tensor& scores, const Tensor& mask, double scale, double tolerance) {
  INFO(scores.shape().str() << " " << name_of(scores.dtype()) << ", mask " << mask.shape().str() << ", scale "
                            << scale);
  const Tensor x = scores.detach().clone().requires_grad_(), wide = scores.detach().to(float64, true).requires_grad_();
  const Tensor y = masked_softmax(x, mask, {.scale = scale}), expected = composed(wide, mask, scale);
  const Tensor g = randn(scores.shape(), {.dtype = float64}).to(scores.dtype());
  y.backward(g);
  expected.backward(g.to(float64));
  REQUIRE(y.shape() == scores.shape());
  CHECK(y.dtype() == scores.dtype());
  CHECK(allclose(y.to(float64), expected, tolerance, tolerance));
  CHECK(allclose(x.grad().to(float64), wide.grad(), 10 * tolerance, tolerance));
}

}  // namespace

TEST_CASE("masked_softmax and its gradient agree with the formula") {
  manual_seed(1);
  for (int64_t width : {1, 2, 7, 8, 15, 16, 17, 64, 100, 1000}) {
    const Tensor scores = randn({2, 3, 5, width}, {.dtype = float64}) * 3.0;
    const Tensor mask = rand({2, 3, 5, width}) < 0.4;
    check(scores, mask, 1.0, 1e-13);
    check(scores.to(float32), mask, 0.25, 2e-6);
    check(scores.to(float32), mask, -2.0, 2e-6);
    check(scores.to(bfloat16), mask, 0.25, 1e-2);
    check(scores.to(float16), mask, 0.25, 2e-3);
  }
}

TEST_CASE("the mask of masked_softmax broadcasts by strides") {
  manual_seed(2);
  const Tensor scores = randn({2, 3, 5, 6});
  check(scores, ones({5, 6}, {.dtype = bool_}).triu(1), 0.5, 2e-6);
  check(scores, rand({2, 1, 1, 6}) < 0.5, 1.0, 2e-6);
  check(scores, rand({3, 5, 1}) < 0.5, 1.0, 2e-6);
  check(scores, rand({6, 5}).t() < 0.5, 1.0, 2e-6);
  check(scores, (rand({6, 5}) < 0.5).t(), 1.0, 2e-6);
  check(scores.transpose(2, 3), rand({5}) < 0.3, 1.0, 2e-6);
  check(scores, zeros({}, {.dtype = bool_}), 1.0, 2e-6);
}

TEST_CASE("masks that cover one end of the rows") {
  manual_seed(4);
  for (DType dtype : {float32, float64}) {
    const Tensor scores = randn({9, 100}, {.dtype = dtype}), place = arange(100), ends = (arange(9) * 11).unsqueeze(1);
    const double tolerance = dtype == float64 ? 1e-13 : 2e-6;
    check(scores, place < ends, 0.3, tolerance);
    check(scores, place >= ends + 1, 0.3, tolerance);
  }
}

TEST_CASE("a wholly filled row gives zeros and zero gradient") {
  const Tensor mask = tensor({{true, true, true}, {false, true, false}});
  const Tensor x = randn({2, 3}).requires_grad_();
  const Tensor y = masked_softmax(x, mask);
  CHECK(equal(y[0], zeros({3})));
  CHECK(y[1].sum().item<float>() == testing::Approx(1.0));
  CHECK(y.index({1, 1}).item<float>() == 0.0F);
  y.backward(ones({2, 3}));
  CHECK(equal(x.grad()[0], zeros({3})));
}

TEST_CASE("masked_softmax survives extreme scores and keeps NaN") {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  const Tensor none = zeros({}, {.dtype = bool_});
  CHECK(equal(masked_softmax(tensor({1e30F, 0.0F, -1e30F}), none), tensor({1.0, 0.0, 0.0})));
  CHECK(equal(masked_softmax(tensor({-inf, 5.0F, -inf}), none), tensor({0.0, 1.0, 0.0})));
  CHECK(isnan(masked_softmax(tensor({nan, 1.0F, 2.0F}), none)).all().item<bool>());
  // What is filled does not count, whatever it is.
  CHECK(equal(masked_softmax(tensor({nan, 1.0F, inf}), tensor({true, false, true})), tensor({0.0, 1.0, 0.0})));
}

TEST_CASE("masked_softmax has right first and second derivatives") {
  manual_seed(3);
  const Tensor mask = tensor({{false, true, false, false}, {true, true, true, true}});
  const auto f = [&](const Tensors& in) { return masked_softmax(in[0], mask, {.scale = 0.7}); };
  const Tensor x = randn({3, 2, 4}, {.dtype = float64}).requires_grad_();
  CHECK(gradcheck(f, {x}));
  CHECK(gradgradcheck(f, {x}));
}

TEST_CASE("masked_softmax drops weights as dropout does") {
  const Tensor x = randn({4, 9}), mask = rand({4, 9}) < 0.3;
  manual_seed(4);
  const Tensor y = masked_softmax(x, mask, {.dropout = 0.5});
  manual_seed(4);
  CHECK(equal(y, dropout(masked_softmax(x, mask), 0.5)));
}

TEST_CASE("masked_softmax refuses what does not fit") {
  const Tensor x = ones({2, 3}), mask = zeros({2, 3}, {.dtype = bool_});
  CHECK_THAT(message_of<DTypeError>([&] { masked_softmax(x, ones({2, 3})); }), contains("mask to be bool"));
  CHECK_THAT(message_of<ShapeError>([&] { masked_softmax(x, zeros({3, 2}, {.dtype = bool_})); }), contains("[3, 2]"));
  CHECK_THAT(message_of<ShapeError>([&] {
               masked_softmax(x, zeros({1, 2, 3}, {.dtype = bool_}));
             }),
             contains("[2, 3]"));
  CHECK_THAT(message_of<DTypeError>([&] {
               masked_softmax(ones({2, 3}, {.dtype = int64}), mask);
             }),
             contains("masked_softmax"));
  CHECK_THAT(message_of<ValueError>([&] { masked_softmax(x, mask, {.dropout = 2.0}); }), contains("[0, 1]"));
  CHECK_THAT(message_of<DeviceError>([&] {
               masked_softmax(x, empty({2, 3}, {.dtype = bool_, .device = "meta"}));
             }),
             contains("mask"));
  CHECK(masked_softmax(ones({0, 3}), zeros({3}, {.dtype = bool_})).shape() == Shape({0, 3}));
  CHECK(masked_softmax(ones({3, 0}), zeros({1}, {.dtype = bool_})).shape() == Shape({3, 0}));
}

}  // namespace mote
