// sort, argsort and topk. Values and positions come from one pass of the backend over the last dimension; the gradient
// goes back to where each value came from.
#include "mote/sort.h"

#include <fmt/format.h>

#include "mote/creation.h"
#include "mote/indexing.h"
#include "mote/views.h"
#include "ops/positions.h"

namespace mote {

namespace {

// x as a backend wants it: with `dim` last.
View with_dim_last(const Tensor& x, int64_t dim) {
  View view = view_of(as_at_least_1d(x));
  const int64_t last = view.shape.rank() - 1;
  const int64_t size = view.shape[dim], stride = view.strides[dim];
  view.shape.erase(dim);
  view.strides.erase(dim);
  view.shape.insert(last, size);
  view.strides.insert(last, stride);
  return view;
}

void record_order(const char* op, ValuesAndIndices& result, const Tensor& x, int64_t dim) {
  if (!needs_grad(x)) return;
  record(op, result.values, {&x}, [dim, indices = Saved(result.indices), was = x.shape()](const Tensor& g) {
    return scatter_add(zeros(was, {.dtype = g.dtype(), .device = g.device()}), dim, indices(), g);
  });
}

}  // namespace

ValuesAndIndices sort(const Tensor& x, int64_t dim, bool descending) {
  const int64_t at = wrap_dim("sort", dim, x.dim());
  ValuesAndIndices result{make_result("sort", x.shape(), x.dtype(), x.device()),
                          make_result("sort", x.shape(), DType::Int64, x.device())};
  {
    const NoGradGuard no_grad;
    backend_of(x).sort(with_dim_last(result.values, at), with_dim_last(result.indices, at), with_dim_last(x, at),
                       descending);
  }
  record_order("sort", result, x, at);
  return result;
}

Tensor argsort(const Tensor& x, int64_t dim, bool descending) {
  const NoGradGuard no_grad;
  return sort(x, dim, descending).indices;
}

// Both ways of asking for `sorted` give sorted values.
ValuesAndIndices topk(const Tensor& x, int64_t k, int64_t dim, bool largest, bool) {
  const int64_t at = wrap_dim("topk", dim, x.dim());
  const int64_t size = x.dim() == 0 ? 1 : x.shape()[at];
  if (k < 0 || k > size)
    throw ValueError(fmt::format("topk: expected k in [0, {}] for dimension {} of shape {}, but got {}", size, at,
                                 x.shape().str(), k));
  Shape shape = x.shape();
  if (x.dim() > 0) shape[at] = k;
  ValuesAndIndices result{make_result("topk", shape, x.dtype(), x.device()),
                          make_result("topk", shape, DType::Int64, x.device())};
  if (k > 0) {
    const NoGradGuard no_grad;
    backend_of(x).topk(with_dim_last(result.values, at), with_dim_last(result.indices, at), with_dim_last(x, at), k,
                       largest);
  }
  record_order("topk", result, x, at);
  return result;
}

}  // namespace mote
