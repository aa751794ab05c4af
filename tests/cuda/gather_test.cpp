// gather, index_select and index with tensors on a CUDA device.
#include "cuda/parity.h"

namespace mote::testing {

TEST_CASE("gather takes elements of every dtype along every dimension") {
  if (!has_cuda()) return;
  for (const DType dtype : kAllDTypes) {
    const Tensor x = mixed_integers({5, 7, 3}, 0, 100).to(dtype);
    for (const int64_t dim : {0, 1, 2}) {
      const Tensor index = mixed_integers({4, 6, 3}, 0, 3);
      check_parity({x, index}, [dim](const Tensors& t) { return Tensors{t[0].gather(dim, t[1])}; });
      check_parity({x, index}, [dim](const Tensors& t) {
        return Tensors{t[0].transpose(0, 2).gather(2 - dim, t[1].transpose(0, 2))};
      });
    }
  }
}

TEST_CASE("gather of odd, empty and zero-dimensional tensors") {
  if (!has_cuda()) return;
  const Run along_0 = [](const Tensors& t) { return Tensors{t[0].gather(0, t[1])}; };
  check_parity({tensor(5), tensor(0)}, along_0);
  check_parity({rand({4, 3}), zeros({0, 3}, {.dtype = int64})}, along_0);
  check_parity({rand({1}), zeros({1025}, {.dtype = int64})}, along_0);
}

TEST_CASE("rows are gathered in packs of 16 bytes where they can be") {
  if (!has_cuda()) return;
  for (const DType dtype : kAllDTypes)
    for (const int64_t width : {1, 8, 16, 24, 33})
      check_parity({mixed_integers({9, 48}, 0, 100).to(dtype), mixed_integers({17}, 0, 9)}, [width](const Tensors& t) {
        const Tensor index = t[1].unsqueeze(1).expand({17, width});
        return Tensors{t[0].gather(0, index), t[0].slice(1, 1).gather(0, index)};
      });
}

TEST_CASE("embedding looks rows up") {
  if (!has_cuda()) return;
  for (const DType dtype : kFloatDTypes)
    check_parity({rand({11, 24}).to(dtype), mixed_integers({3, 5}, 0, 11)},
                 [](const Tensors& t) { return Tensors{embedding(t[0], t[1])}; });
}

TEST_CASE("index_select and indexing by tensors") {
  if (!has_cuda()) return;
  for (const DType dtype : kAllDTypes)
    check_parity(
        {mixed_integers({6, 7, 8}, 0, 100).to(dtype), mixed_integers({9}, 0, 6), mixed_integers({4, 9}, -7, 7)},
        [](const Tensors& t) {
          return Tensors{t[0].index_select(0, t[1]), t[0].index_select(1, t[1]),
                         t[0].index_select(2, t[1]), t[0].transpose(0, 2).index_select(2, t[1]),
                         t[0].index({t[1], t[2]}),   t[0].index({t[1], Slice(), t[2]}),
                         t[0].index({Slice(), t[2]})};
        });
  const Tensor x = rand({4, 6}).to("cuda");
  CHECK_THAT(index_error([&] {
               x.index_select(1, tensor({0, 6, 7}).to("cuda"));
             }),
             contains("index 6 is out of range for dimension 1 of size 6"));
  CHECK_THAT(index_error([&] {
               x.index({tensor({0, 3}).to("cuda"), tensor({5, -7}).to("cuda")});
             }),
             contains("index -7 is out of range for dimension 1 of size 6"));
}

TEST_CASE("gather names the first position outside") {
  if (!has_cuda()) return;
  const Tensor x = rand({3, 40}).to("cuda");
  Tensor index = mixed_integers({3, 40}, 0, 3);
  index.index_put_({1, 3}, 7);
  index.index_put_({2, 1}, -9);
  CHECK_THAT(index_error([&] { x.gather(0, index.to("cuda")); }),
             contains("gather: index 7 is out of range for dimension 0 of size 3"));
  CHECK_THAT(index_error([&] { x.t().gather(1, index.to("cuda").t()); }), contains("index -9"));
  CHECK_THAT(index_error([&] { embedding(x, tensor({0, -1}).to("cuda")); }), contains("index -1"));
}

}  // namespace mote::testing
