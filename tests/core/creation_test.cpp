// Functions that make tensors: values, dtypes, origins, and memory that others own.
#include "mote/core.h"
#include "support/catch.h"

namespace mote::testing {

TEST_CASE("filled tensors") {
  CHECK(zeros({2, 3}).dtype() == float32);
  CHECK(equal(ones({2}, {.dtype = int32}), tensor({1, 1}, {.dtype = int32})));
  CHECK(full({2}, 3).dtype() == int64);
  CHECK(full({2}, 3.0).dtype() == float32);
  CHECK(full({2}, true).dtype() == bool_);
  CHECK(full({}, 2.5).item<double>() == 2.5);
  CHECK(empty({0, 3}).numel() == 0);
  CHECK(zeros({}).numel() == 1);
  CHECK(zeros({2}, {.device = "meta"}).device() == Device("meta"));
  CHECK(ones({2}, {.requires_grad = true}).requires_grad());
  CHECK_THROWS_AS(ones({2}, {.dtype = int64, .requires_grad = true}), DTypeError);
  CHECK_THROWS_AS(zeros({2, -1}), ShapeError);
  CHECK_THROWS_AS(zeros({int64_t{1} << 40, int64_t{1} << 40}), ShapeError);
}

TEST_CASE("the like functions take shape, dtype and device from a tensor") {
  const Tensor x = ones({2, 3}, {.dtype = float64, .requires_grad = true});
  CHECK(zeros_like(x).dtype() == float64);
  CHECK_FALSE(zeros_like(x).requires_grad());
  CHECK(ones_like(x, {.dtype = int32}).dtype() == int32);
  CHECK(empty_like(x.t()).shape() == Shape({3, 2}));
  CHECK(full_like(x, 7).sum().item<double>() == 42.0);
  CHECK(zeros_like(x, {.device = "meta"}).device() == Device("meta"));
}

TEST_CASE("arange has ceil((end - start) / step) values") {
  CHECK(equal(arange(4), tensor({0, 1, 2, 3})));
  CHECK(equal(arange(2, 9, 3), tensor({2, 5, 8})));
  CHECK(equal(arange(3, -3, -2), tensor({3, 1, -1})));
  CHECK(arange(1, 1).numel() == 0);
  CHECK(arange(5.0).dtype() == float32);
  CHECK(arange(0, 1, 0.3).numel() == 4);
  CHECK(arange(0, 1, 0.1)[3].item<float>() == 0.3f);
  CHECK(equal(arange(0, 2.5, 1, {.dtype = int64}), tensor({0, 1})));  // the bounds are cut first, as in PyTorch
  CHECK(arange(0, 2.5, 1, {.dtype = int32}).numel() == 3);
  CHECK(arange(INT64_MAX - 2, INT64_MAX).numel() == 2);
  CHECK(arange(INT64_MIN, INT64_MAX, INT64_MAX).numel() == 3);
  CHECK(equal(arange(3, {.dtype = bfloat16}), tensor({0, 1, 2}, {.dtype = bfloat16})));
  CHECK_THROWS_AS(arange(0, 3, 0), ValueError);
  CHECK_THROWS_AS(arange(0, 3, -1), ValueError);
  CHECK_THROWS_AS(arange(0.0, INFINITY), ValueError);
  CHECK_THROWS_AS(arange(0.0, 1.0, NAN), ValueError);
}

TEST_CASE("linspace reaches both ends exactly and is symmetric") {
  CHECK(equal(linspace(0, 1, 5), tensor({0.0, 0.25, 0.5, 0.75, 1.0})));
  CHECK(equal(linspace(3, 7, 1), tensor({3.0})));
  CHECK(linspace(0, 1, 0).numel() == 0);
  CHECK(equal(linspace(0, 10, 5, {.dtype = int64}), tensor({0, 2, 5, 7, 10})));
  CHECK(equal(linspace(0.6, 9.9, 4, {.dtype = int32}), tensor({0, 3, 6, 9}, {.dtype = int32})));
  const Tensor x = linspace(-0.7, 0.7, 1001);
  CHECK(equal(x, -x.flip(0)));
  CHECK(x[1000].item<float>() == 0.7f);
  CHECK_THROWS_AS(linspace(0, 1, -1), ValueError);
}

TEST_CASE("sizes whose product overflows are refused, not wrapped around") {
  const int64_t large = int64_t{1} << 32;
  CHECK_THAT(message_of<ShapeError>([&] { empty({large, large}); }), contains("[4294967296, 4294967296]"));
  CHECK_THROWS_AS(empty({large, large / 2 - 1}), OutOfMemoryError);  // 2^65 bytes, nearly
  CHECK_THROWS_AS(empty({large, large}, {.device = "meta"}), ShapeError);
  CHECK(empty({large, large, 0}).numel() == 0);
}

TEST_CASE("eye") {
  CHECK(equal(eye(2), tensor({{1.0, 0.0}, {0.0, 1.0}})));
  CHECK(equal(eye(2, 3, {.dtype = int64}), tensor({{1, 0, 0}, {0, 1, 0}})));
  CHECK(equal(eye(3, 2), tensor({{1.0, 0.0}, {0.0, 1.0}, {0.0, 0.0}})));
  CHECK(eye(0).shape() == Shape({0, 0}));
}

TEST_CASE("tensor from numbers and nested braces") {
  CHECK(tensor(1.5).dim() == 0);
  CHECK(tensor(1.5).dtype() == float32);
  CHECK(tensor(1).dtype() == int64);
  CHECK(tensor(true).dtype() == bool_);
  CHECK(tensor({true, 2}).dtype() == int64);
  CHECK(tensor({1, 2.5}).dtype() == float32);
  CHECK(tensor({{1, 2, 3}, {4, 5, 6}}).shape() == Shape({2, 3}));
  CHECK(tensor({{{1}, {2}}}).shape() == Shape({1, 2, 1}));
  CHECK(tensor({{1}}).shape() == Shape({1, 1}));
  CHECK(tensor({}).shape() == Shape({0}));
  CHECK(tensor({}).dtype() == float32);
  CHECK(tensor({{}, {}}).shape() == Shape({2, 0}));
  CHECK(tensor({1, 2}, {.dtype = float16}).dtype() == float16);
  CHECK(tensor(std::vector<double>{1.0, 2.0}).dtype() == float32);
  CHECK(equal(tensor(std::vector<bool>{true, false}), tensor({true, false})));
  CHECK(tensor({1, 2}, {.device = "meta"}).device() == Device("meta"));
  CHECK(tensor({0.1}, {.dtype = float64}).item<double>() == 0.1);
}

TEST_CASE("ragged lists name the place") {
  CHECK_THAT(message_of<ShapeError>([] {
               tensor({{1, 2}, {3}});
             }),
             contains("tensor: expected a list of 2 at [1], but got one of 1"));
  CHECK_THAT(message_of<ShapeError>([] { tensor({{{1}, {2}}, {{3}, {4, 5}}}); }), contains("at [1, 1]"));
  CHECK_THAT(message_of<ShapeError>([] { tensor({{1, 2}, 3}); }), contains("at [1], but got a number"));
  CHECK_THAT(message_of<ShapeError>([] { tensor({1, {2}}); }), contains("expected a number at [1]"));
}

TEST_CASE("a creation function notes itself and the line that called it") {
  const Tensor x = zeros({2});
  const int line = __LINE__ - 1;
  CHECK(std::string(x.get().origin.op) == "zeros");
  CHECK(x.get().origin.where.line == line);
  CHECK_THAT(x.get().origin.where.file, contains("creation_test.cpp"));
  CHECK(std::string(arange(3).get().origin.op) == "arange");
  CHECK(arange(3).get().origin.where.line == __LINE__);
  CHECK(tensor({1, 2}).t().get().origin.where.line == __LINE__);
}

TEST_CASE("from_blob refuses memory that is not aligned to elements") {
  alignas(8) char memory[32];
  CHECK_THAT(message_of<ValueError>([&] { from_blob(memory + 1, {2}); }),
             contains("is not aligned to elements of float32; copy it to memory aligned to 4 bytes first"));
}

TEST_CASE("from_blob reads and writes the caller's memory") {
  float data[6] = {0, 1, 2, 3, 4, 5};
  int deleted = 0;
  {
    const Tensor x = from_blob(data, {2, 3}, {}, [&](void* memory) { deleted += memory == data ? 1 : 0; });
    CHECK(x.index({1, 2}).item<float>() == 5.0f);
    x.add_(1.0);
    const Tensor view = x[1];
    CHECK(std::string(x.get().origin.op) == "from_blob");
  }
  CHECK(data[5] == 6.0f);
  CHECK(deleted == 1);
  const Tensor columns = from_blob(data, {3, 2}, {1, 3});
  CHECK(equal(columns, tensor({{1.0, 4.0}, {2.0, 5.0}, {3.0, 6.0}})));
  int64_t number = 7;
  CHECK(from_blob(&number, {4}, {0}, {.dtype = int64}).sum().item<int64_t>() == 28);
  CHECK(from_blob(nullptr, {0, 3}).numel() == 0);
  CHECK_THROWS_AS(from_blob(nullptr, {2}), ValueError);
  CHECK_THROWS_AS(from_blob(data, {2}, {-1}), ShapeError);
  CHECK_THROWS_AS(from_blob(data, {3}, {INT64_MAX}), ShapeError);
  CHECK_THROWS_AS(from_blob(data, {2, 3}, {1}), ShapeError);
  CHECK_THROWS_AS(from_blob(data, {4}, {0}).fill_(1.0), ShapeError);
}

}  // namespace mote::testing
