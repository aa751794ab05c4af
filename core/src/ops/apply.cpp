#include "ops/apply.h"

#include <fmt/format.h>

#include "mote/reduce.h"
#include "ops/type_promotion.h"

namespace mote {

namespace {

[[noreturn]] void throw_dtype(const char* name, const char* expected, DType got) {
  throw DTypeError(fmt::format("{}: expected {}, but got {}", name, expected, name_of(got)));
}

constexpr bool refuses_bool(UnaryOp op) {
  return op == UnaryOp::Neg || op == UnaryOp::Abs || op == UnaryOp::Relu || op == UnaryOp::Floor ||
         op == UnaryOp::Ceil || op == UnaryOp::Round || op == UnaryOp::Trunc;
}

constexpr bool refuses_bool(BinaryOp op) {
  return op == BinaryOp::Sub || op == BinaryOp::FloorDivide || op == BinaryOp::Remainder || op == BinaryOp::Pow;
}

// The dtype in which operands of a common dtype are computed. Throws where the operation does not accept them.
template <class Op>
DType computed_in(const char* name, Op op, DType dtype) {
  if (dtype == DType::Bool && refuses_bool(op))
    throw_dtype(name, "numbers (for a mask, use logical_not, ~ or ^)", dtype);
  const OpKind kind = kind_of(op);
  if (kind == OpKind::Bits && is_floating_point(dtype)) throw_dtype(name, "bool or integers", dtype);
  return kind == OpKind::Float && !is_floating_point(dtype) ? default_dtype() : dtype;
}

template <class Op>
DType result_dtype(Op op, DType computed) {
  return kind_of(op) == OpKind::Test ? DType::Bool : computed;
}

// The number that elements of `dtype` meet: a comparison sees it as one of them, so that 16-bit 0.1 equals 0.1.
template <class Op>
Scalar as_operand(Op op, const Scalar& value, DType dtype) {
  if (kind_of(op) != OpKind::Test || !value.is_floating_point()) return value;
  if (dtype == DType::Float16) return value.to<Half>();
  return dtype == DType::BFloat16 ? Scalar(value.to<BFloat16>()) : value;
}

// Whether writing `out` would change elements of x that are read later.
bool overlaps(const Tensor& x, const Tensor& out) {
  const TensorImpl &a = x.get(), &b = out.get();
  return a.storage == b.storage && &a != &b && !(a.offset == b.offset && a.shape == b.shape && a.strides == b.strides);
}

// Calls run(result) with *out, or with a new tensor where there is none or its dtype differs.
template <class Run>
Tensor with_result(const char* name, const Shape& shape, DType dtype, Device device, const Tensor* out,
                   const Run& run) {
  if (out) {
    check_fits(name, *out, shape, dtype);
    if (out->dtype() == dtype) {
      run(*out);
      return *out;
    }
  }
  Tensor result = make_result(name, shape, dtype, device);
  run(result);
  if (!out) return result;
  backend_of(*out).copy(view_of(*out), view_of(result));
  return *out;
}

// An operand in the dtype of the computation that does not change while *out is written. `holder` keeps a copy alive.
const Tensor& prepared(const Tensor& x, DType dtype, const Tensor* out, Tensor& holder) {
  if (x.dtype() != dtype) return holder = cast(x, dtype);
  if (!out || !overlaps(x, *out)) return x;
  holder = make_result("clone", x.shape(), dtype, x.device());
  backend_of(x).copy(view_of(holder), view_of(x));
  return holder;
}

}  // namespace

Tensor apply(const char* name, UnaryOp op, const Tensor& x, const Tensor* out) {
  const DType dtype = computed_in(name, op, x.dtype());
  Tensor holder;
  const Tensor& source = prepared(x, dtype, out, holder);
  return with_result(name, x.shape(), result_dtype(op, dtype), x.device(), out,
                     [&](const Tensor& result) { backend_of(result).unary(op, view_of(result), view_of(source)); });
}

Tensor apply(const char* name, BinaryOp op, const Tensor& a, const Tensor& b, const Tensor* out) {
  check_same_device(name, "self", a, "other", b);
  const DType dtype = computed_in(name, op, result_type(a, b));
  Tensor left_holder, right_holder;
  const Tensor& left = prepared(a, dtype, out, left_holder);
  const Tensor& right = prepared(b, dtype, out, right_holder);
  const Shape shape = broadcast_shapes(name, a.shape(), b.shape());
  return with_result(name, shape, result_dtype(op, dtype), a.device(), out, [&](const Tensor& result) {
    backend_of(result).binary(op, view_of(result), view_of(left, shape), view_of(right, shape));
  });
}

Tensor apply(const char* name, BinaryOp op, const Tensor& a, const Scalar& b, const Tensor* out) {
  const DType dtype = computed_in(name, op, b.promoted_with(a.dtype()));
  Tensor holder;
  const Tensor& left = prepared(a, dtype, out, holder);
  return with_result(name, a.shape(), result_dtype(op, dtype), a.device(), out, [&](const Tensor& result) {
    backend_of(result).binary(op, view_of(result), view_of(left), as_operand(op, b, dtype));
  });
}

Tensor apply(const char* name, BinaryOp op, const Scalar& a, const Tensor& b, const Tensor* out) {
  const DType dtype = computed_in(name, op, a.promoted_with(b.dtype()));
  Tensor holder;
  const Tensor& right = prepared(b, dtype, out, holder);
  return with_result(name, b.shape(), result_dtype(op, dtype), b.device(), out,
                     [&](const Tensor& result) { backend_of(result).binary(op, view_of(result), a, view_of(right)); });
}

Tensor cast(const Tensor& x, DType dtype) {
  if (x.dtype() == dtype) return x;
  Tensor result = make_result("to", x.shape(), dtype, x.device());
  backend_of(x).copy(view_of(result), view_of(x));
  return result;
}

Tensor scalar_tensor(const Scalar& value, DType dtype, Device device) {
  Tensor result = make_result("full", {}, dtype, device);
  backend_of(result).fill(view_of(result), value);
  return result;
}

Tensor Operand::operator()(const Tensor& gradient) const {
  const Tensor summed = gradient.shape() == shape ? gradient : sum_to(gradient, shape);
  return to(summed, dtype);
}

void check_fits(const char* name, const Tensor& self, const Shape& shape, DType dtype) {
  if (self.shape() != shape)
    throw ShapeError(fmt::format("{}: the result has shape {}, which does not fit into self of shape {}", name,
                                 shape.str(), self.shape().str()));
  if (!can_cast(dtype, self.dtype()))
    throw DTypeError(fmt::format("{}: the result has dtype {}, which cannot be cast to that of self, {}", name,
                                 name_of(dtype), name_of(self.dtype())));
}

}  // namespace mote
