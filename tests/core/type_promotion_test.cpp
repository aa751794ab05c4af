// Result dtypes against tables that PyTorch printed: one letter for each dtype, in the order of DType.
#include "mote/core.h"
#include "support/catch.h"

namespace mote::testing {

namespace {

constexpr DType kAll[] = {bool_, uint8, int32, int64, float16, bfloat16, float32, float64};

DType from_letter(char letter) {
  const std::string letters = "bujlhgfd";
  return kAll[letters.find(letter)];
}

// Shape {2} with shape {2}, for `*`.
constexpr const char* kTensorWithTensor[] = {"bujlhgfd", "uujlhgfd", "jjjlhgfd", "llllhgfd",
                                             "hhhhhffd", "ggggfgfd", "fffffffd", "dddddddd"};
// Shape {2} with shape {}.
constexpr const char* kTensorWithZeroDim[] = {"bujlhgfd", "uuuuhgfd", "jjjjhgfd", "llllhgfd",
                                              "hhhhhhhh", "gggggggg", "ffffffff", "dddddddd"};
// With the numbers true, 1 and 1.5.
constexpr const char* kTensorWithNumber[] = {"blf", "uuf", "jjf", "llf", "hhh", "ggg", "fff", "ddd"};

}  // namespace

TEST_CASE("tensors of two dtypes are computed in the dtype that PyTorch chooses") {
  for (size_t i = 0; i < 8; ++i)
    for (size_t j = 0; j < 8; ++j) {
      CAPTURE(name_of(kAll[i]), name_of(kAll[j]));
      const Tensor a = ones({2}, {.dtype = kAll[i]}), b = ones({2}, {.dtype = kAll[j]});
      const Tensor zero_dim = ones({}, {.dtype = kAll[j]});
      const DType both = from_letter(kTensorWithTensor[i][j]);
      CHECK((a * b).dtype() == both);
      CHECK((a + b).dtype() == both);
      CHECK(maximum(a, b).dtype() == both);
      CHECK(where(ones({2}, {.dtype = bool_}), a, b).dtype() == both);
      CHECK((ones({}, {.dtype = kAll[i]}) * zero_dim).dtype() == both);
      CHECK((a / b).dtype() == (is_floating_point(both) ? both : float32));
      CHECK((a < b).dtype() == bool_);
      CHECK((a * zero_dim).dtype() == from_letter(kTensorWithZeroDim[i][j]));
      CHECK((zero_dim * a).dtype() == from_letter(kTensorWithZeroDim[i][j]));
      CHECK(((a * b) == 1).all().item<bool>());
    }
}

TEST_CASE("a number never widens a tensor of its own kind") {
  for (size_t i = 0; i < 8; ++i) {
    CAPTURE(name_of(kAll[i]));
    const Tensor x = ones({2}, {.dtype = kAll[i]});
    CHECK((x * true).dtype() == from_letter(kTensorWithNumber[i][0]));
    CHECK((x * 1).dtype() == from_letter(kTensorWithNumber[i][1]));
    CHECK((x * 1.5).dtype() == from_letter(kTensorWithNumber[i][2]));
    CHECK((1.5 * x).dtype() == from_letter(kTensorWithNumber[i][2]));
    CHECK(where(x == 1, x, 1.5).dtype() == from_letter(kTensorWithNumber[i][2]));
    CHECK(clamp(x, 0, 1.5).dtype() == from_letter(kTensorWithNumber[i][2]));
  }
}

TEST_CASE("mathematical functions of integers give float32") {
  for (DType dtype : {bool_, uint8, int32, int64}) {
    const Tensor x = ones({3}, {.dtype = dtype});
    for (const Tensor& y : {exp(x), sqrt(x), sigmoid(x), sin(x), reciprocal(x), erf(x), x / x, 1 / x, atan2(x, x)})
      CHECK(y.dtype() == float32);
    CHECK(exp(x)[2].item<float>() == Approx(2.718282));
  }
  for (DType dtype : {float16, bfloat16, float32, float64}) CHECK(exp(ones({3}, {.dtype = dtype})).dtype() == dtype);
}

TEST_CASE("operations that have no meaning for bool say so") {
  const Tensor mask = ones({2}, {.dtype = bool_});
  CHECK_THROWS_AS(neg(mask), DTypeError);
  CHECK_THROWS_AS(abs(mask), DTypeError);
  CHECK_THROWS_AS(relu(mask), DTypeError);
  CHECK_THROWS_AS(floor(mask), DTypeError);
  CHECK_THROWS_AS(mask - mask, DTypeError);
  CHECK_THROWS_AS(1 - mask, DTypeError);
  CHECK_THROWS_AS(remainder(mask, mask), DTypeError);
  CHECK_THROWS_AS(pow(mask, mask), DTypeError);
  CHECK_THAT(message_of<DTypeError>([&] { neg(mask); }), contains("neg: expected numbers"));
  CHECK((mask + mask).dtype() == bool_);
  CHECK((mask * mask).all().item<bool>());
  CHECK(square(mask).dtype() == int64);
}

TEST_CASE("bitwise operations take bool and integers only") {
  const Tensor x = ones({2});
  CHECK_THAT(message_of<DTypeError>([&] { x& x; }),
             contains("bitwise_and: expected bool or integers, but got float32"));
  CHECK_THROWS_AS(~x, DTypeError);
  CHECK_THROWS_AS(bitwise_xor(x, x), DTypeError);
}

TEST_CASE("numbers keep their precision beside 16-bit tensors") {
  // 0.1 in bfloat16 is 0.10009765625; computed in float32 the product rounds once.
  const Tensor x = full({1}, 3.0, {.dtype = bfloat16});
  const float rounded_once = static_cast<float>(BFloat16(3.0f * 0.1f));
  CHECK((x * 0.1).item<float>() == rounded_once);
}

}  // namespace mote::testing
