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

// Index tensors are int64 or int32 positions, negative ones counted from the end, or masks (bool, uint8), each of which
// stands for as many dimensions as it has. They broadcast against each other; their common dimensions take the place of
// the indexed ones where those follow one another, and come first otherwise, as in NumPy. A number in an integer tensor
// of 0 dimensions counts as a number. Differentiable. IndexError for a position outside its dimension, a mask that does
// not fit, or too many indices.
Tensor index(const Tensor& x, const std::vector<TensorIndex>& indices);
// Writes `value`, cast and broadcast, to the indexed elements. Of equal positions the last one stays (and alone gets a
// gradient); with `accumulate` all add up, in ascending order. Differentiable in self and value. Writes nothing where
// it throws.
Tensor index_put_(const Tensor& self, const std::vector<TensorIndex>& indices, const Tensor& value,
                  bool accumulate = false);
Tensor index_put_(const Tensor& self, const std::vector<TensorIndex>& indices, const Scalar& value);

// out[i][j] = x[index[i][j]][j] for dim 0, and alike for the others; index is int64, not negative, and no larger than x
// in the other dimensions. Differentiable in x. IndexError for a position outside.
Tensor gather(const Tensor& x, int64_t dim, const Tensor& index);
// out = self with out[index[i][j]][j] += source[i][j] for dim 0. Equal positions add up in ascending order of i, 16-bit
// ones in float32. `source` has the dtype of self and is at least as large as index. Differentiable in self and source.
Tensor scatter_add(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source);
Tensor scatter_add_(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source);
// The same with = in place of +=; of equal positions the last one stays, and alone gets a gradient.
Tensor scatter(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source);
Tensor scatter(const Tensor& self, int64_t dim, const Tensor& index, const Scalar& value);
Tensor scatter_(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source);
Tensor scatter_(const Tensor& self, int64_t dim, const Tensor& index, const Scalar& value);
// The slices of x along dim at the positions of `index` (1-dimensional, int64 or int32, not negative). Differentiable
// in x. IndexError for a position outside.
Tensor index_select(const Tensor& x, int64_t dim, const Tensor& index);
// self with the slices of `source` added at such positions, equal ones in ascending order. Differentiable in both.
Tensor index_add(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source);
Tensor index_add_(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source);
// gather for which x and index broadcast against each other, except along dim.
Tensor take_along_dim(const Tensor& x, const Tensor& index, int64_t dim);
// The elements of x where `mask` (bool) holds, both broadcast: 1-dimensional. Differentiable in x.
Tensor masked_select(const Tensor& x, const Tensor& mask);
// Positions of the elements that are not zero: int64 [n, rank].
Tensor nonzero(const Tensor& x);

}  // namespace mote
