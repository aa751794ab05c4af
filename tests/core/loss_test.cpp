// Losses against PyTorch's values, the fused cross-entropy against the composed one, and gradients.
#include "mote/loss.h"

#include <cmath>
#include <limits>
#include <string>

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

constexpr double kInf = std::numeric_limits<double>::infinity();

// The three rows and targets whose losses PyTorch gave below.
const TensorOptions kDouble{.dtype = float64};
Tensor sample_logits() { return sin(arange(12, kDouble).reshape({3, 4}) * 0.7); }
Tensor sample_target() { return tensor({1, 3, 0}); }
Tensor sample_weight() { return tensor({1.0, 2.0, 3.0, 4.0}, kDouble); }

struct Expected {
  CrossEntropyOptions options;
  std::vector<double> rows;
  double mean, sum;
};

Tensor random_input(const Shape& shape) { return randn(shape, kDouble).requires_grad_(); }

}  // namespace

TEST_CASE("cross_entropy gives PyTorch's values with every option") {
  const Tensor w = sample_weight();
  const Expected cases[] = {
      {{}, {1.4294912177504215, 2.0453492310790584, 2.4500174988401766}, 1.974952649223219, 5.924857947669657},
      {{.weight = w},
       {2.858982435500843, 8.181396924316234, 2.4500174988401766},
       1.9271995512367506,
       13.490396858657254},
      {{.label_smoothing = 0.2},
       {1.4336909160042084, 1.9423498816827738, 2.2722290665053215},
       1.8827566213974347,
       5.648269864192304},
      {{.weight = w, .label_smoothing = 0.2},
       {2.9391592993429176, 7.422121652328422, 2.6030897348180315},
       1.8520529552127674,
       12.96437068648937},
      {{.ignore_index = 3}, {1.4294912177504215, 0.0, 2.4500174988401766}, 1.939754358295299, 3.879508716590598},
      {{.weight = w, .ignore_index = 3},
       {2.858982435500843, 0.0, 2.4500174988401766},
       1.76966664478034,
       5.30899993434102},
      {{.weight = w, .ignore_index = 3, .label_smoothing = 0.2},
       {2.9391592993429176, 0.0, 2.6030897348180315},
       1.8474163447203165,
       5.54224903416095},
  };
  int number = 0;
  for (const Expected& expected : cases) {
    INFO("case " << number++);
    CrossEntropyOptions options = expected.options;
    const auto loss = [&](Reduction reduction) {
      options.reduction = reduction;
      return cross_entropy(sample_logits(), sample_target(), options);
    };
    CHECK(allclose(loss(Reduction::None), tensor(expected.rows, kDouble), 1e-13));
    CHECK(loss(Reduction::Mean).item<double>() == testing::Approx(expected.mean).epsilon(1e-13));
    CHECK(loss(Reduction::Sum).item<double>() == testing::Approx(expected.sum).epsilon(1e-13));
    const Tensor log_probs = log_softmax(sample_logits(), 1);
    if (options.label_smoothing == 0.0)
      CHECK(nll_loss(log_probs, sample_target(), options).item<double>() == testing::Approx(expected.sum));
  }
}

TEST_CASE("cross_entropy against probabilities gives PyTorch's values with every option") {
  const Tensor w = sample_weight(), share = cos(arange(12, kDouble).reshape({3, 4}) * 0.3).abs();
  const Tensor target = share / share.sum(1, true);
  const Expected cases[] = {
      {{}, {1.4960522240703027, 1.5756568598700036, 1.4938166315244132}, 1.5218419051549066, 4.5655257154647195},
      {{.weight = w},
       {3.0889180875239775, 5.074619087453351, 3.259502370804777},
       3.8076798485940357,
       11.423039545782107},
      {{.label_smoothing = 0.2},
       {1.4869397210601134, 1.56659598471553, 1.5072683726527107},
       1.5202680261427848,
       4.560804078428355},
      {{.weight = w, .label_smoothing = 0.2},
       {3.123107820961425, 4.936699382838116, 3.250677632389712},
       3.7701616120630845,
       11.310484836189254},
  };
  for (const Expected& expected : cases) {
    CrossEntropyOptions options = expected.options;
    const auto loss = [&](Reduction reduction) {
      options.reduction = reduction;
      return cross_entropy(sample_logits(), target, options);
    };
    CHECK(allclose(loss(Reduction::None), tensor(expected.rows, kDouble), 1e-13));
    CHECK(loss(Reduction::Mean).item<double>() == testing::Approx(expected.mean).epsilon(1e-13));
    CHECK(loss(Reduction::Sum).item<double>() == testing::Approx(expected.sum).epsilon(1e-13));
  }
  // One row, and the classes in the middle.
  CHECK(cross_entropy(sample_logits()[0], target[0]).item<double>() == testing::Approx(1.4960522240703027));
  const Tensor middle =
      cross_entropy(sample_logits().unsqueeze(0), target.unsqueeze(0), {.reduction = Reduction::None});
  CHECK(allclose(middle,
                 tensor({{0.8937335205242741, 0.5978356728141829, 0.8994441341086203, 1.5024748749968333}}, kDouble)));
  CHECK(std::isnan(cross_entropy(sample_logits().slice(0, 0, 0), target.slice(0, 0, 0)).item<double>()));
  CHECK(cross_entropy(sample_logits().to(float32), target).dtype() == float64);
  CHECK(cross_entropy(sample_logits().to(bfloat16), target.to(bfloat16)).item<float>() == 1.5234375f);
  CHECK_THAT(message_of<ValueError>([&] { cross_entropy(sample_logits(), target, {.ignore_index = 2}); }),
             contains("ignore_index"));
  CHECK_THROWS_AS(cross_entropy(sample_logits(), target, {.weight = ones({3}, kDouble)}), ShapeError);
  CHECK_THROWS_AS(cross_entropy(sample_logits(), target, {.label_smoothing = -0.1}), ValueError);
}

