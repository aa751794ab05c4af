// Normalisation against its formula in float64, and gradients.
#include "mote/normalization.h"

#include <omp.h>

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

const TensorOptions kDouble{.dtype = float64};

Tensor random_input(const Shape& shape) { return randn(shape, kDouble).requires_grad_(); }

// The formula, in float64 and with public operations.
Tensor composed(const Tensor& x, int64_t dims, const Tensor& weight, const Tensor& bias, double eps = 1e-5) {
  Shape last;
  for (int64_t d = -dims; d < 0; ++d) last.push_back(d);
  Tensor y = (x - x.mean(last, true)) / sqrt(x.var(last, false, true) + eps);
  if (weight.defined()) y = y * weight;
  return bias.defined() ? y + bias : y;
}

Tensor widened(const Tensor& x) { return x.defined() ? x.detach().to(float64, true).requires_grad_() : x; }

void check_layer_norm(const Shape& shape, int64_t dims, DType dtype, bool weighted, bool biased, double tolerance) {
  INFO(shape.str() << ", " << dims << " dimensions, " << name_of(dtype) << (weighted ? ", weight" : "")
                   << (biased ? ", bias" : ""));
  Shape normalized(shape.end() - dims, dims);
  const auto make = [&](const Shape& s) { return (randn(s, kDouble) * 2.0 + 1.0).to(dtype).requires_grad_(); };
  const Tensor x = make(shape), weight = weighted ? make(normalized) : Tensor(),
               bias = biased ? make(normalized) : Tensor();
  const Tensor wide_x = widened(x), wide_weight = widened(weight), wide_bias = widened(bias);
  const Tensor y = layer_norm(x, normalized, weight, bias), expected = composed(wide_x, dims, wide_weight, wide_bias);
  const Tensor g = randn(shape, kDouble).to(dtype);
  y.backward(g);
  expected.backward(g.to(float64));
  CHECK(y.dtype() == dtype);
  const auto close = [&](const Tensor& a, const Tensor& b) { return allclose(a.to(float64), b, tolerance, tolerance); };
  CHECK(close(y, expected));
  CHECK(close(x.grad(), wide_x.grad()));
  if (weighted) CHECK(close(weight.grad(), wide_weight.grad()));
  if (biased) CHECK(close(bias.grad(), wide_bias.grad()));
}

}  // namespace

TEST_CASE("layer_norm and its gradients agree with the formula") {
  manual_seed(1);
  for (int64_t width : {1, 2, 7, 16, 33, 64, 130, 768}) check_layer_norm({5, width}, 1, float32, true, true, 1e-5);
  for (bool weighted : {false, true})
    for (bool biased : {false, true}) {
      check_layer_norm({3, 4, 50}, 1, float32, weighted, biased, 1e-5);
      check_layer_norm({3, 4, 5}, 2, float64, weighted, biased, 1e-11);
    }
  check_layer_norm({300, 24}, 1, float32, true, true, 1e-5);
  check_layer_norm({2, 3, 4, 5}, 4, float32, true, true, 1e-5);
  check_layer_norm({6, 40}, 1, bfloat16, true, true, 0.05);
  check_layer_norm({6, 40}, 1, float16, true, true, 0.01);
}

TEST_CASE("layer_norm keeps its digits far from zero") {
  const Tensor x = randn({4, 256}, kDouble) + 1000.0;
  CHECK(allclose(layer_norm(x.to(float32), {256}).to(float64), composed(x.to(float32).to(float64), 1, {}, {}), 1e-3,
                 1e-3));
}

TEST_CASE("layer_norm takes any strides and empty inputs") {
  manual_seed(2);
  const Tensor x = randn({8, 6}).t(), weight = randn({16}).slice(0, 0, std::nullopt, 2);
  CHECK(equal(layer_norm(x, {8}, weight), layer_norm(x.contiguous(), {8}, weight.contiguous())));
  CHECK(layer_norm(ones({0, 4}), {4}).shape() == Shape({0, 4}));
  const Tensor none = ones({0, 4}).requires_grad_(), w = ones({4}).requires_grad_();
  layer_norm(none, {4}, w).sum().backward();
  CHECK(equal(w.grad(), zeros({4})));
  const Tensor spread = ones({3, 5}).requires_grad_();
  layer_norm(spread, {5}).sum().backward();  // an expanded gradient
  CHECK(allclose(spread.grad(), zeros({3, 5})));
}

TEST_CASE("layer_norm gives the same bits on any number of threads") {
  manual_seed(3);
  const Tensor x = randn({777, 96}), weight = randn({96}), bias = randn({96}), g = randn({777, 96});
  const int before = omp_get_max_threads();
  Tensors first;
  for (int threads : {1, 2, 5}) {
    omp_set_num_threads(threads);
    const Tensor a = x.clone().requires_grad_(), w = weight.clone().requires_grad_(), b = bias.clone().requires_grad_();
    const Tensor y = layer_norm(a, {96}, w, b);
    y.backward(g);
    const Tensors now = {y.detach(), a.grad(), w.grad(), b.grad()};
    if (first.empty()) first = now;
    for (size_t i = 0; i < now.size(); ++i) CHECK(equal(now[i], first[i]));
  }
  omp_set_num_threads(before);
}

