// Lookup tables, one-hot vectors and dropout.
#include "mote/embedding.h"

#include <string>

#include "mote/autograd.h"
#include "mote/creation.h"
#include "mote/error.h"
#include "mote/serialize.h"
#include "mote/testing.h"
#include "support/catch.h"
#include "support/data.h"

namespace mote {

namespace {

using testing::contains;
using testing::gradcheck;
using testing::gradgradcheck;
using testing::message_of;
using Tensors = std::vector<Tensor>;

}  // namespace

TEST_CASE("embedding looks rows up and adds the gradients of equal ones") {
  const Tensor weight = arange(12.0).reshape({4, 3}).requires_grad_();
  const Tensor indices = tensor({{2, 0}, {2, 3}});
  const Tensor out = embedding(weight, indices);
  CHECK(equal(out, tensor({{{6.0, 7.0, 8.0}, {0.0, 1.0, 2.0}}, {{6.0, 7.0, 8.0}, {9.0, 10.0, 11.0}}})));
  CHECK(equal(embedding(weight, indices.to(int32)), out));
  out.backward(arange(12.0).reshape({2, 2, 3}));
  CHECK(equal(weight.grad(), tensor({{3.0, 4.0, 5.0}, {0.0, 0.0, 0.0}, {6.0, 8.0, 10.0}, {9.0, 10.0, 11.0}})));
  CHECK(embedding(weight, tensor(1)).shape() == Shape({3}));
  CHECK(embedding(weight, zeros({0, 5}, {.dtype = int64})).shape() == Shape({0, 5, 3}));
}

TEST_CASE("the padding row of an embedding gets no gradient") {
  for (int64_t padding : {2, -2}) {
    const Tensor weight = ones({4, 2}).requires_grad_();
    embedding(weight, tensor({2, 1, 2}), padding).sum().backward();
    CHECK(equal(weight.grad(), tensor({{0.0, 0.0}, {1.0, 1.0}, {0.0, 0.0}, {0.0, 0.0}})));
  }
}

TEST_CASE("embedding has right first and second derivatives") {
  const Tensor indices = tensor({1, 1, 3, 0});
  const auto lookup = [&](const Tensors& in) { return square(embedding(in[0], indices, 3)); };
  const Tensor weight = randn({5, 2}, {.dtype = float64}).requires_grad_();
  CHECK(gradgradcheck(lookup, {weight}));
  const auto plain = [&](const Tensors& in) { return embedding(in[0], indices); };
  CHECK(gradcheck(plain, {weight}));
}

TEST_CASE("embedding refuses what does not fit") {
  const Tensor weight = ones({4, 3});
  CHECK_THROWS_AS(embedding(weight, tensor({1, 4})), IndexError);
  CHECK_THROWS_AS(embedding(weight, tensor({-1})), IndexError);
  CHECK_THAT(message_of<DTypeError>([&] { embedding(weight, tensor({1.0})); }), contains("int32 or int64"));
  CHECK_THAT(message_of<ShapeError>([&] { embedding(ones({4}), tensor({1})); }), contains("[rows, width]"));
  CHECK_THAT(message_of<ValueError>([&] { embedding(weight, tensor({1}), 4); }), contains("padding_idx 4"));
  CHECK(embedding(empty({4, 3}, {.device = "meta"}), empty({2}, {.dtype = int64, .device = "meta"})).shape() ==
        Shape({2, 3}));
}

TEST_CASE("one_hot marks each index") {
  CHECK(equal(one_hot(tensor({{0}, {2}})), tensor({{{1, 0, 0}}, {{0, 0, 1}}})));
  CHECK(one_hot(tensor({1}), 4).shape() == Shape({1, 4}));
  CHECK(one_hot(zeros({0}, {.dtype = int64}), 4).shape() == Shape({0, 4}));
  CHECK_THAT(message_of<IndexError>([] { one_hot(tensor({1, 5}), 3); }), contains("index 5 is outside [0, 3)"));
  CHECK_THAT(message_of<IndexError>([] { one_hot(tensor({-1})); }), contains("index -1"));
  CHECK_THAT(message_of<ValueError>([] { one_hot(zeros({0}, {.dtype = int64})); }), contains("num_classes"));
}

TEST_CASE("dropout follows PyTorch's stream") {
  const StateDict golden = load_safetensors(testing::data_path("random.safetensors"));
  for (const char* seed : {"0", "123"}) {
    const Tensor x = linspace(-1, 1, 40).reshape({4, 10}), expected = golden.at(std::string(seed) + ".dropout");
    manual_seed(std::stoull(seed));
    CHECK(allclose(dropout(x, 0.3), expected, 1e-6, 0.0));
    // A dense transpose meets the same draws, in the order of memory.
    manual_seed(std::stoull(seed));
    CHECK(allclose(dropout(x.t(), 0.3).t(), expected, 1e-6, 0.0));
  }
}

TEST_CASE("dropout drops, scales and passes gradients where it kept") {
  manual_seed(1);
  const Tensor x = ones({100, 100}, {.dtype = float64}).requires_grad_();
  const Tensor y = dropout(x, 0.25);
  CHECK(y.mean().item<double>() == testing::Approx(1.0).epsilon(0.02));
  CHECK(logical_or(y == 0.0, y == 1.0 / 0.75).all().item<bool>());
  y.sum().backward();
  CHECK(equal(x.grad(), y.detach()));
  CHECK(is_same(dropout(x, 0.5, false), x));
  CHECK(is_same(dropout(x, 0.0), x));
  CHECK(dropout(x, 1.0).abs().sum().item<double>() == 0.0);
  Generator a(7), b(7);
  CHECK(equal(dropout(x, 0.5, true, &a), dropout(x, 0.5, true, &b)));
  for (double p : {-0.1, 1.1}) CHECK_THAT(message_of<ValueError>([&] { dropout(x, p); }), contains("[0, 1]"));
  CHECK_THROWS_AS(dropout(tensor({1, 2}), 0.5), DTypeError);
}

}  // namespace mote
