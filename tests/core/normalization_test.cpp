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
#include "support/fake_backend.h"

namespace mote {

namespace {

using testing::contains;
using testing::gradcheck;
using testing::gradgradcheck;
using testing::message_of;
using Tensors = std::vector<Tensor>;

const TensorOptions kDouble{.dtype = float64};

Tensor random_input(const Shape& shape) { return randn(shape, kDouble).requires_grad_(); }

// The two formulas, in float64 and with public operations.
enum class Norm { Layer, Rms };

Tensor composed(Norm norm, const Tensor& x, int64_t dims, const Tensor& weight, const Tensor& bias, double eps = 1e-5) {
  Shape last;
  for (int64_t d = -dims; d < 0; ++d) last.push_back(d);
  const bool layer = norm == Norm::Layer;
  const Tensor variance = layer ? x.var(last, false, true) : (x * x).mean(last, true);
  Tensor y = (layer ? x - x.mean(last, true) : x) / sqrt(variance + eps);
  if (weight.defined()) y = y * weight;
  return bias.defined() ? y + bias : y;
}

Tensor fused(Norm norm, const Tensor& x, const Shape& normalized, const Tensor& weight, const Tensor& bias) {
  return norm == Norm::Layer ? layer_norm(x, normalized, weight, bias) : rms_norm(x, normalized, weight, 1e-5);
}

Tensor widened(const Tensor& x) { return x.defined() ? x.detach().to(float64, true).requires_grad_() : x; }

void check_norm(Norm norm, const Shape& shape, int64_t dims, DType dtype, bool weighted, bool biased,
                double tolerance) {
  INFO((norm == Norm::Layer ? "layer_norm " : "rms_norm ")
       << shape.str() << ", " << dims << " dimensions, " << name_of(dtype) << (weighted ? ", weight" : "")
       << (biased ? ", bias" : ""));
  Shape normalized(shape.end() - dims, dims);
  const auto make = [&](const Shape& s) { return (randn(s, kDouble) * 2.0 + 1.0).to(dtype).requires_grad_(); };
  const Tensor x = make(shape), weight = weighted ? make(normalized) : Tensor(),
               bias = biased ? make(normalized) : Tensor();
  const Tensor wide_x = widened(x), wide_weight = widened(weight), wide_bias = widened(bias);
  const Tensor y = fused(norm, x, normalized, weight, bias),
               expected = composed(norm, wide_x, dims, wide_weight, wide_bias);
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

// Each with and without a weight, and the first with and without a bias.
void check_norms(const Shape& shape, int64_t dims, DType dtype, double tolerance) {
  for (bool weighted : {false, true}) {
    for (bool biased : {false, true}) check_norm(Norm::Layer, shape, dims, dtype, weighted, biased, tolerance);
    check_norm(Norm::Rms, shape, dims, dtype, weighted, false, tolerance);
  }
}

}  // namespace

TEST_CASE("layer_norm, rms_norm and their gradients agree with the formulas") {
  manual_seed(1);
  for (int64_t width : {1, 2, 7, 16, 33, 64, 130, 768}) check_norms({5, width}, 1, float32, 1e-5);
  check_norms({3, 4, 50}, 1, float32, 1e-5);
  check_norms({3, 4, 5}, 2, float64, 1e-11);
  check_norms({300, 24}, 1, float32, 1e-5);
  check_norms({2, 3, 4, 5}, 4, float32, 1e-5);
  check_norms({6, 40}, 1, bfloat16, 0.05);
  check_norms({6, 40}, 1, float16, 0.01);
}

TEST_CASE("layer_norm keeps its digits far from zero") {
  const Tensor x = randn({4, 256}, kDouble) + 1000.0;
  CHECK(allclose(layer_norm(x.to(float32), {256}).to(float64),
                 composed(Norm::Layer, x.to(float32).to(float64), 1, {}, {}), 1e-3, 1e-3));
}

TEST_CASE("layer_norm and rms_norm take any strides and empty inputs") {
  manual_seed(2);
  const Tensor x = randn({8, 6}).t(), weight = randn({16}).slice(0, 0, std::nullopt, 2);
  for (Norm norm : {Norm::Layer, Norm::Rms}) {
    const auto run = [&](const Tensor& in, const Tensor& factor = {}) {
      return fused(norm, in, {in.size(-1)}, factor, {});
    };
    CHECK(equal(run(x, weight), run(x.contiguous(), weight.contiguous())));
    CHECK(run(ones({0, 4})).shape() == Shape({0, 4}));
    CHECK(run(ones({4, 0})).shape() == Shape({4, 0}));
    const Tensor none = ones({0, 4}).requires_grad_(), w = ones({4}).requires_grad_();
    run(none, w).sum().backward();
    CHECK(equal(w.grad(), zeros({4})));
    const Tensor spread = ones({3, 5}).requires_grad_();
    run(spread).sum().backward();  // an expanded gradient
    CHECK(allclose(spread.grad(), zeros({3, 5}), 1e-5, 2e-5));
  }
}

TEST_CASE("layer_norm and rms_norm give the same bits on any number of threads") {
  manual_seed(3);
  const Tensor x = randn({777, 96}), weight = randn({96}), bias = randn({96}), g = randn({777, 96});
  const int before = omp_get_max_threads();
  Tensors first;
  for (int threads : {1, 2, 5}) {
    omp_set_num_threads(threads);
    Tensors now;
    for (Norm norm : {Norm::Layer, Norm::Rms}) {
      const Tensor a = x.clone().requires_grad_(), w = weight.clone().requires_grad_(),
                   b = norm == Norm::Layer ? bias.clone().requires_grad_() : Tensor();
      const Tensor y = fused(norm, a, {96}, w, b);
      y.backward(g);
      now.insert(now.end(), {y.detach(), a.grad(), w.grad()});
      if (b.defined()) now.push_back(b.grad());
    }
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
  const auto plain_rms = [](const Tensors& in) { return rms_norm(in[0], {2, 3}, {}, 0.1); };
  CHECK(gradcheck(plain_rms, {random_input({4, 2, 3})}));
  CHECK(gradgradcheck(plain_rms, {random_input({4, 2, 3})}));
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

TEST_CASE("rms_norm's eps is the machine epsilon unless it is given, as PyTorch's") {
  const Tensor x = tensor({{1e-4, 2e-4, -3e-4}}, kDouble);
  const auto got = [&](DType dtype) { return rms_norm(x.to(dtype), {3}).to(float64); };
  CHECK(
      allclose(got(float64), tensor({{0.4629100487849899, 0.9258200975699798, -1.3887301463549695}}, kDouble), 1e-14));
  const Tensor narrow = tensor({{0.2455320954322815, 0.491064190864563, -0.7365963459014893}}, kDouble);
  CHECK(allclose(got(float32), narrow, 1e-6));
  CHECK(equal(got(float16), tensor({{0.24560546875, 0.4912109375, -0.736328125}}, kDouble)));
  CHECK(equal(got(bfloat16), tensor({{0.24609375, 0.4921875, -0.734375}}, kDouble)));
}

TEST_CASE("rms_norm is one call of a kernel forward, and one backward") {
  testing::FakeBackend backend;
  const BackendOverride fake(DeviceType::CUDA, backend);
  const Tensor x = ones({2, 3}, {.device = "cuda"}).requires_grad_(),
               weight = ones({3}, {.device = "cuda"}).requires_grad_(), g = ones({2, 3}, {.device = "cuda"});
  backend.reset_calls();
  const Tensor y = rms_norm(x, {3}, weight);
  CHECK(backend.calls("rms_norm") == 1);
  grad({y}, {x, weight}, {.grad_outputs = {g}});
  CHECK(backend.calls("rms_norm_backward") == 1);
  for (const char* other : {"unary", "binary", "reduce"}) CHECK(backend.calls(other) == 0);
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
  CHECK_THAT(message_of<ShapeError>([] { rms_norm(ones({2, 3}), {4}); }), contains("rms_norm"));
  CHECK_THAT(message_of<ShapeError>([] { rms_norm(ones({2, 3}), {3}, ones({2})); }), contains("weight"));
  for (Norm norm : {Norm::Layer, Norm::Rms})
    CHECK(fused(norm, empty({2, 3}, {.device = "meta"}), {3}, {}, {}).shape() == Shape({2, 3}));
}

}  // namespace mote
