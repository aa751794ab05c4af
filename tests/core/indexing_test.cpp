// index and index_put_: Python's index expressions, with PyTorch's placement of the dimensions that index tensors give.
#include "mote/core.h"
#include "mote/testing.h"
#include "support/catch.h"
#include "support/fake_backend.h"

namespace mote::testing {

namespace {

using Tensors = std::vector<Tensor>;
using Index = std::vector<TensorIndex>;

Tensor iota(const Shape& shape) { return arange(shape.numel(), {.dtype = float64}).reshape(shape); }
Tensor input(const Shape& shape) { return (iota(shape) * 0.1 + 0.05).requires_grad_(); }
Tensor doubles(const NestedList& values) { return tensor(values, {.dtype = float64}); }

}  // namespace

TEST_CASE("numbers, slices, None and Ellipsis give a view") {
  const Tensor x = iota({3, 4, 5});
  const auto view_of_x = [&](const Index& index, const Shape& shape, const Shape& strides, int64_t offset) {
    const Tensor y = x.index(index);
    CHECK(y.shape() == shape);
    CHECK(y.strides() == strides);
    CHECK(y.storage_offset() == offset);
    CHECK(y.get().storage == x.get().storage);
  };
  view_of_x({1}, {4, 5}, {5, 1}, 20);
  view_of_x({-1, Ellipsis, 2}, {4}, {5}, 42);
  view_of_x({Slice(1, None), Slice(None, -1, 2)}, {2, 2, 5}, {20, 10, 1}, 20);
  view_of_x({Ellipsis, None}, {3, 4, 5, 1}, {20, 5, 1, 0}, 0);
  view_of_x({None, 0, None, 1}, {1, 1, 5}, {0, 0, 1}, 5);
  view_of_x({tensor(2), Slice()}, {4, 5}, {5, 1}, 40);  // a number in a tensor is a number
  view_of_x({}, {3, 4, 5}, {20, 5, 1}, 0);
  CHECK_FALSE(is_same(x.index({}), x));
  CHECK(x.index({Slice(2, 1)}).shape() == Shape({0, 4, 5}));
}

TEST_CASE("index tensors pick, broadcast and are placed as in PyTorch") {
  const Tensor x = iota({3, 4});
  CHECK(equal(x.index({tensor({2, 0, -1})}), doubles({{8, 9, 10, 11}, {0, 1, 2, 3}, {8, 9, 10, 11}})));
  CHECK(equal(x.index({Slice(), tensor({3, 0})}), doubles({{3, 0}, {7, 4}, {11, 8}})));
  CHECK(equal(x.index({tensor({0, 2}), tensor({1, -1})}), doubles({1, 11})));
  CHECK(equal(x.index({tensor({{0}, {2}}), tensor({1, 3})}), doubles({{1, 3}, {9, 11}})));
  CHECK(equal(x.index({tensor({1, 1}, {.dtype = int32}), 2}), doubles({6, 6})));
  const Tensor y = zeros({2, 3, 4, 5});
  const Tensor two = tensor({0, 1}), three = tensor({0, 1, 0});
  CHECK(y.index({Slice(), two, three.slice(0, 0, 2)}).shape() == Shape({2, 2, 5}));
  CHECK(y.index({two, Slice(), two}).shape() == Shape({2, 3, 5}));  // not adjacent: in front
  CHECK(y.index({Slice(), two, Slice(), two}).shape() == Shape({2, 2, 4}));
  CHECK(y.index({0, Slice(), three}).shape() == Shape({3, 3, 5}));  // numbers are taken first, as PyTorch does
  CHECK(y.index({two, None, two}).shape() == Shape({2, 1, 4, 5}));
  CHECK(y.index({Ellipsis, three.reshape({3, 1}), two}).shape() == Shape({2, 3, 3, 2}));
  CHECK(y.index({zeros({0}, {.dtype = int64})}).shape() == Shape({0, 3, 4, 5}));
  CHECK(y.index({zeros({2, 0}, {.dtype = int64}), 1}).shape() == Shape({2, 0, 4, 5}));
}

TEST_CASE("index tensors read any strides") {
  const Tensor x = iota({4, 5, 6});
  const Tensor rows = tensor({3, 0}), columns = tensor({-1, 2});
  CHECK(equal(x.permute({2, 0, 1}).index({Slice(), rows, columns}), x.index({rows, columns}).t()));
  CHECK(equal(x.slice(1, 1, 5, 2).index({rows, tensor({0, 1})}), x.index({rows, tensor({1, 3})})));
  CHECK(equal(x.select(1, 0).unsqueeze(1).expand({4, 9, 6}).index({rows, tensor({7, 8})}), x.index({rows, 0})));
  CHECK(equal(x.index({rows.expand({3, 2}), columns.reshape({2, 1, 1})}).select(0, 1),
              x.index({rows, 2}).expand({3, 2, 6})));
}

TEST_CASE("masks pick where they are true") {
  const Tensor x = iota({2, 3});
  CHECK(equal(x.index({x > 2.5}), doubles({3, 4, 5})));
  CHECK(equal(x.index({tensor({false, true})}), doubles({{3, 4, 5}})));
  CHECK(equal(x.index({Slice(), tensor({1, 0, 1}, {.dtype = uint8})}), doubles({{0, 2}, {3, 5}})));
  CHECK(equal(x.index({1, tensor({true, false, true})}), doubles({3, 5})));
  CHECK(x.index({x > 100.0}).shape() == Shape({0}));
  CHECK(x.index({tensor(true)}).shape() == Shape({1, 2, 3}));
  CHECK(x.index({tensor(false)}).shape() == Shape({0, 2, 3}));
  CHECK(equal(x.t().index({x.t() > 2.5}), doubles({3, 4, 5})));
  // A mask stands for as many dimensions as it has, also before another index.
  const Tensor y = iota({2, 2, 3});
  CHECK(equal(y.index({tensor({{true, false}, {false, true}}), -1}), doubles({2, 11})));
  CHECK(equal(masked_select(x, tensor({true, false, true})), doubles({0, 2, 3, 5})));
  CHECK(equal(masked_select(tensor(2.0), tensor({true, false, true})), tensor({2.0, 2.0})));
}

TEST_CASE("nonzero lists positions in row-major order") {
  CHECK(equal(nonzero(tensor({{0.0, 2.0}, {NAN, 0.0}})), tensor({{0, 1}, {1, 0}})));
  CHECK(equal(nonzero(tensor({{1, 0}, {1, 1}}).t()), tensor({{0, 0}, {0, 1}, {1, 1}})));
  CHECK(nonzero(zeros({3, 2})).shape() == Shape({0, 2}));
  CHECK(nonzero(tensor(3)).shape() == Shape({1, 0}));
  CHECK(nonzero(zeros({0, 4})).shape() == Shape({0, 2}));
  const Tensor many = arange(200000) % 3 == 0;
  CHECK(equal(nonzero(many).flatten(), arange(0, 200000, 3)));
}

TEST_CASE("index errors name the index, the dimension and its size") {
  const Tensor x = zeros({3, 4});
  const auto message = [&](const Index& index) { return message_of<IndexError>([&] { x.index(index); }); };
  CHECK_THAT(message({3}), contains("index: index 3 is out of range for dimension 0 of size 3"));
  CHECK_THAT(message({Slice(), -5}), contains("index -5 is out of range for dimension 1 of size 4"));
  CHECK_THAT(message({tensor({0, 3, 9})}), contains("index: index 3 is out of range for dimension 0 of size 3"));
  CHECK_THAT(message({tensor({0}), tensor({4})}), contains("index 4 is out of range for dimension 1 of size 4"));
  CHECK_THAT(message({0, 0, 0}), contains("too many indices"));
  CHECK_THAT(message({Ellipsis, Ellipsis}), contains("Ellipsis"));
  CHECK_THAT(message({tensor({true, false})}), contains("mask of shape [2] does not fit shape [3, 4] at dimension 0"));
  CHECK_THROWS_AS(x.index({tensor({0.5})}), DTypeError);
  CHECK_THROWS_AS(x.index({tensor({0, 1}), tensor({0, 1, 2})}), ShapeError);
  CHECK_THROWS_AS(x.index({Slice(0, 3, 0)}), ValueError);
  CHECK_THROWS_AS(zeros({0, 2}).index({tensor({0})}), IndexError);
  const Tensor y = zeros({3});
  CHECK_THAT(message_of<IndexError>([&] { y.index_put_({tensor({0, 5})}, 1.0); }), contains("index_put_: index 5"));
  CHECK(equal(y, zeros({3})));  // and nothing was written
}

TEST_CASE("index_put_ writes through views and to picked elements") {
  Tensor x = iota({3, 4});
  x.index_put_({1}, -1.0);
  x.index_put_({Slice(), 0}, doubles({7, 8, 9}));
  x.index_put_({Slice(2, None), Slice(1, None, 2)}, tensor({{50}}));
  CHECK(equal(x, doubles({{7, 1, 2, 3}, {8, -1, -1, -1}, {9, 50, 10, 50}})));
  x.index({0, Slice(2, None)}) = 5.0;
  x[1] = tensor({1, 2, 3, 4});
  CHECK(equal(x.slice(0, 0, 2), doubles({{7, 1, 5, 5}, {1, 2, 3, 4}})));
  x = iota({3, 4});
  x.index_put_({tensor({0, 2}), tensor({-1, 0})}, doubles({-5, -6}));
  x.index_put_({x > 9.5}, 0.0);
  x.t().index_put_({tensor({1})}, doubles({{1, 2, 3}}));
  CHECK(equal(x, doubles({{0, 1, 2, -5}, {4, 2, 6, 7}, {-6, 3, 0, 0}})));
  x.index_put_({0}, doubles({{{9, 9, 9, 9}}}));  // leading sizes of 1 are dropped
  CHECK(equal(x[0], doubles({9, 9, 9, 9})));
  x.index_put_({tensor({{0}, {1}}), tensor({0, 1})}, 3);
  CHECK(equal(x.slice(0, 0, 2).slice(1, 0, 2), full({2, 2}, 3.0, {.dtype = float64})));
  x.index_put_({zeros({0}, {.dtype = int64})}, 100.0);
  CHECK(x.max().item<double>() == 9.0);
  CHECK_THAT(message_of<ShapeError>([&] {
               x.index_put_({tensor({0, 1})}, zeros({3}));
             }),
             contains("a value of shape [3] does not broadcast to the indexed shape [2, 4]"));
  CHECK_THROWS_AS(x.index_put_({0}, zeros({2, 4})), ShapeError);
}

TEST_CASE("equal positions: the last stays, or all add up") {
  const Tensor x = zeros({4});
  x.index_put_({tensor({1, 1, 3})}, tensor({1.0, 2.0, 3.0}));
  CHECK(equal(x, tensor({0.0, 2.0, 0.0, 3.0})));
  x.index_put_({tensor({1, -3, 3})}, tensor({1.0, 2.0, 3.0}), true);
  CHECK(equal(x, tensor({0.0, 5.0, 0.0, 6.0})));
  x.index_put_({tensor({true, false, true, false})}, tensor(10.0), true);
  CHECK(equal(x, tensor({10.0, 5.0, 10.0, 6.0})));
  x.index_put_({Slice(2, None)}, tensor(1.0), true);
  CHECK(equal(x, tensor({10.0, 5.0, 11.0, 7.0})));
  // 16-bit sums are rounded once: 2048 + 1 + 1 is 2050, though 2049 is no float16.
  const Tensor h = full({1}, 2048.0, {.dtype = float16});
  h.index_put_({tensor({0, 0})}, ones({2}, {.dtype = float16}), true);
  CHECK(h.item<float>() == 2050.0f);
}

TEST_CASE("a value that shares memory with self is read before it is overwritten") {
  const Tensor x = iota({5});
  x.index_put_({tensor({4, 3, 2, 1, 0})}, x);
  CHECK(equal(x, doubles({4, 3, 2, 1, 0})));
  x.index_put_({Slice(1, None)}, x.slice(0, 0, 4).clone());
  CHECK(equal(x, doubles({4, 4, 3, 2, 1})));
}

TEST_CASE("gradients of index") {
  const auto check = [](const Shape& shape, const Index& index) {
    const auto squared = [&](const Tensors& x) { return square(x[0].index(index)); };
    CHECK(gradcheck(squared, {input(shape)}));
    CHECK(gradgradcheck(squared, {input(shape)}));
  };
  check({3, 4}, {1, Slice(0, 3, 2), None});
  check({3, 4}, {tensor({0, 2, 0})});
  check({3, 4}, {tensor({0, 2, 0}), tensor({-1, 1, -1})});
  check({2, 3, 4}, {tensor({0, 1, 1}), Slice(), tensor({3, 0, 0})});
  check({2, 3, 4}, {Slice(1, None), tensor({{0, 2}, {2, 2}})});
  check({2, 3}, {tensor({{true, false, true}, {false, true, true}})});
}

TEST_CASE("gradients of index_put_ reach self and value") {
  const auto check = [](const Index& index, const Shape& value, bool accumulate) {
    const auto put = [&](const Tensors& x) {
      const Tensor y = square(x[0]);
      y.index_put_(index, square(x[1]), accumulate);
      return square(y);
    };
    CHECK(gradcheck(put, {input({3, 4}), input(value)}));
    CHECK(gradgradcheck(put, {input({3, 4}), input(value)}));
  };
  for (const bool accumulate : {false, true}) {
    check({1}, {4}, accumulate);
    check({Slice(0, 2), Slice(1, 4, 2)}, {2, 1}, accumulate);
    check({tensor({0, 2})}, {2, 4}, accumulate);
    check({tensor({0, 2}), tensor({1, 1})}, {}, accumulate);
    check({Slice(), tensor({2, 0})}, {3, 1}, accumulate);
    check({1, tensor({2, 0})}, {2}, accumulate);
    check({tensor({1, 1, 0})}, {3, 4}, accumulate);  // without accumulate the first of the equal ones has no influence
    check({tensor({1, 1, 0}), tensor({2, 2, 2})}, {3}, accumulate);
  }
}

TEST_CASE("an index tensor that backward needs may not change") {
  const Tensor x = input({4});
  const Tensor index = tensor({0, 1});
  const Tensor y = x.index({index}) * 2.0;
  index.fill_(3);
  CHECK_THAT(message_of<StateError>([&] { y.sum().backward(); }), contains("in-place"));
}

TEST_CASE("indexing runs on any backend, and its errors too") {
  FakeBackend fake;
  const BackendOverride guard(DeviceType::CUDA, fake);
  const Tensor x = iota({3, 4}).to("cuda");
  const Tensor rows = tensor({0, 2}).to("cuda"), columns = tensor({1, 3}).to("cuda");
  CHECK(equal(x.index({rows, columns}).cpu(), doubles({1, 11})));
  CHECK(equal(x.index({x > 9.5}).cpu(), doubles({10, 11})));
  CHECK_THAT(message_of<IndexError>([&] { x.index({rows + 2}); }), contains("index: index 4 is out of range"));
  CHECK_THAT(message_of<DeviceError>([&] { x.index({tensor({0})}); }),
             contains("index: expected self and index to be on the same device"));
  CHECK_THROWS_AS(x.index_put_({0}, tensor(1.0)), DeviceError);
}

TEST_CASE("indexing on meta infers shapes") {
  const TensorOptions meta{.dtype = int64, .device = "meta"};
  const Tensor x = zeros({3, 4, 5}, {.device = "meta"});
  CHECK(x.index({0, Slice(1, 3)}).shape() == Shape({2, 5}));
  CHECK(x.index({zeros({2}, meta), zeros({7, 1}, meta)}).shape() == Shape({7, 2, 5}));
  CHECK_NOTHROW(x.index_put_({zeros({2}, meta)}, zeros({}, {.device = "meta"})));
  CHECK_THROWS_AS(x.index({x > 0.0}), DeviceError);
}

}  // namespace mote::testing
