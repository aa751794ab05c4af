// What all element-wise operations share: promotion, broadcasting, allocation, the backend call, and the way back of a
// gradient. Nothing here records; the gradient rule of an operation stands under its own name.
#pragma once

#include "ops/support.h"

namespace mote {

// Runs `op` under the name `name`. Where `out` is given, the result goes there: the shapes must agree, and the result's
// dtype must be castable to that of *out, or else a ShapeError or DTypeError is thrown.
Tensor apply(const char* name, UnaryOp op, const Tensor& x, const Tensor* out = nullptr);
Tensor apply(const char* name, BinaryOp op, const Tensor& a, const Tensor& b, const Tensor* out = nullptr);
Tensor apply(const char* name, BinaryOp op, const Tensor& a, const Scalar& b, const Tensor* out = nullptr);
Tensor apply(const char* name, BinaryOp op, const Scalar& a, const Tensor& b, const Tensor* out = nullptr);

// x in another dtype, without a gradient rule; x itself where it has that dtype.
Tensor cast(const Tensor& x, DType dtype);

// A 0-dimensional tensor on a device.
Tensor scalar_tensor(const Scalar& value, DType dtype, Device device);

// Shape and dtype of an operand, for bringing the gradient of a broadcast and promoted result back to it.
struct Operand {
  Shape shape;
  DType dtype;

  explicit Operand(const Tensor& x) : shape(x.shape()), dtype(x.dtype()) {}
  Tensor operator()(const Tensor& gradient) const;
};

// Throws where a result of this shape and dtype does not go into self.
void check_fits(const char* name, const Tensor& self, const Shape& shape, DType dtype);

// in_place for an operation whose result may be of another dtype than self: compute(source, out) as there.
template <class Compute>
Tensor in_place_cast(const char* name, const Tensor& self, bool needs_gradient, const Compute& compute) {
  return in_place(name, self, needs_gradient, [&](const Tensor& source, const Tensor* out) {
    Tensor result = compute(source, out);
    if (out) return result;
    check_fits(name, self, result.shape(), result.dtype());
    return to(result, self.dtype());
  });
}

}  // namespace mote
