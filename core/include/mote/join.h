// Joining tensors and cutting them up. cat and stack copy; split, chunk and unbind give views. All are differentiable.
#pragma once

#include "mote/fwd.h"

namespace mote {

// Tensors one behind the other along `dim`. Shapes must agree elsewhere, else ShapeError; dtypes are promoted; an empty
// tensor of shape [0] is passed over, whatever the rank of the others. An empty list is a ValueError.
Tensor cat(const std::vector<Tensor>& tensors, int64_t dim = 0);
// Tensors of one shape along a new dimension.
Tensor stack(const std::vector<Tensor>& tensors, int64_t dim = 0);
// Views of `split_size` along dim, the last one of what is left; or of the given sizes, which must add up.
std::vector<Tensor> split(const Tensor& x, int64_t split_size, int64_t dim = 0);
std::vector<Tensor> split(const Tensor& x, const std::vector<int64_t>& split_sizes, int64_t dim = 0);
// At most `chunks` views of equal size, the last one smaller where the size does not divide.
std::vector<Tensor> chunk(const Tensor& x, int64_t chunks, int64_t dim = 0);
// The views x.select(dim, 0), x.select(dim, 1), ….
std::vector<Tensor> unbind(const Tensor& x, int64_t dim = 0);

}  // namespace mote
