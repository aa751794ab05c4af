// Random tensors on a CUDA device: the numbers that Philox gives, whatever the strides; their distributions; the states
// of generators.
#include <cmath>

#include "cuda/parity.h"
#include "mote/philox.h"

namespace mote::testing {

namespace {

const TensorOptions kOnCuda{.device = "cuda"};

TensorOptions on_cuda(DType dtype) { return {.dtype = dtype, .device = "cuda"}; }

Tensor exponential(const Shape& shape, double rate, DType dtype, Generator& generator) {
  const Tensor out = empty(shape, on_cuda(dtype));
  backend_of(out.device()).random(RandomOp::Exponential, view_of(out), rate, 0.0, generator);
  return out.to("cpu").to(float64);
}

double mean_of(const Tensor& x) { return x.mean().item<double>(); }
double deviation_of(const Tensor& x) { return std::sqrt(x.var().item<double>()); }

}  // namespace

TEST_CASE("uniform values are the words of Philox") {
  if (!has_cuda()) return;
  Generator generator(77, "cuda");
  const Tensor first = rand({6}, kOnCuda, &generator).to("cpu"),
               next = rand({3}, on_cuda(float64), &generator).to("cpu");
  for (int i = 0; i < 6; ++i) {
    const uint32_t word = philox4x32(77, static_cast<uint64_t>(i / 4), 0).word[i % 4];
    CHECK(first[i].item<float>() == static_cast<float>(word >> 8) * 0x1p-24f);
  }
  for (int i = 0; i < 3; ++i) {  // the six before took two calls
    const PhiloxWords words = philox4x32(77, static_cast<uint64_t>(2 + i / 2), 0);
    const uint64_t wide = static_cast<uint64_t>(words.word[i % 2 * 2]) << 32 | words.word[i % 2 * 2 + 1];
    CHECK(next[i].item<double>() == static_cast<double>(wide >> 11) * 0x1p-53);
  }
}

TEST_CASE("an element's number depends on its place, not on its stride") {
  if (!has_cuda()) return;
  for (const DType dtype : kFloatDTypes) {
    const auto same = [dtype](const std::function<void(const Tensor&, Generator&)>& fill) {
      const Tensor dense = empty({7, 9}, on_cuda(dtype)), strided = empty({9, 7}, on_cuda(dtype)).t();
      Generator a(5, "cuda"), b(5, "cuda");
      fill(dense, a);
      fill(strided, b);
      CHECK(equal(dense.to("cpu"), strided.to("cpu")));
      CHECK(equal(a.state(), b.state()));
    };
    same([](const Tensor& x, Generator& generator) { x.uniform_(-1.0, 3.0, &generator); });
    same([](const Tensor& x, Generator& generator) { x.normal_(0.5, 2.0, &generator); });
    same([](const Tensor& x, Generator& generator) { x.bernoulli_(0.4, &generator); });
    same(
        [](const Tensor& x, Generator& generator) { backend_of(x.device()).dropout_mask(view_of(x), 0.3, generator); });
  }
}

TEST_CASE("distributions have their moments and bounds") {
  if (!has_cuda()) return;
  for (const DType dtype : kFloatDTypes) {
    INFO(name_of(dtype));
    Generator generator(11, "cuda");
    const auto drawn = [](const Tensor& x) { return x.to("cpu").to(float64); };
    const Tensor uniform = drawn(rand({20000}, on_cuda(dtype), &generator));
    CHECK(uniform.min().item<double>() >= 0.0);
    CHECK(uniform.max().item<double>() < 1.0);
    CHECK(mean_of(uniform) == Approx(0.5).margin(0.01));
    CHECK(deviation_of(uniform) == Approx(std::sqrt(1.0 / 12.0)).margin(0.01));
    const Tensor normal = drawn(empty({20001}, on_cuda(dtype)).normal_(3.0, 2.0, &generator));
    CHECK(mean_of(normal) == Approx(3.0).margin(0.05));
    CHECK(deviation_of(normal) == Approx(2.0).margin(0.05));
    CHECK(mean_of(((normal - 3.0) / 2.0).pow(4.0)) == Approx(3.0).margin(0.3));
    const Tensor waiting = exponential({20000}, 4.0, dtype, generator);
    CHECK(waiting.min().item<double>() > 0.0);
    CHECK(mean_of(waiting) == Approx(0.25).margin(0.01));
    CHECK(deviation_of(waiting) == Approx(0.25).margin(0.01));
  }
}

TEST_CASE("integers of every dtype, in narrow and wide ranges") {
  if (!has_cuda()) return;
  Generator generator(2, "cuda");
  for (const DType dtype : kAllDTypes) {
    const int64_t high = dtype == bool_ ? 2 : 7;
    const Tensor x = randint(0, high, {3000}, on_cuda(dtype), &generator).to("cpu");
    CHECK(x.dtype() == dtype);
    for (int64_t value = 0; value < high; ++value)
      CHECK((x.to(int64) == value).sum().item<double>() / 3000.0 ==
            Approx(1.0 / static_cast<double>(high)).margin(0.04));
  }
  const int64_t far = int64_t{1} << 41;
  const Tensor wide = randint(-far, far, {2000}, kOnCuda, &generator).to("cpu").to(float64);
  CHECK(wide.min().item<double>() >= -static_cast<double>(far));
  CHECK(wide.max().item<double>() < static_cast<double>(far));
  CHECK(mean_of(wide) / static_cast<double>(far) == Approx(0.0).margin(0.06));
}

TEST_CASE("bernoulli_ and dropout keep what they should") {
  if (!has_cuda()) return;
  const Tensor x = empty({5000}, kOnCuda);
  CHECK(x.bernoulli_(0.0).to("cpu").sum().item<float>() == 0.0F);
  CHECK(x.bernoulli_(1.0).to("cpu").sum().item<float>() == 5000.0F);
  CHECK(x.bernoulli_(0.3).to("cpu").mean().item<double>() == Approx(0.3).margin(0.03));
  for (const DType dtype : kFloatDTypes) {
    const Tensor in = ones({50, 100}, on_cuda(dtype)).requires_grad_();
    const Tensor out = dropout(in, 0.25);
    out.backward(ones({50, 100}, on_cuda(dtype)));
    const Tensor kept = out.detach().to("cpu"), scale = full({}, 1.0 / 0.75, {.dtype = dtype});
    CHECK(equal(in.grad().to("cpu"), kept));
    CHECK(logical_or(kept == 0.0, kept == scale).all().item<bool>());
    CHECK((kept == 0.0).to(float64).mean().item<double>() == Approx(0.25).margin(0.03));
  }
}

TEST_CASE("manual_seed and the state of the device's generator bring numbers back") {
  if (!has_cuda()) return;
  manual_seed(8);
  const Tensor first = randn({10}, kOnCuda).to("cpu"), on_cpu = randn({10});
  const Tensor state = get_rng_state("cuda"), next = randn({10}, kOnCuda).to("cpu");
  CHECK(state.shape() == Shape({16}));
  CHECK(!equal(first, next));
  set_rng_state(state, "cuda");
  CHECK(equal(randn({10}, kOnCuda).to("cpu"), next));
  manual_seed(8);
  CHECK(equal(randn({10}), on_cpu));  // the streams of two devices do not disturb each other
  CHECK(equal(randn({10}, kOnCuda).to("cpu"), first));
  Generator foreign(1);
  CHECK_THAT(message_of<DeviceError>([&] { rand({2}, kOnCuda, &foreign); }),
             contains("rand: expected a generator of cuda:0, but got one of cpu"));
  CHECK_THROWS_AS(dropout(ones({2}, kOnCuda), 0.5, true, &foreign), DeviceError);
}

TEST_CASE("a checkpointed function draws the same numbers again") {
  if (!has_cuda()) return;
  const auto gradient = [](bool checkpointed) {
    manual_seed(4);
    const Tensor x = ones({40}, kOnCuda).requires_grad_();
    const auto function = [](const Tensors& t) { return dropout(t[0] * 2.0, 0.5); };
    (checkpointed ? checkpoint(function, {x}) : function({x})).backward(ones({40}, kOnCuda));
    return x.grad().to("cpu");
  };
  CHECK(equal(gradient(true), gradient(false)));
}

TEST_CASE("permutations and choices") {
  if (!has_cuda()) return;
  CHECK(equal(sort(randperm(50, kOnCuda).to("cpu")).values, arange(50)));
  const Tensor weights = tensor({0.0, 1.0, 0.0, 3.0, 0.0}).to(float32).to("cuda");
  const Tensor drawn = multinomial(weights, 4000, true).to("cpu");
  CHECK(((drawn == 1).sum() + (drawn == 3).sum()).item<int64_t>() == 4000);
  CHECK((drawn == 3).to(float64).mean().item<double>() == Approx(0.75).margin(0.03));
  CHECK(equal(sort(multinomial(weights, 2).to("cpu")).values, tensor({1, 3})));
}

}  // namespace mote::testing
