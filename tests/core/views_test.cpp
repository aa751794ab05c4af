// Views share memory, have PyTorch's shapes and strides, and twice differentiable rules.
#include "mote/core.h"
#include "mote/testing.h"
#include "support/catch.h"

namespace mote::testing {

namespace {

using Tensors = std::vector<Tensor>;

Tensor iota(const Shape& shape) { return arange(shape.numel(), {.dtype = float64}).reshape(shape); }
Tensor input(const Shape& shape) { return (iota(shape) * 0.1 + 0.05).requires_grad_(); }

// Checks first and second derivatives of square(function(x)): a linear operation alone has no second one.
void check_gradients(const Shape& shape, const std::function<Tensor(const Tensor&)>& function) {
  const auto squared = [&](const Tensors& x) { return square(function(x[0])); };
  CHECK(gradcheck(squared, {input(shape)}));
  CHECK(gradgradcheck(squared, {input(shape)}));
}

}  // namespace

TEST_CASE("views share memory and count one version") {
  const Tensor x = iota({3, 4});
  const Tensor row = x[1], column = x.select(1, 2), block = x.slice(0, 1).t(), flat = x.view({12});
  row.fill_(-1.0);
  CHECK(equal(x.index({1}), full({4}, -1.0, {.dtype = float64})));
  CHECK(column[1].item<double>() == -1.0);
  CHECK(block.index({0, 0}).item<double>() == -1.0);
  CHECK(flat[7].item<double>() == -1.0);
  CHECK(x.version() == flat.version());
  CHECK(x.version() == 1);
}

TEST_CASE("shapes and strides of views") {
  const Tensor x = iota({2, 3, 4});
  CHECK(x.transpose(0, -1).shape() == Shape({4, 3, 2}));
  CHECK(x.transpose(0, -1).strides() == Shape({1, 4, 12}));
  CHECK(x.permute({2, 0, 1}).strides() == Shape({1, 12, 4}));
  CHECK(x.movedim(0, 2).shape() == Shape({3, 4, 2}));
  CHECK(x.movedim(-1, 0).shape() == Shape({4, 2, 3}));
  CHECK(x.unsqueeze(-1).shape() == Shape({2, 3, 4, 1}));
  CHECK(x.unsqueeze(1).strides() == Shape({12, 12, 4, 1}));
  CHECK(x.unsqueeze(0).squeeze(0).shape() == x.shape());
  CHECK(x.squeeze(1).shape() == x.shape());
  CHECK(zeros({1, 2, 1}).squeeze().shape() == Shape({2}));
  CHECK(x.select(1, -1).storage_offset() == 8);
  CHECK(x.narrow(2, 1, 2).shape() == Shape({2, 3, 2}));
  CHECK(x.diagonal(0, 1, 2).shape() == Shape({2, 3}));
  CHECK(x.diagonal(0, 1, 2).strides() == Shape({12, 5}));
  CHECK(equal(iota({3, 3}).diagonal(1), tensor({1.0, 5.0}, {.dtype = float64})));
  CHECK(equal(iota({3, 3}).diagonal(-2), tensor({6.0}, {.dtype = float64})));
  CHECK(iota({3, 3}).diagonal(7).numel() == 0);
  CHECK(iota({3, 3}).diagonal(INT64_MIN).numel() == 0);
  CHECK(zeros({3}).t().shape() == Shape({3}));
  CHECK(tensor(1.0).expand({2, 3}).strides() == Shape({0, 0}));
  CHECK(zeros({3, 1}).expand({2, -1, 4}).shape() == Shape({2, 3, 4}));
  CHECK(zeros({1, 3}).expand({0, 3}).shape() == Shape({0, 3}));
}

TEST_CASE("slice clamps as Python does") {
  const Tensor x = arange(10);
  CHECK(equal(x.slice(0, 2, 5), tensor({2, 3, 4})));
  CHECK(equal(x.slice(0, -3), tensor({7, 8, 9})));
  CHECK(equal(x.slice(0, -100, 3), tensor({0, 1, 2})));
  CHECK(equal(x.slice(0, 8, 100), tensor({8, 9})));
  CHECK(x.slice(0, 5, 2).numel() == 0);
  CHECK(x.slice(0, 20).numel() == 0);
  CHECK(equal(x.slice(0, 1, std::nullopt, 4), tensor({1, 5, 9})));
  CHECK(x.slice(0, 0, INT64_MAX, INT64_MAX).numel() == 1);
  CHECK_THAT(message_of<ValueError>([&] { x.slice(0, 0, 5, 0); }), contains("step"));
  CHECK_THAT(message_of<ValueError>([&] { x.slice(0, 5, 0, -1); }), contains("-1"));
}

TEST_CASE("reshape is a view where the strides allow it, else a copy") {
  const Tensor x = iota({4, 6});
  const auto shares = [&](const Tensor& y) { return y.data_ptr() == x.data_ptr(); };
  CHECK(shares(x.reshape({2, -1})));
  CHECK(shares(x.t().reshape({6, 2, 2})));
  CHECK(x.t().reshape({6, 2, 2}).strides() == Shape({1, 12, 6}));
  CHECK_FALSE(shares(x.t().reshape({24})));
  CHECK(equal(x.t().reshape({24})[1], x.index({1, 0})));
  CHECK(shares(x.slice(1, 0, 4).reshape({4, 2, 2})));
  CHECK_FALSE(shares(x.slice(1, 0, 4).reshape({16})));
  CHECK(x.expand({5, 4, 6}).reshape({5, 24}).strides() == Shape({0, 1}));
  CHECK(x.slice(0, 0, 1).t().reshape({3, 1, 2}).shape() == Shape({3, 1, 2}));
  CHECK(zeros({0, 3}).reshape({-1, 3}).shape() == Shape({0, 3}));
  CHECK(zeros({3, 0}).t().view({0, 7}).shape() == Shape({0, 7}));
  CHECK(tensor(2.0).reshape({1, 1}).shape() == Shape({1, 1}));
  CHECK(tensor({2.0}).reshape({}).dim() == 0);
  CHECK_THAT(message_of<ShapeError>([&] { x.view({5, -1}); }), contains("view: cannot bring shape [4, 6]"));
  CHECK_THAT(message_of<ShapeError>([&] { x.t().view({24}); }), contains("use reshape()"));
  CHECK_THAT(message_of<ShapeError>([&] { zeros({0}).reshape({0, -1}); }), contains("any size"));
  CHECK_THROWS_AS(x.reshape({-1, -1}), ShapeError);
  CHECK_THROWS_AS(x.reshape({-2, -12}), ShapeError);
}

TEST_CASE("flatten and unflatten") {
  const Tensor x = iota({2, 3, 4});
  CHECK(x.flatten().shape() == Shape({24}));
  CHECK(x.flatten(1).shape() == Shape({2, 12}));
  CHECK(x.flatten(0, -2).shape() == Shape({6, 4}));
  CHECK(x.flatten(1, 1).shape() == x.shape());
  CHECK(tensor(1.0).flatten().shape() == Shape({1}));
  CHECK(x.unflatten(-1, {2, -1}).shape() == Shape({2, 3, 2, 2}));
  CHECK(zeros({0, 4}).flatten().shape() == Shape({0}));
  CHECK_THROWS_AS(x.flatten(2, 1), ShapeError);
  CHECK_THROWS_AS(x.unflatten(1, {2, 2}), ShapeError);
  CHECK_THROWS_AS(x.unflatten(1, {2, -1}), ShapeError);
}

TEST_CASE("copies in a new arrangement") {
  const Tensor x = tensor({{1, 2, 3}, {4, 5, 6}});
  CHECK(equal(x.repeat({1, 2}), tensor({{1, 2, 3, 1, 2, 3}, {4, 5, 6, 4, 5, 6}})));
  CHECK(equal(x.repeat({2, 1, 1}), stack({x, x})));
  CHECK(equal(tensor({1, 2}).repeat({2, 2}), tensor({{1, 2, 1, 2}, {1, 2, 1, 2}})));
  CHECK(x.repeat({0, 2}).shape() == Shape({0, 6}));
  CHECK(x.repeat({1, 1}).data_ptr() != x.data_ptr());
  CHECK(equal(x.repeat_interleave(2), tensor({1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6})));
  CHECK(equal(x.repeat_interleave(2, 0), tensor({{1, 2, 3}, {1, 2, 3}, {4, 5, 6}, {4, 5, 6}})));
  CHECK(equal(x.repeat_interleave(2, 1), tensor({{1, 1, 2, 2, 3, 3}, {4, 4, 5, 5, 6, 6}})));
  CHECK(equal(x.flip({0, 1}), tensor({{6, 5, 4}, {3, 2, 1}})));
  CHECK(equal(x.flip(-1), tensor({{3, 2, 1}, {6, 5, 4}})));
  CHECK(equal(x.roll(1, 1), tensor({{3, 1, 2}, {6, 4, 5}})));
  CHECK(equal(x.roll(-4, 1), tensor({{2, 3, 1}, {5, 6, 4}})));
  CHECK(zeros({0, 2}).roll(1, 0).shape() == Shape({0, 2}));
  CHECK(zeros({0, 2}).flip(0).shape() == Shape({0, 2}));
  CHECK(x.t().contiguous().is_contiguous());
  CHECK(is_same(x.contiguous(), x));
  CHECK_THROWS_AS(x.repeat({2}), ShapeError);
  CHECK_THROWS_AS(x.flip({0, -2}), ShapeError);
}

TEST_CASE("as_strided stays within the storage") {
  const Tensor x = iota({6});
  CHECK(equal(x.as_strided({2, 2}, {2, 1}, 1), tensor({{1.0, 2.0}, {3.0, 4.0}}, {.dtype = float64})));
  CHECK(x.as_strided({0, 9}, {1, 1}, 6).numel() == 0);
  CHECK_THAT(message_of<IndexError>([&] {
               x.as_strided({2, 3}, {3, 1}, 1);
             }),
             contains("reaches beyond the storage, which has 6 elements"));
  CHECK_THROWS_AS(x.as_strided({2}, {INT64_MAX}, 1), IndexError);
  CHECK_THROWS_AS(x.as_strided({INT64_MAX, 3}, {2, 1}), IndexError);
  CHECK_THROWS_AS(x.as_strided({1}, {1}, INT64_MAX), IndexError);
  CHECK_THROWS_AS(x.as_strided({2}, {-1}, 3), ShapeError);
  CHECK_THROWS_AS(x.as_strided({2}, {1, 1}), ShapeError);
  CHECK(equal(x.slice(0, 2).as_strided({2}, {1}), tensor({2.0, 3.0}, {.dtype = float64})));
}

TEST_CASE("views refuse what does not fit") {
  const Tensor x = zeros({2, 3});
  CHECK_THAT(message_of<IndexError>([&] { x.select(1, 3); }),
             contains("select: index 3 is out of range for dimension 1 of size 3"));
  CHECK_THROWS_AS(x.select(0, -3), IndexError);
  CHECK_THROWS_AS(tensor(1.0).select(0, 0), IndexError);
  CHECK_THROWS_AS(x.transpose(0, 2), IndexError);
  CHECK_THROWS_AS(x.permute({0}), ShapeError);
  CHECK_THROWS_AS(x.permute({0, 0}), ShapeError);
  CHECK_THROWS_AS(x.expand({2, 4}), ShapeError);
  CHECK_THROWS_AS(x.expand({3}), ShapeError);
  CHECK_THROWS_AS(x.expand({-1, 2, 3}), ShapeError);
  CHECK_THROWS_AS(x.narrow(1, 2, 2), IndexError);
  CHECK_THROWS_AS(x.unsqueeze(4), IndexError);
  CHECK_THROWS_AS(zeros({2, 2, 2}).t(), ShapeError);
  CHECK_THROWS_AS(x.diagonal(0, 1, 1), ShapeError);
  CHECK_THROWS_AS(zeros({1, 1, 1, 1, 1, 1, 1, 1}).unsqueeze(0), ShapeError);
}

TEST_CASE("gradients of views") {
  check_gradients({2, 3, 4}, [](const Tensor& x) { return x.transpose(0, 2); });
  check_gradients({2, 3, 4}, [](const Tensor& x) { return x.permute({1, 2, 0}); });
  check_gradients({2, 3, 4}, [](const Tensor& x) { return x.movedim(0, 1); });
  check_gradients({2, 3}, [](const Tensor& x) { return x.unsqueeze(1).squeeze(); });
  check_gradients({3, 1}, [](const Tensor& x) { return x.expand({2, 3, 2}); });
  check_gradients({3, 4}, [](const Tensor& x) { return x.select(1, 2); });
  check_gradients({3, 5}, [](const Tensor& x) { return x.slice(1, 1, 5, 2); });
  check_gradients({3, 5}, [](const Tensor& x) { return x.slice(1, 4, 2); });
  check_gradients({3, 4}, [](const Tensor& x) { return x.narrow(0, 1, 2); });
  check_gradients({3, 4, 2}, [](const Tensor& x) { return x.diagonal(1, 1, 0); });
  check_gradients({3, 4}, [](const Tensor& x) { return x.t().reshape({2, 6}); });
  check_gradients({3, 4}, [](const Tensor& x) { return x.view({2, 6}); });
  check_gradients({2, 3}, [](const Tensor& x) { return x.repeat({2, 1, 3}); });
  check_gradients({2, 3}, [](const Tensor& x) { return x.repeat_interleave(2, 1); });
  check_gradients({2, 3}, [](const Tensor& x) { return x.flip({0, 1}); });
  check_gradients({2, 3}, [](const Tensor& x) { return x.roll(2, 1); });
  check_gradients({2, 3}, [](const Tensor& x) { return x.clone().t().contiguous(); });
}

TEST_CASE("gradients of as_strided") {
  check_gradients({3, 4}, [](const Tensor& x) { return x.as_strided({2, 3}, {5, 1}, 1); });
  // Windows that overlap: equal elements of the source are counted once for each window.
  check_gradients({8}, [](const Tensor& x) { return x.as_strided({4, 3}, {1, 2}); });
  check_gradients({3}, [](const Tensor& x) { return x.as_strided({2, 3}, {0, 1}); });
  // From a source that is transposed, a part of its storage, or itself a broadcast one.
  check_gradients({3, 4}, [](const Tensor& x) { return x.t().as_strided({2, 2}, {1, 3}, 2); });
  check_gradients({4, 4}, [](const Tensor& x) { return x.slice(0, 0, 3).as_strided({2, 2}, {4, 1}, 2); });
  check_gradients({3, 1}, [](const Tensor& x) { return x.expand({3, 4}).as_strided({2, 2}, {1, 1}); });
  check_gradients({4}, [](const Tensor& x) { return x.as_strided({2, 0}, {1, 1}); });
}

TEST_CASE("detach shares the data and is cut off from the graph") {
  const Tensor x = input({3});
  const Tensor y = (x * 2.0).detach();
  CHECK_FALSE(y.requires_grad());
  CHECK(y.is_leaf());
  const Tensor z = x * 1.0;
  z.detach().fill_(7.0);
  CHECK(z[0].item<double>() == 7.0);
  CHECK(z.version() == 1);
}

TEST_CASE("views on meta have shapes only") {
  const Tensor x = zeros({2, 3, 4}, {.device = "meta"});
  CHECK(x.transpose(0, 1).slice(0, 1).select(1, 1).shape() == Shape({2, 4}));
  CHECK(x.permute({2, 1, 0}).reshape({4, -1}).shape() == Shape({4, 6}));
  CHECK(x.repeat({2, 1, 1}).flip(0).shape() == Shape({4, 3, 4}));
}

}  // namespace mote::testing
