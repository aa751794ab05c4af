#include "mote/softmax.h"

#include "mote/reduce.h"
#include "ops/autocast_operand.h"
#include "ops/support.h"

namespace mote {

namespace {

// x as the backend wants it: the softmax dimension last. Only the geometry changes.
View dim_last(const Tensor& x, int64_t dim) {
  View view = view_of(x);
  if (view.shape.rank() == 0) {
    view.shape = view.strides = Shape({1});
    return view;
  }
  const int64_t size = view.shape[dim], stride = view.strides[dim];
  view.shape.erase(dim);
  view.strides.erase(dim);
  view.shape.push_back(size);
  view.strides.push_back(stride);
  return view;
}

// softmax:     g_in = y (g - sum(g y));     log_softmax:   g_in = g - exp(y) sum(g)
Tensor softmax_backward(const Tensor& g, const Tensor& y, int64_t dim, bool log) {
  if (is_grad_enabled()) {
    if (log) return g - exp(y) * sum(g, dim, true);
    const Tensor weighted = g * y;
    return weighted - y * sum(weighted, dim, true);
  }
  Tensor result = make_result("softmax_backward", y.shape(), y.dtype(), y.device());
  backend_of(y).softmax_backward(dim_last(result, dim), dim_last(g, dim), dim_last(y, dim), log);
  return result;
}

Tensor run_softmax(const char* op, const Tensor& own_x, int64_t dim, std::optional<DType> dtype, bool log) {
  const Autocast cast(dtype ? kUnchanged : kWideFunctions, own_x);
  const Tensor& x = cast;
  const DType wanted = dtype ? *dtype : x.is_floating_point() ? x.dtype() : default_dtype();
  const Tensor source = to(x, wanted);
  check_floating_point(op, source);
  const int64_t wrapped = wrap_dim(op, dim, source.dim());
  Tensor y = make_result(op, source.shape(), source.dtype(), source.device());
  backend_of(source).softmax(dim_last(y, wrapped), dim_last(source, wrapped), log);
  if (needs_grad(source))
    record(op, y, {&source},
           [wrapped, log, y = SavedOutput(y)](const Tensor& g) { return softmax_backward(g, y(), wrapped, log); });
  return y;
}

}  // namespace

Tensor softmax(const Tensor& x, int64_t dim, std::optional<DType> dtype) {
  return run_softmax("softmax", x, dim, dtype, false);
}

Tensor log_softmax(const Tensor& x, int64_t dim, std::optional<DType> dtype) {
  return run_softmax("log_softmax", x, dim, dtype, true);
}

}  // namespace mote