TEST_CASE("normalisations have right first and second derivatives") {
  manual_seed(4);
  const auto layer = [](const Tensors& in) { return layer_norm(in[0], {2, 3}, in[1], in[2]); };
  const Tensors inputs = {random_input({4, 2, 3}), random_input({2, 3}), random_input({2, 3})};
  CHECK(gradcheck(layer, inputs));
  CHECK(gradgradcheck(layer, inputs));
  const auto plain = [](const Tensors& in) { return layer_norm(in[0], {3}); };
  CHECK(gradgradcheck(plain, {random_input({4, 3})}));
  const auto rms = [](const Tensors& in) { return rms_norm(in[0], {3}, in[1]); };
  CHECK(gradcheck(rms, {random_input({4, 3}), random_input({3})}));
  CHECK(gradgradcheck(rms, {random_input({4, 3}), random_input({3})}));
  const auto batch = [](const Tensors& in) { return batch_norm(in[0], {}, {}, in[1], in[2], true); };
  CHECK(gradcheck(batch, {random_input({4, 3, 2}), random_input({3}), random_input({3})}));
  CHECK(gradgradcheck(batch, {random_input({4, 3}), random_input({3}), random_input({3})}));
}

TEST_CASE("rms_norm is x over the root of its mean square") {
  const Tensor x = tensor({{3.0, 4.0}, {0.0, 0.0}});
  const Tensor y = rms_norm(x, {2}, tensor({1.0, 10.0}), 0.0).slice(0, 0, 1);
  CHECK(allclose(y, tensor({{3.0 / 3.5355339, 40.0 / 3.5355339}})));
  CHECK(equal(rms_norm(x, {2})[1], zeros({2})));
}

TEST_CASE("batch_norm in training gives PyTorch's values and running statistics") {
  const Tensor x = sin(arange(12, kDouble).reshape({4, 3}) * 0.7);
  const Tensor mean = zeros({3}, kDouble), var = ones({3}, kDouble);
  const Tensor y = batch_norm(x, mean, var, {}, {}, true);
  const Tensor expected = tensor({{-0.0034428507642851776, 0.7132941139887943, 0.9892815511269865},
                                  {1.4037914246462089, 0.25451805095221813, -0.8029993827415192},
                                  {-1.424316335165066, -1.7000503649115133, -1.1792100318265462},
                                  {0.023967761283142482, 0.7322381999705009, 0.992927863441079}},
                                 kDouble);
  CHECK(allclose(y, expected, 1e-12));
  CHECK(allclose(mean, tensor({0.0002111873679908975, 0.016343495587201315, 0.024789202457587974}, kDouble), 1e-12));
  CHECK(allclose(var, tensor({0.9501679868312144, 0.9605744692346556, 0.9741110748767859}, kDouble), 1e-12));
}

TEST_CASE("batch_norm outside training uses the running statistics and leaves them alone") {
  const Tensor x = randn({2, 3, 4, 5}), mean = randn({3}), var = rand({3}) + 0.5, weight = randn({3}),
               bias = randn({3});
  const Tensor old_mean = mean.clone();
  const Tensor y = batch_norm(x, mean, var, weight, bias);
  const auto channel = [](const Tensor& t) { return t.reshape({1, 3, 1, 1}); };
  const Tensor expected = (x - channel(mean)) / sqrt(channel(var) + 1e-5) * channel(weight) + channel(bias);
  CHECK(allclose(y, expected, 1e-5, 1e-6));
  CHECK(equal(mean, old_mean));
}

TEST_CASE("normalisations refuse what does not fit") {
  CHECK_THAT(message_of<ShapeError>([] { layer_norm(ones({2, 3}), {4}); }), contains("normalized_shape"));
  CHECK_THAT(message_of<ShapeError>([] { layer_norm(ones({2, 3}), {3}, ones({2})); }), contains("weight"));
  CHECK_THAT(message_of<DTypeError>([] {
               layer_norm(ones({2, 3}), {3}, ones({3}, {.dtype = float64}));
             }),
             contains("weight"));
  CHECK_THAT(message_of<DTypeError>([] { layer_norm(ones({2, 3}, {.dtype = int64}), {3}); }), contains("layer_norm"));
  CHECK_THAT(message_of<ValueError>([] {
               batch_norm(ones({1, 3}), {}, {}, {}, {}, true);
             }),
             contains("more than 1 value per channel"));
  CHECK_THAT(message_of<ValueError>([] { batch_norm(ones({2, 3}), {}, {}); }), contains("running_mean"));
  CHECK_THAT(message_of<ShapeError>([] { batch_norm(ones({2, 3}), ones({4}), ones({3})); }), contains("running_mean"));
  CHECK(layer_norm(empty({2, 3}, {.device = "meta"}), {3}).shape() == Shape({2, 3}));
}

}  // namespace mote