TEST_CASE("cross_entropy against one-hot probabilities is that against positions") {
  manual_seed(6);
  const Tensor logits = random_input({5, 7}), target = randint(7, {5});
  const Tensor a = cross_entropy(logits, target, {.label_smoothing = 0.1});
  const Tensor b = cross_entropy(logits, one_hot(target, 7).to(float64), {.label_smoothing = 0.1});
  CHECK(allclose(a, b, 1e-12));
  CHECK(allclose(grad({a}, {logits})[0], grad({b}, {logits})[0], 1e-12));
}

TEST_CASE("cross_entropy agrees with log_softmax and gather at every width") {
  manual_seed(1);
  for (DType dtype : {float32, float64})
    for (int64_t classes : {1, 2, 7, 16, 17, 63, 100, 2048, 2049, 5000}) {
      INFO(name_of(dtype) << ", " << classes << " classes");
      const Tensor logits = (randn({5, classes}, {.dtype = dtype}) * 5.0).detach().requires_grad_();
      const Tensor target = randint(classes, {5});
      const Tensor loss = cross_entropy(logits, target, {.reduction = Reduction::None});
      loss.sum().backward();
      const Tensor composed = logits.detach().to(float64).requires_grad_();
      const Tensor expected = -log_softmax(composed, 1).gather(1, target.unsqueeze(1)).squeeze(1);
      expected.sum().backward();
      const double tolerance = dtype == float64 ? 1e-12 : 2e-6;
      CHECK(allclose(loss.to(float64), expected, tolerance, tolerance));
      CHECK(allclose(logits.grad().to(float64), composed.grad(), tolerance, tolerance));
    }
}

TEST_CASE("cross_entropy takes a vector, more dimensions and any strides") {
  manual_seed(2);
  const Tensor images = randn({2, 5, 3, 4}), target = randint(5, {2, 3, 4});
  const Tensor loss = cross_entropy(images, target, {.reduction = Reduction::None});
  REQUIRE(loss.shape() == Shape({2, 3, 4}));
  for (int64_t n : {0, 1})
    for (int64_t i : {0, 2}) {
      const Tensor one = cross_entropy(images.index({n, Slice(), i, 1}), target.index({n, i, 1}));
      CHECK(one.dim() == 0);
      CHECK(one.item<float>() == testing::Approx(loss.index({n, i, 1}).item<float>()).epsilon(1e-6));
    }
  const Tensor logits = randn({6, 9}), rows = randint(6, {9});
  CHECK(equal(cross_entropy(logits.t(), rows), cross_entropy(logits.t().contiguous(), rows)));
  CHECK(cross_entropy(ones({0, 3}), zeros({0}, {.dtype = int64}), {.reduction = Reduction::Sum}).item<float>() == 0);
  CHECK(std::isnan(cross_entropy(ones({0, 3}), zeros({0}, {.dtype = int64})).item<float>()));
}

TEST_CASE("cross_entropy of 16-bit logits is computed in float32") {
  manual_seed(3);
  for (DType dtype : {float16, bfloat16}) {
    const Tensor logits = randn({4, 50}).to(dtype).requires_grad_(), target = randint(50, {4});
    const Tensor wide = logits.detach().to(float32).requires_grad_();
    const Tensor loss = cross_entropy(logits, target), expected = cross_entropy(wide, target);
    CHECK(loss.dtype() == dtype);
    CHECK(equal(loss, expected.to(dtype)));
    loss.backward();
    expected.backward();
    CHECK(logits.grad().dtype() == dtype);
    CHECK(allclose(logits.grad().to(float32), wide.grad(), 1e-2, 1e-4));
  }
}

