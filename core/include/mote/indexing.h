// Indexing as in Python: `x.index({Slice(), None, 0, Ellipsis, Slice(1, None, 2), positions, mask})`.
// Numbers, slices, None and Ellipsis alone give a view; an integer or boolean tensor among them gives a copy.
#pragma once

#include "mote/fwd.h"

namespace mote {

struct NoneType {};
struct EllipsisType {};
// A new dimension of size 1 in an index; "no bound" in a Slice.
inline constexpr NoneType None;
// As many full slices as the rank asks for.
inline constexpr EllipsisType Ellipsis;

// start:stop:step of Python, for positive steps. Bounds may be negative, None, or outside the dimension.
struct Slice {
  struct Bound : std::optional<int64_t> {
    Bound(NoneType) {}
    template <std::integral T>
    Bound(T value) : std::optional<int64_t>(static_cast<int64_t>(value)) {}
  };

  Slice() = default;
  explicit Slice(Bound start_, Bound stop_ = None, int64_t step_ = 1) : start(start_), stop(stop_), step(step_) {}

  Bound start = None;
  Bound stop = None;
  int64_t step = 1;
};

Tensor index(const Tensor& x, const std::vector<TensorIndex>& indices);
// Writes `value`, broadcast, to the indexed elements; with `accumulate` equal positions add up.
Tensor index_put_(const Tensor& self, const std::vector<TensorIndex>& indices, const Tensor& value,
                  bool accumulate = false);
Tensor index_put_(const Tensor& self, const std::vector<TensorIndex>& indices, const Scalar& value);

// out[i][j] = x[index[i][j]][j] for dim 0, and alike for the others; index is int64.
Tensor gather(const Tensor& x, int64_t dim, const Tensor& index);
// out = self with out[index[i][j]][j] += source[i][j] for dim 0; equal positions add up in a fixed order.
Tensor scatter_add(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source);
Tensor scatter_add_(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source);
// The same with = in place of +=; for equal positions the last one in row-major order stays.
Tensor scatter(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source);
Tensor scatter(const Tensor& self, int64_t dim, const Tensor& index, const Scalar& value);
Tensor scatter_(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source);
Tensor scatter_(const Tensor& self, int64_t dim, const Tensor& index, const Scalar& value);
// The slices of x along dim at the positions of `index` (1-dimensional, integer).
Tensor index_select(const Tensor& x, int64_t dim, const Tensor& index);
Tensor index_add(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source);
Tensor index_add_(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source);
Tensor take_along_dim(const Tensor& x, const Tensor& index, int64_t dim);
Tensor masked_select(const Tensor& x, const Tensor& mask);
// Positions of the elements that are not zero: int64 [n, rank].
Tensor nonzero(const Tensor& x);

}  // namespace mote
