// nonzero on a CUDA device, and what rests on it: masks as indices.
#include "cuda/parity.h"

namespace mote::testing {

namespace {

const Run kNonzero = [](const Tensors& t) { return Tensors{nonzero(t[0])}; };

}  // namespace

TEST_CASE("nonzero of every dtype") {
  if (!has_cuda()) return;
  for (const DType dtype : kAllDTypes) {
    check_parity({mixed_integers({5, 7, 3}, 0, 3).to(dtype)}, kNonzero);
    check_parity({mixed_integers({5, 7, 3}, 0, 3).to(dtype)}, [](const Tensors& t) {
      return Tensors{nonzero(t[0].transpose(0, 2)), nonzero(t[0].slice(1, 2))};
    });
  }
}

TEST_CASE("a negative zero is zero, NaN is not") {
  if (!has_cuda()) return;
  for (const DType dtype : kFloatDTypes)
    check_parity({tensor({-0.0, 0.0, std::nan(""), -1.0, 1e-4}).to(dtype)}, kNonzero);
}

TEST_CASE("nonzero of more than one tile, of nothing, and of one number") {
  if (!has_cuda()) return;
  for (const int64_t n : {4095, 4096, 4097, 20000}) check_parity({mixed_integers({n}, 0, 5)}, kNonzero);
  check_parity({ones({4100}, {.dtype = bool_})}, kNonzero);
  check_parity({zeros({4100}, {.dtype = bool_})}, kNonzero);
  check_parity({zeros({0, 3})}, kNonzero);
  check_parity({tensor(3)}, kNonzero);
  check_parity({tensor(1).expand({40, 3})}, kNonzero);
}

TEST_CASE("masks select elements") {
  if (!has_cuda()) return;
  check_parity({rand({6, 50}), mixed_integers({6, 50}, 0, 2).to(bool_), mixed_integers({6}, 0, 2).to(bool_)},
               [](const Tensors& t) {
                 return Tensors{masked_select(t[0], t[1]), t[0].index({t[1]}), t[0].index({t[2]})};
               });
}

}  // namespace mote::testing
