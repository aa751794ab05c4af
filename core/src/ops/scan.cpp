// Running sums.
#include "mote/reduce.h"
#include "ops/support.h"

namespace mote {

Tensor cumsum(const Tensor& x, int64_t dim) {
  const int64_t wrapped = wrap_dim("cumsum", dim, x.dim());
  Tensor y = make_result("cumsum", x.shape(), x.is_floating_point() ? x.dtype() : DType::Int64, x.device());
  if (x.dim() == 0) {
    backend_of(x).copy(view_of(y), view_of(x));
  } else {
    backend_of(x).cumsum(view_of(y), view_of(x), wrapped);
  }
  if (needs_grad(x))
    record("cumsum", y, {&x},
           [wrapped](const Tensor& g) { return g.dim() == 0 ? g : flip(cumsum(flip(g, wrapped), wrapped), wrapped); });
  return y;
}

}  // namespace mote
