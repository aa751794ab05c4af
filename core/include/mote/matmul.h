// Matrix products. Floating-point dtypes run on the BLAS of the backend with at least float32 accumulation; operands
// must have one dtype (DTypeError) and fitting inner sizes (ShapeError). Differentiable in both operands.
#pragma once

#include "mote/fwd.h"

namespace mote {

// torch.matmul: vectors, matrices and batches of matrices, whose leading dimensions broadcast.
// [..., n, k] x [..., k, m] -> [..., n, m]; a vector stands for a row on the left and a column on the right.
Tensor matmul(const Tensor& a, const Tensor& b);
Tensor mm(const Tensor& a, const Tensor& b);     // matrices only
Tensor bmm(const Tensor& a, const Tensor& b);    // [b, n, k] x [b, k, m]
Tensor mv(const Tensor& a, const Tensor& x);     // [n, k] x [k]
Tensor dot(const Tensor& a, const Tensor& b);    // [k] x [k] -> []
Tensor outer(const Tensor& a, const Tensor& b);  // [n] x [m] -> [n, m]; promotes dtypes
// beta * input + alpha * a b
Tensor addmm(const Tensor& input, const Tensor& a, const Tensor& b, const Scalar& beta = 1, const Scalar& alpha = 1);
// x W^T + bias over the last dimension: x [..., in], weight [out, in], bias [out] -> [..., out].
Tensor linear(const Tensor& x, const Tensor& weight);
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias);

}  // namespace mote
