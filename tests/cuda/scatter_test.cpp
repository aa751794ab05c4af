// scatter, scatter_add, index_add and index_put_ on a CUDA device. Short lines and integers give the same bits as on
// the CPU. Long lists of floating-point values add up in the same order but in parts, so that they differ by a
// rounding.
#include "cuda/parity.h"

namespace mote::testing {

namespace {

// Values whose sums depend on the order in floating point.
Tensor values(const Shape& shape, DType dtype) {
  Generator generator(7);
  const Tensor x = randn(shape, {.dtype = float64}, &generator) * 30.0;
  return dtype == uint8 || dtype == bool_ ? x.abs().to(dtype) : x.to(dtype);
}

// For sums of some hundred such values in parts; a 16-bit sum is rounded once.
double rounding(DType dtype) {
  if (!is_floating_point(dtype)) return 0.0;
  if (dtype == float64) return 1e-12;
  return dtype == float32 ? 1e-4 : dtype == float16 ? 2e-3 : 1e-2;
}

Run scatter_along(int64_t dim) {
  return [dim](const Tensors& t) { return Tensors{t[0].scatter(dim, t[1], t[2]), t[0].scatter_add(dim, t[1], t[2])}; };
}

}  // namespace

TEST_CASE("scatter of every dtype along every dimension") {
  if (!has_cuda()) return;
  for (const DType dtype : kAllDTypes)
    for (const int64_t dim : {0, 1, 2}) {
      const Shape shape = {4, 5, 3};
      const Tensor index = mixed_integers(shape, 0, 3);
      check_parity({values({6, 7, 5}, dtype), index, values(shape, dtype)}, scatter_along(dim));
      check_parity({values({6, 7, 5}, dtype), index, values(shape, dtype)}, [dim](const Tensors& t) {
        return Tensors{t[0].transpose(0, 2).scatter_add(2 - dim, t[1].transpose(0, 2), t[2].transpose(0, 2))};
      });
    }
}

TEST_CASE("scatter of one position a line, and of none") {
  if (!has_cuda()) return;
  for (const DType dtype : {bfloat16, float32}) {
    check_parity({values({3, 40}, dtype), mixed_integers({3, 1}, 0, 40), values({3, 1}, dtype)}, scatter_along(1));
    check_parity({values({3, 40}, dtype), zeros({3, 0}, {.dtype = int64}), values({3, 0}, dtype)}, scatter_along(1));
  }
  check_parity({tensor(5), tensor(0), tensor(3)}, scatter_along(0));
}

TEST_CASE("scatter of long lines, which are sorted") {
  if (!has_cuda()) return;
  for (const DType dtype : kAllDTypes) {
    const auto check = [dtype](const Shape& to, const Tensor& index, int64_t dim) {
      check_parity({values(to, dtype), index, values(index.shape(), dtype)}, scatter_along(dim), rounding(dtype));
    };
    check({50}, mixed_integers({2500}, 0, 50), 0);
    check({50}, zeros({300}, {.dtype = int64}), 0);
    check({50}, arange(320).floor_divide(32), 0);  // groups that fill spans
    check({3, 70}, mixed_integers({3, 300}, 0, 70), 1);
    check({70, 3}, mixed_integers({300, 3}, 0, 70), 0);
  }
}

TEST_CASE("one list of positions for all lines") {
  if (!has_cuda()) return;
  for (const DType dtype : kAllDTypes)
    for (const int64_t width : {1, 5, 16, 48}) {
      const Tensors inputs = {values({9, width}, dtype), mixed_integers({70}, 0, 9), values({70, width}, dtype)};
      check_parity(
          inputs,
          [width](const Tensors& t) {
            return scatter_along(0)({t[0], t[1].unsqueeze(1).expand({70, width}), t[2]});
          },
          rounding(dtype));
      check_parity(
          inputs,
          [width](const Tensors& t) {
            return scatter_along(1)({t[0].t(), t[1].unsqueeze(0).expand({width, 70}), t[2].t()});
          },
          rounding(dtype));
    }
}

TEST_CASE("the gradient of an embedding adds rows up in order") {
  if (!has_cuda()) return;
  for (const DType dtype : kFloatDTypes)
    check_parity(
        {values({40, 24}, dtype), mixed_integers({3, 50}, 0, 40), values({3, 50, 24}, dtype)},
        [](const Tensors& t) {
          const Tensor weight = t[0].detach().requires_grad_();
          const Tensor y = embedding(weight, t[1], 3);
          y.backward(t[2]);
          return Tensors{weight.grad()};
        },
        rounding(dtype));
}

TEST_CASE("index_add and index_put_") {
  if (!has_cuda()) return;
  for (const DType dtype : kAllDTypes) {
    check_parity(
        {values({6, 8, 5}, dtype), mixed_integers({300}, 0, 6), values({300, 8, 5}, dtype)},
        [](const Tensors& t) {
          const Tensor source = t[2].transpose(0, 1);
          return Tensors{t[0].index_add(0, t[1], t[2]), t[0].transpose(0, 1).index_add(1, t[1], source)};
        },
        rounding(dtype));
    for (const bool accumulate : {false, true})
      check_parity(
          {values({6, 9}, dtype), mixed_integers({400}, -6, 6), mixed_integers({400}, 0, 9), values({400}, dtype),
           values({400, 9}, dtype)},
          [accumulate](const Tensors& t) {
            const Tensor elements = t[0].clone(), rows = t[0].clone();
            elements.index_put_({t[1], t[2]}, t[3], accumulate);
            rows.index_put_({t[1]}, t[4], accumulate);
            return Tensors{elements, rows};
          },
          rounding(dtype));
  }
}

TEST_CASE("a group of many spans adds up to the same bits each time, close to the sum in float64") {
  if (!has_cuda()) return;
  const Tensor source = values({3000, 4}, float32), index = mixed_integers({3000}, 0, 2);
  const auto sum = [&](DType dtype) {
    return zeros({2, 4}, {.dtype = dtype, .device = "cuda"})
        .index_add(0, index.to("cuda"), source.to(dtype).to("cuda"))
        .to("cpu");
  };
  CHECK(equal(sum(float32), sum(float32)));
  CHECK(allclose(sum(float32).to(float64), sum(float64), 1e-6, 1e-2));
}

TEST_CASE("scatter writes nothing where a position lies outside") {
  if (!has_cuda()) return;
  const Tensor x = values({4, 3}, float32).to("cuda"), was = x.to("cpu");
  const Tensor index = tensor({{0, 1, 2}, {3, 4, -1}}).to("cuda"), source = values({2, 3}, float32).to("cuda");
  CHECK_THAT(index_error([&] { scatter_(x, 0, index, source); }),
             contains("scatter_: index 4 is out of range for dimension 0 of size 4"));
  CHECK_THAT(index_error([&] { scatter_add_(x, 0, index, source); }), contains("scatter_add_: index 4"));
  CHECK(equal(x.to("cpu"), was));
}

}  // namespace mote::testing
