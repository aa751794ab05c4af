// Sums and what is made of sums: mean, prod, var, std, norm, logsumexp; any, all, count_nonzero; sum_to.
#include "mote/reduce.h"

#include <cmath>
#include <limits>

#include "mote/creation.h"
#include "mote/join.h"
#include "ops/autocast_operand.h"
#include "ops/reduce_dims.h"
#include "ops/support.h"

namespace mote {

// --- sum and mean ----------------------------------------------------------------------------------------------------

Tensor sum(const Tensor& x, std::optional<DType> dtype) { return sum(x, Dims(), false, dtype); }

Tensor sum(const Tensor& own_x, const Dims& dims, bool keepdim, std::optional<DType> dtype) {
  const Autocast cast(dtype ? kUnchanged : kWideFunctions, own_x);
  const Tensor& x = cast;
  const DType result = dtype ? *dtype : x.is_floating_point() ? x.dtype() : DType::Int64;
  // The backend widens integers to int64 on its own; any other dtype means a cast before the sum.
  const bool widens = result == DType::Int64 && !x.is_floating_point();
  const Tensor source = widens ? x : to(x, result);
  const ReducedShape reduced("sum", source.shape(), dims, keepdim);
  Tensor y = run_reduce("sum", ReduceOp::Sum, source, reduced, result);
  if (needs_grad(source))
    record("sum", y, {&source},
           [kept = reduced.kept, shape = source.shape()](const Tensor& g) { return spread(g, kept, shape); });
  return y;
}

Tensor mean(const Tensor& x, std::optional<DType> dtype) { return mean(x, Dims(), false, dtype); }

Tensor mean(const Tensor& x, const Dims& dims, bool keepdim, std::optional<DType> dtype) {
  const Tensor source = dtype ? to(x, *dtype) : x;
  check_floating_point("mean", source);
  const ReducedShape reduced("mean", source.shape(), dims, keepdim);
  Tensor y = run_reduce("mean", ReduceOp::Mean, source, reduced, source.dtype());
  if (needs_grad(source))
    record("mean", y, {&source}, [reduced, shape = source.shape()](const Tensor& g) {
      return spread(g / static_cast<double>(reduced.count), reduced.kept, shape);
    });
  return y;
}

Tensor sum_to(const Tensor& gradient, const Shape& shape) {
  if (gradient.shape() == shape) return gradient;
  const int64_t lead = gradient.dim() - shape.rank();
  Dims dims;
  for (int64_t d = 0; d < gradient.dim(); ++d)
    if (gradient.shape()[d] != (d < lead ? 1 : shape[d - lead])) dims.push_back(d);
  const Tensor reduced = dims.empty() ? gradient : sum(gradient, dims, true);
  return reshape(reduced, shape);
}

// --- prod ------------------------------------------------------------------------------------------------------------

namespace {

// Products of all elements before each one along dim, by doubling the reach in each step.
Tensor products_before(const Tensor& x, int64_t dim) {
  const int64_t n = x.size(dim);
  Tensor y = cat({ones_like(narrow(x, dim, 0, 1)), narrow(x, dim, 0, n - 1)}, dim);
  for (int64_t reach = 1; reach < n; reach *= 2)
    y = cat({narrow(y, dim, 0, reach), narrow(y, dim, reach, n - reach) * narrow(y, dim, 0, n - reach)}, dim);
  return y;
}

// g times the product of all others. y / x is that where nothing is zero; with zeros the products of what stands before
// and behind each element are needed, which also have the right derivatives.
Tensor prod_backward(const Tensor& g, const Tensor& x, const Tensor& y, int64_t dim) {
  if (x.numel() == 0) return zeros_like(x);
  if (x.device().is_meta() || !any(eq(x, 0)).item<bool>()) return g * y / x;
  const Tensor behind = flip(products_before(flip(x, {dim}), dim), {dim});
  return g * products_before(x, dim) * behind;
}

}  // namespace

Tensor prod(const Tensor& x) { return prod(reshape(x, {x.numel()}), 0); }

Tensor prod(const Tensor& own_x, int64_t dim, bool keepdim) {
  const Autocast cast(kLosses, own_x);
  const Tensor& x = cast;
  const ReducedShape reduced("prod", x.shape(), dim, keepdim);
  Tensor y = run_reduce("prod", ReduceOp::Prod, x, reduced, x.is_floating_point() ? x.dtype() : DType::Int64);
  if (needs_grad(x))
    record("prod", y, {&x}, [reduced, x = Saved(x), y = SavedOutput(y)](const Tensor& g) {
      const Tensor source = x();
      if (source.dim() == 0) return g;
      return prod_backward(reshape(g, reduced.kept), source, reshape(y(), reduced.kept), reduced.dims[0]);
    });
  return y;
}

// --- variance --------------------------------------------------------------------------------------------------------

namespace {

Tensor run_variance(const char* op, const Tensor& x, const ReducedShape& reduced, bool unbiased, DType dtype) {
  check_floating_point(op, x);
  Tensor y = make_result(op, reduced.result, dtype, x.device());
  backend_of(x).variance(keepdim_view(y, reduced), view_of(x), unbiased ? 1.0 : 0.0);
  return y;
}

// d var = 2 (x - mean) / (n - correction)
Tensor variance_backward(const Tensor& g, const Tensor& x, const ReducedShape& reduced, bool unbiased) {
  const double freedom = static_cast<double>(reduced.count) - (unbiased ? 1.0 : 0.0);
  return reshape(g * (2.0 / freedom), reduced.kept) * (x - mean(x, Dims(reduced.dims), true));
}

}  // namespace

Tensor var(const Tensor& x, const Dims& dims, bool unbiased, bool keepdim) {
  const ReducedShape reduced("var", x.shape(), dims, keepdim);
  Tensor y = run_variance("var", x, reduced, unbiased, x.dtype());
  if (needs_grad(x))
    record("var", y, {&x},
           [reduced, unbiased, x = Saved(x)](const Tensor& g) { return variance_backward(g, x(), reduced, unbiased); });
  return y;
}

Tensor std(const Tensor& x, const Dims& dims, bool unbiased, bool keepdim) {
  const ReducedShape reduced("std", x.shape(), dims, keepdim);
  // In float32 for 16-bit types, where the square of a deviation that fits often does not.
  const DType wide = x.dtype() == DType::Float64 ? DType::Float64 : DType::Float32;
  const Tensor variance = run_variance("std", x, reduced, unbiased, wide);
  backend_of(x).unary(UnaryOp::Sqrt, view_of(variance), view_of(variance));
  Tensor y = to(variance, x.dtype());
  if (needs_grad(x))
    record("std", y, {&x}, [reduced, unbiased, x = Saved(x), y = SavedOutput(y)](const Tensor& g) {
      const Tensor root = y();
      const Tensor of_variance = masked_fill(g / (root * 2.0), eq(root, 0), 0);  // the root has no slope at 0
      return variance_backward(of_variance, x(), reduced, unbiased);
    });
  return y;
}

// --- norms -----------------------------------------------------------------------------------------------------------

namespace {

Tensor euclidean_norm(const Tensor& x, const ReducedShape& reduced) {
  Tensor y = run_reduce("norm", ReduceOp::Norm, x, reduced, x.dtype());
  if (needs_grad(x))
    record("norm", y, {&x}, [kept = reduced.kept, x = Saved(x), y = SavedOutput(y)](const Tensor& g) {
      const Tensor length = y();
      return x() * reshape(masked_fill(g / length, eq(length, 0), 0), kept);
    });
  return y;
}

// (sum |x|^p)^(1/p); d|x_i| = (|x_i| / y)^(p-1), taken as 0 where x or y is 0.
Tensor general_norm(const Tensor& x, double p, const ReducedShape& reduced, const Dims& dims, bool keepdim) {
  Tensor y = [&] {
    const NoGradGuard no_grad;
    return pow(sum(pow(abs(x), p), dims, keepdim), 1.0 / p);
  }();
  if (needs_grad(x))
    record("norm", y, {&x}, [kept = reduced.kept, p, x = Saved(x), y = SavedOutput(y)](const Tensor& g) {
      const Tensor source = x(), length = reshape(y(), kept);
      const Tensor flat = logical_or(eq(source, 0), eq(length, 0));
      const Tensor slope = sign(source) * pow(abs(source) / length, p - 1.0);
      return reshape(g, kept) * masked_fill(slope, flat, 0);
    });
  return y;
}

}  // namespace

Tensor norm(const Tensor& x, double p) { return norm(x, p, Dims(), false); }

Tensor norm(const Tensor& own_x, double p, const Dims& dims, bool keepdim) {
  const Autocast cast(kWideFunctions, own_x);
  const Tensor& x = cast;
  check_floating_point("norm", x);
  const ReducedShape reduced("norm", x.shape(), dims, keepdim);
  if (p == 2.0) return euclidean_norm(x, reduced);
  if (p == 1.0) return sum(abs(x), dims, keepdim);
  if (p == 0.0) return sum(to(ne(x, 0), x.dtype()), dims, keepdim);
  if (std::isinf(p)) return p > 0 ? amax(abs(x), dims, keepdim) : amin(abs(x), dims, keepdim);
  return general_norm(x, p, reduced, dims, keepdim);
}

Tensor logsumexp(const Tensor& own_x, const Dims& dims, bool keepdim) {
  const Autocast cast(kWideFunctions, own_x);
  const Tensor& x = cast;
  const Tensor source = x.is_floating_point() ? x : to(x, default_dtype());
  const ReducedShape reduced("logsumexp", source.shape(), dims, keepdim);
  Tensor y = [&] {
    const NoGradGuard no_grad;
    if (source.numel() == 0) return log(sum(source, dims, keepdim));
    const Tensor highest = amax(source, dims, true);
    const Tensor shift = masked_fill(highest, isinf(highest), 0);  // infinities have nothing to subtract
    const Tensor total = log(sum(exp(source - shift), dims, true));
    return reshape(total + shift, reduced.result);
  }();
  if (needs_grad(source))
    record("logsumexp", y, {&source}, [kept = reduced.kept, x = Saved(source), y = SavedOutput(y)](const Tensor& g) {
      return reshape(g, kept) * exp(x() - reshape(y(), kept));
    });
  return y;
}

// --- truth -----------------------------------------------------------------------------------------------------------

Tensor any(const Tensor& x) {
  return run_reduce("any", ReduceOp::Any, x, ReducedShape("any", x.shape(), {}, false), DType::Bool);
}
Tensor any(const Tensor& x, int64_t dim, bool keepdim) {
  return run_reduce("any", ReduceOp::Any, x, ReducedShape("any", x.shape(), dim, keepdim), DType::Bool);
}
Tensor all(const Tensor& x) {
  return run_reduce("all", ReduceOp::All, x, ReducedShape("all", x.shape(), {}, false), DType::Bool);
}
Tensor all(const Tensor& x, int64_t dim, bool keepdim) {
  return run_reduce("all", ReduceOp::All, x, ReducedShape("all", x.shape(), dim, keepdim), DType::Bool);
}
Tensor count_nonzero(const Tensor& x) { return sum(x.dtype() == DType::Bool ? x : ne(x, 0)); }

}  // namespace mote