TEST_CASE("cross_entropy survives extreme logits and keeps NaN") {
  const Tensor logits = tensor({{1e30, 0.0, -1e30}, {-kInf, 0.0, -kInf}, {-1e5, -1e5, -1e5}});
  const Tensor loss = cross_entropy(logits, tensor({0, 1, 2}), {.reduction = Reduction::None});
  CHECK(allclose(loss, tensor({0.0, 0.0, std::log(3.0)}), 1e-6));
  const Tensor wrong = ones({2, 5000});
  wrong.index({0, 17}) = std::nan("");
  const Tensor rows = cross_entropy(wrong, tensor({1, 1}), {.reduction = Reduction::None});
  CHECK(std::isnan(rows[0].item<float>()));
  CHECK(rows[1].item<float>() == testing::Approx(std::log(5000.0)));
  const Tensor late = full({1, 5000}, -kInf);
  late.slice(1, 4000, 4002).fill_(3.0);
  CHECK(allclose(cross_entropy(late, tensor({4001})), tensor(std::log(2.0)), 1e-6));
}

TEST_CASE("the gradient of cross_entropy loses no digits of far-off logits") {
  manual_seed(6);
  const Tensor target = tensor({3, 900, 0});
  for (const double offset : {0.0, 1e5, -1e5}) {
    const Tensor wide = (randn({3, 1000}) + offset).to(float64).requires_grad_();
    const Tensor logits = wide.detach().to(float32).requires_grad_();
    cross_entropy(wide, target).backward();
    cross_entropy(logits, target).backward();
    CAPTURE(offset);
    CHECK(allclose(logits.grad().to(float64), wide.grad(), 2e-6, 1e-9));
  }
}

TEST_CASE("targets that are ignored count for nothing, and all of them give NaN") {
  const Tensor logits = random_input({3, 4});
  const Tensor loss = cross_entropy(logits, tensor({-100, 2, -100}));
  loss.backward();
  CHECK(loss.item<double>() == testing::Approx(cross_entropy(logits.slice(0, 1, 2), tensor({2})).item<double>()));
  CHECK(logits.grad().index({0}).abs().sum().item<double>() == 0.0);
  CHECK(logits.grad().index({1}).abs().sum().item<double>() > 0.0);
  CHECK(std::isnan(cross_entropy(logits, tensor({-100, -100, -100})).item<double>()));
  CHECK(cross_entropy(logits, tensor({-100, -100, -100}), {.reduction = Reduction::Sum}).item<double>() == 0.0);
}

TEST_CASE("a wild target is named with its row") {
  const Tensor logits = ones({3, 4});
  CHECK_THAT(message_of<IndexError>([&] {
               cross_entropy(logits, tensor({1, 4, 0}));
             }),
             contains("cross_entropy: target 4 at row 1 is outside [0, 4)"));
  CHECK_THAT(message_of<IndexError>([&] {
               cross_entropy(logits, tensor({1, 2, -1}));
             }),
             contains("target -1 at row 2"));
  CHECK_THAT(message_of<IndexError>([&] {
               nll_loss(logits, tensor({9, 2, 1}));
             }),
             contains("nll_loss: target 9 at row 0"));
  CHECK_THAT(message_of<IndexError>([&] {
               cross_entropy(logits, tensor({1, 2, 7}), {.weight = ones({4})});
             }),
             contains("target 7 at row 2"));
}

TEST_CASE("losses refuse what does not fit") {
  const Tensor logits = ones({3, 4});
  CHECK_THAT(message_of<ShapeError>([&] { cross_entropy(logits, tensor({1, 2})); }), contains("target of shape [3]"));
  CHECK_THAT(message_of<DTypeError>([&] { cross_entropy(logits, ones({3})); }), contains("int64"));
  CHECK_THAT(message_of<ShapeError>([&] {
               cross_entropy(logits, tensor({1, 2, 3}), {.weight = ones({3})});
             }),
             contains("weight of shape [4]"));
  CHECK_THAT(message_of<ValueError>([&] {
               cross_entropy(logits, tensor({1, 2, 3}), {.label_smoothing = 1.5});
             }),
             contains("label_smoothing"));
  CHECK_THAT(message_of<ShapeError>([&] { binary_cross_entropy_with_logits(logits, ones({4})); }), contains("[3, 4]"));
  CHECK(cross_entropy(empty({3, 4}, {.device = "meta"}), empty({3}, {.dtype = int64, .device = "meta"})).dim() == 0);
}

