// Operations on shape. Those called views share the storage of their source: writing to one is seen by both. All but
// detach are differentiable, twice too.
#pragma once

#include "mote/fwd.h"

namespace mote {

// A view of any geometry inside the storage. Throws IndexError where it would reach outside. Its gradient adds up where
// several indices share an element.
Tensor as_strided(const Tensor& x, const Shape& shape, const Shape& strides,
                  std::optional<int64_t> offset = std::nullopt);
// The same elements in another shape; one size may be -1. A view where the strides allow it, else a copy.
Tensor reshape(const Tensor& x, const Shape& shape);
// The same, but throws ShapeError where only a copy could do it.
Tensor view(const Tensor& x, const Shape& shape);
// Dimensions start_dim to end_dim merged into one; a view where reshape is.
Tensor flatten(const Tensor& x, int64_t start_dim = 0, int64_t end_dim = -1);
// Dimension dim cut into `sizes`, one of which may be -1.
Tensor unflatten(const Tensor& x, int64_t dim, const Shape& sizes);
// Dimensions in another order.
Tensor transpose(const Tensor& x, int64_t dim0, int64_t dim1);
Tensor t(const Tensor& x);  // matrix transpose, rank at most 2
Tensor permute(const Tensor& x, const Shape& dims);
Tensor movedim(const Tensor& x, int64_t source, int64_t destination);
// With a new dimension of size 1 at dim; without those of size 1, or without the one at dim if its size is 1.
Tensor unsqueeze(const Tensor& x, int64_t dim);
Tensor squeeze(const Tensor& x);
Tensor squeeze(const Tensor& x, int64_t dim);
// Dimensions of size 1, and new ones in front, repeated without a copy; -1 keeps a size.
Tensor expand(const Tensor& x, const Shape& shape);
Tensor expand_as(const Tensor& x, const Tensor& other);
Tensor broadcast_to(const Tensor& x, const Shape& shape);
// Without dimension dim: the part at `index`, negative ones counted from the end. Throws IndexError outside.
Tensor select(const Tensor& x, int64_t dim, int64_t index);
// start, start + step, … before end along dim; bounds count from the end where negative, and are clamped, as in Python.
// ValueError for a step below 1.
Tensor slice(const Tensor& x, int64_t dim, std::optional<int64_t> start = std::nullopt,
             std::optional<int64_t> end = std::nullopt, int64_t step = 1);
// The same for `length` positions from start, which must exist, else IndexError.
Tensor narrow(const Tensor& x, int64_t dim, int64_t start, int64_t length);
// The diagonal of dimensions dim1 and dim2, `offset` to the right, as a new last dimension.
Tensor diagonal(const Tensor& x, int64_t offset = 0, int64_t dim1 = 0, int64_t dim2 = 1);
Tensor detach(const Tensor& x);  // shares the data, cut off from the graph

// --- copies ----------------------------------------------------------------------------------------------------------
Tensor clone(const Tensor& x);       // dense and row-major
Tensor contiguous(const Tensor& x);  // x itself where it is row-major already
// The whole of x laid side by side, repeats[i] times along dimension i; each element `repeats` times in a row.
Tensor repeat(const Tensor& x, const Shape& repeats);
Tensor repeat_interleave(const Tensor& x, int64_t repeats, std::optional<int64_t> dim = std::nullopt);
// In reverse order along `dims`; moved round by `shift` along dim.
Tensor flip(const Tensor& x, const Dims& dims);
Tensor roll(const Tensor& x, int64_t shift, int64_t dim);

}  // namespace mote
