// Random numbers against PyTorch's CPU streams, and what generators promise beside them.
#include "mote/random.h"

#include <string>

#include "mote/autograd.h"
#include "mote/backend.h"
#include "mote/creation.h"
#include "mote/embedding.h"
#include "mote/error.h"
#include "mote/philox.h"
#include "mote/serialize.h"
#include "support/catch.h"
#include "support/data.h"

namespace mote {

namespace {

using testing::contains;
using testing::message_of;

const uint64_t kSeeds[] = {0, 123, (uint64_t{1} << 40) + 7};

// What PyTorch gave for `call`, made right after manual_seed(seed).
Tensor golden(uint64_t seed, const std::string& call) {
  static const StateDict values = load_safetensors(testing::data_path("random.safetensors"));
  return values.at(std::to_string(seed) + "." + call);
}

void check_equal(const std::string& call, Tensor (*draw)()) {
  for (uint64_t seed : kSeeds) {
    INFO(call << " after seed " << seed);
    manual_seed(seed);
    const Tensor drawn = draw(), expected = golden(seed, call);
    REQUIRE(drawn.shape() == expected.shape());
    CHECK(drawn.dtype() == expected.dtype());
    CHECK(equal(drawn, expected));
  }
}

// Normal values go through logarithms and cosines, which differ in the last bits from library to library.
void check_close(const std::string& call, const Tensor& drawn, uint64_t seed) {
  INFO(call << " after seed " << seed);
  const Tensor expected = golden(seed, call);
  REQUIRE(drawn.shape() == expected.shape());
  CHECK(drawn.dtype() == expected.dtype());
  CHECK(allclose(drawn, expected, 0.0, drawn.dtype() == float64 ? 1e-14 : 1e-6));
}

}  // namespace

TEST_CASE("rand and randn give PyTorch's streams at every size") {
  for (uint64_t seed : kSeeds)
    for (DType dtype : {float32, float64})
      for (int64_t n : {1, 5, 15, 16, 17, 40}) {
        const std::string kind = std::to_string(n) + "." + name_of(dtype);
        manual_seed(seed);
        CHECK(equal(rand({n}, {.dtype = dtype}), golden(seed, "rand." + kind)));
        manual_seed(seed);
        check_close("randn." + kind, randn({n}, {.dtype = dtype}), seed);
      }
}

TEST_CASE("in-place draws give PyTorch's streams") {
  for (uint64_t seed : kSeeds)
    for (DType dtype : {float32, float64}) {
      const std::string kind = name_of(dtype);
      const auto fresh = [&](int64_t n) {
        manual_seed(seed);
        return empty({n}, {.dtype = dtype});
      };
      CHECK(equal(fresh(9).uniform_(-2, 3), golden(seed, "uniform_." + kind)));
      CHECK(equal(fresh(20).bernoulli_(0.3), golden(seed, "bernoulli_." + kind)));
      check_close("normal_." + kind, fresh(9).normal_(1.5, 0.25), seed);
      check_close("normal_.20." + kind, fresh(20).normal_(1.5, 0.25), seed);
      const Tensor waiting = fresh(9);
      const View out{waiting.data_ptr(), dtype, waiting.shape(), waiting.strides()};
      backend_of(Device()).random(RandomOp::Exponential, out, 1.5, 0.0, default_generator());
      check_close("exponential_." + kind, waiting, seed);
    }
}

TEST_CASE("integers, permutations and choices give PyTorch's streams") {
  check_equal("rand.float16", [] { return rand({9}, {.dtype = float16}); });
  check_equal("rand.bfloat16", [] { return rand({9}, {.dtype = bfloat16}); });
  check_equal("randint.10", [] { return randint(10, {20}); });
  check_equal("randint.negative", [] { return randint(-5, 3, {20}); });
  check_equal("randint.wide", [] { return randint(-(int64_t{1} << 40), int64_t{1} << 41, {20}); });
  check_equal("randint.int32", [] { return randint(1000, {20}, {.dtype = int32}); });
  check_equal("randperm.1", [] { return randperm(1); });
  check_equal("randperm.2", [] { return randperm(2); });
  check_equal("randperm.10", [] { return randperm(10); });
  check_equal("randperm.100", [] { return randperm(100); });
  check_equal("bernoulli", [] { return bernoulli(linspace(0, 1, 20)); });
}

TEST_CASE("multinomial gives PyTorch's stream") {
  static const Tensor weights = tensor({{0.1, 0.5, 0.2, 0.2, 0.0}, {3.0, 1.0, 0.0, 2.0, 1.0}});
  check_equal("multinomial.1", [] { return multinomial(weights, 1); });
  check_equal("multinomial.3", [] { return multinomial(weights, 3); });
  check_equal("multinomial.replacement", [] { return multinomial(weights, 8, true); });
  check_equal("multinomial.vector", [] { return multinomial(weights[1], 4); });
}

TEST_CASE("multinomial draws by weight and never what has none") {
  manual_seed(1);
  const Tensor weights = tensor({0.0, 1.0, 0.0, 3.0, 0.0});
  const Tensor drawn = multinomial(weights, 20000, true);
  const double light = (drawn == 1).sum().item<double>(), heavy = (drawn == 3).sum().item<double>();
  CHECK(light + heavy == 20000);
  CHECK(heavy / light == testing::Approx(3.0).epsilon(0.05));
  CHECK(equal(sort(multinomial(weights, 2)).values, tensor({1, 3})));
  CHECK_THAT(message_of<ValueError>([&] { multinomial(weights, 3); }), contains("fewer than 3 above zero"));
  CHECK_THAT(message_of<ValueError>([&] { multinomial(weights, 9); }), contains("cannot draw 9 of 5"));
  CHECK_THAT(message_of<ValueError>([] { multinomial(tensor({1.0, -1.0}), 1); }), contains("negative, inf or nan"));
  CHECK_THAT(message_of<ShapeError>([] { multinomial(ones({2, 2, 2}), 1); }), contains("[2, 2, 2]"));
  CHECK_THAT(message_of<DTypeError>([] { multinomial(tensor({1, 2}), 1); }), contains("multinomial"));
}

TEST_CASE("draws continue the stream where the last one left it") {
  for (uint64_t seed : kSeeds) {
    manual_seed(seed);
    std::vector<Tensor> parts;  // one after the other: an argument list has no order
    for (int64_t n : {3, -2, 2, 17, -1}) parts.push_back(n > 0 ? randn({n}) : rand({-n}));
    check_close("sequence", cat(parts), seed);
    manual_seed(seed);
    parts = {randint(100, {3}).to(float64)};
    parts.push_back(rand({2}, {.dtype = float64}));
    parts.push_back(randperm(4).to(float64));
    CHECK(equal(cat(parts), golden(seed, "sequence.mixed")));
    manual_seed(seed);
    check_close("matrix", randn({3, 7}), seed);
  }
}

TEST_CASE("a generator's state brings back the stream, the kept half of a normal pair included") {
  manual_seed(9);
  randn({3});  // leaves the second value of a pair
  for (int i = 0; i < 1000; ++i) default_generator().random32();
  const Tensor state = get_rng_state();
  CHECK(state.dtype() == uint8);
  CHECK(state.shape() == Shape({5056}));
  const Tensor first = cat({randn({3}), rand({5})});
  set_rng_state(state);
  CHECK(equal(cat({randn({3}), rand({5})}), first));
  set_rng_state(state.repeat_interleave(2, 0).slice(0, 0, std::nullopt, 2));  // strided
  CHECK(equal(cat({randn({3}), rand({5})}), first));

  CHECK_THAT(message_of<ShapeError>([] { set_rng_state(zeros({7}, {.dtype = uint8})); }), contains("[7]"));
  CHECK_THAT(message_of<DTypeError>([] { set_rng_state(zeros({5056})); }), contains("uint8"));
  CHECK_THAT(message_of<ValueError>([] { set_rng_state(zeros({5056}, {.dtype = uint8})); }),
             contains("not the state of a generator"));
}

TEST_CASE("a generator of its own leaves the default one alone") {
  manual_seed(3);
  const Tensor expected = rand({4});
  manual_seed(3);
  Generator own(3);
  CHECK(own.initial_seed() == 3);
  CHECK(equal(rand({4}, {}, &own), expected));
  CHECK(equal(rand({4}), expected));
  CHECK_FALSE(equal(rand({4}, {}, &own), expected));
  own.manual_seed(3);
  CHECK(equal(rand({4}, {}, &own), expected));
}

TEST_CASE("random tensors on meta draw nothing") {
  manual_seed(5);
  const Tensor expected = rand({4});
  manual_seed(5);
  const TensorOptions meta{.device = "meta"};
  CHECK(rand({2, 3}, meta).shape() == Shape({2, 3}));
  CHECK(randperm(7, meta).dtype() == int64);
  randn({20}, meta);
  randint(5, {3}, meta);
  empty({4}, meta).uniform_();
  dropout(empty({4}, meta), 0.5);
  CHECK(equal(rand({4}), expected));
}

TEST_CASE("random functions follow their options and remember where they were called") {
  const Tensor x = rand({2, 3}, {.dtype = float64, .requires_grad = true});
  CHECK(x.requires_grad());
  CHECK(x.is_leaf());
  CHECK(x.get().origin.op == std::string("rand"));
  CHECK(x.get().origin.where.line == __LINE__ - 4);
  CHECK(randn_like(x).dtype() == float64);
  CHECK(rand_like(x, {.dtype = float32}).shape() == Shape({2, 3}));
  CHECK(rand({0, 3}).numel() == 0);
  CHECK_THROWS_AS(rand({2}, {.dtype = int64}), DTypeError);
  CHECK_THAT(message_of<ValueError>([] { randint(3, 3, {1}); }), contains("low < high"));
  CHECK_THAT(message_of<ValueError>([] { randint(0, 300, {1}, {.dtype = uint8}); }), contains("do not fit into uint8"));
  CHECK_THAT(message_of<ValueError>([] { randperm(-1); }), contains("n >= 0"));
  CHECK_THAT(message_of<ValueError>([] { bernoulli(tensor({0.5, 1.5})); }), contains("[0, 1]"));
  CHECK_THAT(message_of<ValueError>([] { empty({1}).bernoulli_(-0.1); }), contains("[0, 1]"));
  CHECK_THAT(message_of<ValueError>([] { empty({1}).uniform_(1, 0); }), contains("low <= high"));
  CHECK_THAT(message_of<ValueError>([] { empty({1}).normal_(0, -1); }), contains("std >= 0"));
}

TEST_CASE("filling in place takes any strides and has gradient zero") {
  manual_seed(2);
  const Tensor dense = empty({6}).uniform_();
  manual_seed(2);
  const Tensor wide = zeros({6, 2});
  wide.select(1, 1).uniform_();
  CHECK(equal(wide.select(1, 1), dense));
  CHECK(equal(wide.select(1, 0), zeros({6})));

  const Tensor x = ones({3}).requires_grad_();
  const Tensor y = x * 2.0;
  y.slice(0, 0, 2).uniform_();
  y.sum().backward();
  CHECK(equal(x.grad(), tensor({0.0, 0.0, 2.0})));
  CHECK_THROWS_AS(x.uniform_(), StateError);
}

TEST_CASE("the generator of another device counts calls of Philox") {
  Generator generator(5, "cuda:1");
  CHECK(generator.device() == Device("cuda:1"));
  CHECK(generator.random32() == philox4x32(5, 0, 0).word[0]);
  CHECK(generator.random32() == philox4x32(5, 1, 0).word[0]);
  CHECK(generator.take_counters(10) == 2);
  CHECK(generator.take_counters(1) == 12);
  const Tensor state = generator.state();
  CHECK(state.shape() == Shape({16}));
  const uint32_t next = generator.random32();
  generator.manual_seed(6);
  CHECK(generator.take_counters(1) == 0);
  generator.set_state(state);
  CHECK(generator.initial_seed() == 5);
  CHECK(generator.random32() == next);
  CHECK_THAT(message_of<ShapeError>([&] { generator.set_state(get_rng_state()); }), contains("[5056]"));
}

TEST_CASE("each device has a default generator, and one seed for all") {
  CHECK(&default_generator("cuda:3") == &default_generator("cuda:3"));
  CHECK(&default_generator("cuda:3") != &default_generator("cuda:2"));
  CHECK(&default_generator("cuda:3") != &default_generator());
  default_generator("cuda:3").random32();
  manual_seed(31);
  CHECK(default_generator("cuda:3").initial_seed() == 31);
  CHECK(default_generator("cuda:3").take_counters(1) == 0);
  CHECK(default_generator("cuda:4").initial_seed() == 31);  // one that was not there yet
  Generator other(1, "cuda");
  CHECK_THAT(message_of<DeviceError>([&] { rand({2}, {}, &other); }), contains("Generator(seed, \"cpu\")"));
}

}  // namespace mote
