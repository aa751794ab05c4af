// Operations on shape. Those called views share the storage of their source: writing to one is seen by both.
#pragma once

#include "mote/fwd.h"

namespace mote {

// A view of any geometry inside the storage. Throws IndexError where it would reach outside.
Tensor as_strided(const Tensor& x, const Shape& shape, const Shape& strides,
                  std::optional<int64_t> offset = std::nullopt);
// The same elements in another shape; one size may be -1. A view where the strides allow it, else a copy.
Tensor reshape(const Tensor& x, const Shape& shape);
// The same, but throws ShapeError where only a copy could do it.
Tensor view(const Tensor& x, const Shape& shape);
Tensor flatten(const Tensor& x, int64_t start_dim = 0, int64_t end_dim = -1);
Tensor unflatten(const Tensor& x, int64_t dim, const Shape& sizes);
Tensor transpose(const Tensor& x, int64_t dim0, int64_t dim1);
Tensor t(const Tensor& x);  // matrix transpose, rank at most 2
Tensor permute(const Tensor& x, const Shape& dims);
Tensor movedim(const Tensor& x, int64_t source, int64_t destination);
Tensor unsqueeze(const Tensor& x, int64_t dim);
Tensor squeeze(const Tensor& x);
Tensor squeeze(const Tensor& x, int64_t dim);
Tensor expand(const Tensor& x, const Shape& shape);  // -1 keeps a size
Tensor expand_as(const Tensor& x, const Tensor& other);
Tensor broadcast_to(const Tensor& x, const Shape& shape);
Tensor select(const Tensor& x, int64_t dim, int64_t index);
Tensor slice(const Tensor& x, int64_t dim, std::optional<int64_t> start = std::nullopt,
             std::optional<int64_t> end = std::nullopt, int64_t step = 1);
Tensor narrow(const Tensor& x, int64_t dim, int64_t start, int64_t length);
Tensor diagonal(const Tensor& x, int64_t offset = 0, int64_t dim1 = 0, int64_t dim2 = 1);
Tensor detach(const Tensor& x);  // shares the data, cut off from the graph

// Copies.
Tensor clone(const Tensor& x);
Tensor contiguous(const Tensor& x);  // x itself where it is row-major already
Tensor repeat(const Tensor& x, const Shape& repeats);
Tensor repeat_interleave(const Tensor& x, int64_t repeats, std::optional<int64_t> dim = std::nullopt);
Tensor flip(const Tensor& x, const Dims& dims);
Tensor roll(const Tensor& x, int64_t shift, int64_t dim);

}  // namespace mote
