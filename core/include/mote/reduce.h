// Reductions over all or some dimensions. `dims` may be negative; none means all. With `keepdim` a reduced dimension
// stays with size 1. Sums run in a fixed tree, so that the result does not depend on the number of threads.
#pragma once

#include "mote/fwd.h"

namespace mote {

// Sum; bool and integers give int64. The gradient is broadcast back.
Tensor sum(const Tensor& x, std::optional<DType> dtype = std::nullopt);
Tensor sum(const Tensor& x, const Dims& dims, bool keepdim = false, std::optional<DType> dtype = std::nullopt);
// Mean of floating-point values; DTypeError for others. The mean of nothing is NaN.
Tensor mean(const Tensor& x, std::optional<DType> dtype = std::nullopt);
Tensor mean(const Tensor& x, const Dims& dims, bool keepdim = false, std::optional<DType> dtype = std::nullopt);
// Product; bool and integers give int64.
Tensor prod(const Tensor& x);
Tensor prod(const Tensor& x, int64_t dim, bool keepdim = false);
// Variance and standard deviation, by default unbiased (divided by n - 1): var(x, false) of all elements, var(x, 1)
// along dimension 1.
Tensor var(const Tensor& x, const Dims& dims, bool unbiased = true, bool keepdim = false);
template <std::same_as<bool> Bool = bool>
auto var(const Tensor& x, Bool unbiased = true) {
  return var(x, Dims(), unbiased, false);
}
Tensor std(const Tensor& x, const Dims& dims, bool unbiased = true, bool keepdim = false);
template <std::same_as<bool> Bool = bool>
auto std(const Tensor& x, Bool unbiased = true) {
  return mote::std(x, Dims(), unbiased, false);
}
// The p-norm (sum |x|^p)^(1/p) of floating-point values; p may be 0 (how many are not 0) or infinite (the extreme).
Tensor norm(const Tensor& x, double p = 2.0);
Tensor norm(const Tensor& x, double p, const Dims& dims, bool keepdim = false);

// Extremes; NaN wins. Over everything the gradient is shared evenly by equal elements; along a dimension it goes to
// the element at `indices`, the first of equals. An empty range is a ShapeError.
Tensor max(const Tensor& x);
Tensor min(const Tensor& x);
ValuesAndIndices max(const Tensor& x, int64_t dim, bool keepdim = false);
ValuesAndIndices min(const Tensor& x, int64_t dim, bool keepdim = false);
Tensor max(const Tensor& a, const Tensor& b);  // maximum(a, b)
Tensor min(const Tensor& a, const Tensor& b);
Tensor amax(const Tensor& x, const Dims& dims = {}, bool keepdim = false);
Tensor amin(const Tensor& x, const Dims& dims = {}, bool keepdim = false);
// int64 positions, in the flattened tensor without `dim`.
Tensor argmax(const Tensor& x, std::optional<int64_t> dim = std::nullopt, bool keepdim = false);
Tensor argmin(const Tensor& x, std::optional<int64_t> dim = std::nullopt, bool keepdim = false);

// Whether any, or every, element is not zero: bool. count_nonzero: how many are, int64.
Tensor any(const Tensor& x);
Tensor any(const Tensor& x, int64_t dim, bool keepdim = false);
Tensor all(const Tensor& x);
Tensor all(const Tensor& x, int64_t dim, bool keepdim = false);
Tensor count_nonzero(const Tensor& x);

// Running sums along dim; bool and integers give int64. In place they keep the dtype of self. Integers wrap around.
Tensor cumsum(const Tensor& x, int64_t dim);
Tensor cumsum_(const Tensor& self, int64_t dim);
// log(sum(exp(x))) without overflow.
Tensor logsumexp(const Tensor& x, const Dims& dims, bool keepdim = false);

// Sums a gradient over the dimensions along which its operand was broadcast, so that it has `shape` again.
Tensor sum_to(const Tensor& gradient, const Shape& shape);

}  // namespace mote
