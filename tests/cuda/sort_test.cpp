// sort, argsort and topk on a CUDA device: the same order as on the CPU, equal values and NaN included.
#include <limits>

#include "cuda/parity.h"

namespace mote::testing {

namespace {

Tensors both(const ValuesAndIndices& result) { return {result.values, result.indices}; }

// Values with many that are equal, both zeros, NaN and infinities.
Tensor values(const Shape& shape, DType dtype) {
  Generator generator(3);
  Tensor x = (randn(shape, {.dtype = float64}, &generator) * 40.0).to(dtype == uint8 ? int32 : dtype).to(float64);
  const Tensor kind = mixed_integers(shape, 0, 20, 5);
  if (dtype == uint8 || dtype == bool_) return x.abs().to(dtype);
  if (!is_floating_point(dtype)) return x.to(dtype);
  constexpr double inf = std::numeric_limits<double>::infinity();
  x = x.masked_fill(kind == 0, std::numeric_limits<double>::quiet_NaN()).masked_fill(kind == 1, inf);
  return x.masked_fill(kind == 2, -inf).masked_fill(kind == 3, 0.0).masked_fill(kind == 4, -0.0).to(dtype);
}

}  // namespace

TEST_CASE("sort of every dtype, along every dimension, in both directions") {
  if (!has_cuda()) return;
  for (const DType dtype : kAllDTypes)
    for (const bool descending : {false, true})
      for (const int64_t dim : {0, 1, 2})
        check_parity({values({3, 37, 5}, dtype)}, [&](const Tensors& t) { return both(sort(t[0], dim, descending)); });
}

TEST_CASE("sort of lines of many lengths") {
  if (!has_cuda()) return;
  for (const int64_t length : {1, 2, 3, 31, 32, 33, 64, 65, 127, 1000, 2048, 2049, 5000})
    for (const DType dtype : {bfloat16, float32, int64}) {
      INFO("length " << length);
      check_parity({values({2, length}, dtype)}, [](const Tensors& t) { return both(sort(t[0], -1, true)); });
    }
  check_parity({values({300, 3}, float32)}, [](const Tensors& t) { return both(sort(t[0])); });
  check_parity({zeros({2, 4100})}, [](const Tensors& t) { return both(sort(t[0], -1, true)); });
}

TEST_CASE("sort of long lines of every dtype") {
  if (!has_cuda()) return;
  for (const DType dtype : kAllDTypes)
    check_parity({values({2, 2300}, dtype)}, [](const Tensors& t) {
      const Tensors sorted = both(sort(t[0]));
      const Tensors across = both(sort(t[0].t().flip(0), 0, true));
      return Tensors{sorted[0], sorted[1], across[0], across[1]};
    });
}

TEST_CASE("sort of empty and zero-dimensional tensors") {
  if (!has_cuda()) return;
  const Run run = [](const Tensors& t) { return both(sort(t[0])); };
  check_parity({tensor(2.5)}, run);
  check_parity({zeros({0})}, run);
  check_parity({zeros({3, 0})}, run);
  check_parity({zeros({0, 3})}, run);
}

TEST_CASE("topk") {
  if (!has_cuda()) return;
  for (const DType dtype : kAllDTypes)
    for (const bool largest : {false, true}) {
      const auto take = [largest](int64_t k) {
        return [k, largest](const Tensors& t) { return both(topk(t[0], k, -1, largest)); };
      };
      check_parity({values({3, 100}, dtype)}, take(7));
      check_parity({values({2, 2600}, dtype)}, take(1));
      check_parity({values({2, 2600}, dtype)}, take(100));
      check_parity({values({1, 2600}, dtype)}, take(2500));
    }
  check_parity({values({2500, 2}, float32)}, [](const Tensors& t) { return both(topk(t[0], 33, 0)); });
  check_parity({zeros({1, 3000})}, [](const Tensors& t) { return both(topk(t[0], 40)); });
  check_parity({zeros({3, 5})}, [](const Tensors& t) { return both(topk(t[0], 0)); });
}

TEST_CASE("the gradients of sort and topk go back to where values came from") {
  if (!has_cuda()) return;
  check_parity({values({4, 9}, float64), values({4, 9}, int32).to(float64)}, [](const Tensors& t) {
    const Tensor x = t[0].detach().requires_grad_();
    sort(x, 0).values.backward(t[1]);
    topk(x, 3).values.backward(t[1].narrow(1, 0, 3));
    return Tensors{x.grad()};
  });
}

}  // namespace mote::testing