TEST_CASE("losses have right first and second derivatives") {
  manual_seed(4);
  const Tensor target = tensor({1, 3, 0}), values = rand({3, 4}, kDouble);
  for (double smoothing : {0.0, 0.3})
    for (const Tensor& weight : {Tensor(), sample_weight()})
      for (Reduction reduction : {Reduction::None, Reduction::Mean}) {
        const auto loss = [&](const Tensors& in) {
          return cross_entropy(
              in[0], target,
              {.weight = weight, .ignore_index = 3, .reduction = reduction, .label_smoothing = smoothing});
        };
        CHECK(gradcheck(loss, {random_input({3, 4})}));
        CHECK(gradgradcheck(loss, {random_input({3, 4})}));
      }
  const auto check = [&](const std::function<Tensor(const Tensors&)>& loss) {
    CHECK(gradcheck(loss, {random_input({3, 4}), random_input({3, 4})}));
    CHECK(gradgradcheck(loss, {random_input({3, 4}), random_input({3, 4})}));
  };
  check([](const Tensors& in) { return mse_loss(in[0], in[1]); });
  check([](const Tensors& in) { return l1_loss(in[0], in[1], Reduction::Sum); });
  check([](const Tensors& in) { return binary_cross_entropy_with_logits(in[0], in[1], Reduction::None); });
  check([](const Tensors& in) {
    return binary_cross_entropy_with_logits(in[0], in[1], {.weight = sample_weight(), .pos_weight = sample_weight()});
  });
  check([](const Tensors& in) { return cross_entropy(in[0], in[1]); });
  check([](const Tensors& in) {
    return cross_entropy(in[0], in[1],
                         {.weight = sample_weight(), .reduction = Reduction::None, .label_smoothing = 0.3});
  });
  CHECK(gradcheck([&](const Tensors& in) { return nll_loss(in[0], target); }, {random_input({3, 4})}));
}

TEST_CASE("element-wise losses give PyTorch's values") {
  const Tensor y = tensor({0.5, -1.0, 2.0}), z = tensor({0.0, 1.0, 0.3});
  CHECK(mse_loss(y, z).item<float>() == testing::Approx(2.38));
  CHECK(l1_loss(y, z).item<float>() == testing::Approx(1.4));
  CHECK(l1_loss(y, z, Reduction::Sum).item<float>() == testing::Approx(4.2));
  const Tensor rows = binary_cross_entropy_with_logits(y, z, Reduction::None);
  CHECK(allclose(rows, tensor({0.9740769863128662, 1.31326162815094, 1.5269280672073364}), 1e-6));
  const Tensor extreme =
      binary_cross_entropy_with_logits(tensor({1000.0, -1000.0}), tensor({1.0, 1.0}), Reduction::None);
  CHECK(equal(extreme, tensor({0.0, 1000.0})));
}

TEST_CASE("binary cross-entropy with weights gives PyTorch's values") {
  const Tensor y = tensor({{0.5, -1.0, 2.0}, {3.0, -2.0, 0.1}}, kDouble);
  const Tensor z = tensor({{0.0, 1.0, 0.3}, {1.0, 0.2, 0.0}}, kDouble);
  const Tensor each = tensor({{0.5}, {2.0}}, kDouble), positive = tensor({1.0, 2.0, 3.0}, kDouble);
  const auto loss = [&](const Tensor& weight, const Tensor& pos_weight, Reduction reduction) {
    return binary_cross_entropy_with_logits(y, z, {.weight = weight, .reduction = reduction, .pos_weight = pos_weight});
  };
  CHECK(allclose(loss({}, positive, Reduction::None),
                 tensor({{0.9740769841801067, 2.6265233750364456, 1.6030848176687562},
                         {0.048587351573741965, 0.952313613251567, 0.7443966600735709}},
                        kDouble),
                 1e-13));
  CHECK(loss({}, positive, Reduction::Mean).item<double>() == testing::Approx(1.1581638002973647).epsilon(1e-13));
  CHECK(loss(each, {}, Reduction::Mean).item<double>() == testing::Approx(0.7578262311252036).epsilon(1e-13));
  CHECK(loss(each, positive, Reduction::Sum).item<double>() == testing::Approx(6.092437838240414).epsilon(1e-13));
  const Tensor extreme = binary_cross_entropy_with_logits(tensor({1000.0, -1000.0}), tensor({1.0, 1.0}),
                                                          {.reduction = Reduction::None, .pos_weight = tensor(3.0)});
  CHECK(equal(extreme, tensor({0.0, 3000.0})));
  CHECK_THAT(message_of<ShapeError>([&] {
               loss({}, ones({4, 2, 3}, kDouble), Reduction::None);
             }),
             contains("pos_weight of shape [4, 2, 3] does not broadcast to the target of shape [2, 3]"));
  CHECK_THROWS_AS(loss(ones({2}, kDouble), {}, Reduction::None), ShapeError);
  // The weights are constants.
  const Tensor learned = ones({3}, {.dtype = float64, .requires_grad = true});
  CHECK_FALSE(loss(learned, learned, Reduction::Mean).requires_grad());
}

}  // namespace mote
