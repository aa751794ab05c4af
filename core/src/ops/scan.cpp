// Running sums.
#include "mote/reduce.h"
#include "mote/views.h"
#include "ops/apply.h"
#include "ops/autocast_operand.h"

namespace mote {

namespace {

Tensor running_sum(const char* name, const Tensor& x, int64_t dim) {
  const int64_t wrapped = wrap_dim(name, dim, x.dim());
  Tensor y = make_result(name, x.shape(), x.is_floating_point() ? x.dtype() : DType::Int64, x.device());
  if (x.dim() == 0) {
    backend_of(x).copy(view_of(y), view_of(x));
  } else {
    backend_of(x).cumsum(view_of(y), view_of(x), wrapped);
  }
  if (needs_grad(x))
    record(name, y, {&x},
           [wrapped](const Tensor& g) { return g.dim() == 0 ? g : flip(cumsum(flip(g, wrapped), wrapped), wrapped); });
  return y;
}

}  // namespace

Tensor cumsum(const Tensor& x, int64_t dim) { return running_sum("cumsum", Autocast(kWideFunctions, x), dim); }

Tensor cumsum_(const Tensor& self, int64_t dim) {
  return in_place_cast("cumsum_", self, needs_grad(self), [&](const Tensor& x, const Tensor* out) {
    Tensor sums = running_sum("cumsum_", x, dim);
    if (!out) return sums;
    check_fits("cumsum_", *out, sums.shape(), sums.dtype());
    backend_of(x).copy(view_of(*out), view_of(sums));
    return *out;
  });
}

}  // namespace mote
