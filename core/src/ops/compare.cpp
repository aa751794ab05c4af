// Comparisons and logic. They give bool and have no gradient.
#include <fmt/format.h>

#include "mote/reduce.h"
#include "ops/apply.h"

namespace mote {

Tensor eq(const Tensor& a, const Tensor& b) { return apply("eq", BinaryOp::Eq, a, b); }
Tensor eq(const Tensor& a, const Scalar& b) { return apply("eq", BinaryOp::Eq, a, b); }
Tensor ne(const Tensor& a, const Tensor& b) { return apply("ne", BinaryOp::Ne, a, b); }
Tensor ne(const Tensor& a, const Scalar& b) { return apply("ne", BinaryOp::Ne, a, b); }
Tensor lt(const Tensor& a, const Tensor& b) { return apply("lt", BinaryOp::Lt, a, b); }
Tensor lt(const Tensor& a, const Scalar& b) { return apply("lt", BinaryOp::Lt, a, b); }
Tensor le(const Tensor& a, const Tensor& b) { return apply("le", BinaryOp::Le, a, b); }
Tensor le(const Tensor& a, const Scalar& b) { return apply("le", BinaryOp::Le, a, b); }
Tensor gt(const Tensor& a, const Tensor& b) { return apply("gt", BinaryOp::Gt, a, b); }
Tensor gt(const Tensor& a, const Scalar& b) { return apply("gt", BinaryOp::Gt, a, b); }
Tensor ge(const Tensor& a, const Tensor& b) { return apply("ge", BinaryOp::Ge, a, b); }
Tensor ge(const Tensor& a, const Scalar& b) { return apply("ge", BinaryOp::Ge, a, b); }
Tensor logical_and(const Tensor& a, const Tensor& b) { return apply("logical_and", BinaryOp::LogicalAnd, a, b); }
Tensor logical_or(const Tensor& a, const Tensor& b) { return apply("logical_or", BinaryOp::LogicalOr, a, b); }
Tensor logical_xor(const Tensor& a, const Tensor& b) { return apply("logical_xor", BinaryOp::LogicalXor, a, b); }
Tensor bitwise_and(const Tensor& a, const Tensor& b) { return apply("bitwise_and", BinaryOp::BitwiseAnd, a, b); }
Tensor bitwise_or(const Tensor& a, const Tensor& b) { return apply("bitwise_or", BinaryOp::BitwiseOr, a, b); }
Tensor bitwise_xor(const Tensor& a, const Tensor& b) { return apply("bitwise_xor", BinaryOp::BitwiseXor, a, b); }

// --- in place: the result is cast to the dtype of self, and does not depend smoothly on the old value ----------------

namespace {

template <class Other>
Tensor test_in_place(const char* name, BinaryOp op, const Tensor& self, const Other& other) {
  return in_place_cast(name, self, needs_grad(self),
                       [&](const Tensor& x, const Tensor* out) { return apply(name, op, x, other, out); });
}

Tensor test_in_place(const char* name, UnaryOp op, const Tensor& self) {
  return in_place_cast(name, self, needs_grad(self),
                       [&](const Tensor& x, const Tensor* out) { return apply(name, op, x, out); });
}

}  // namespace

Tensor eq_(const Tensor& self, const Tensor& other) { return test_in_place("eq_", BinaryOp::Eq, self, other); }
Tensor eq_(const Tensor& self, const Scalar& other) { return test_in_place("eq_", BinaryOp::Eq, self, other); }
Tensor ne_(const Tensor& self, const Tensor& other) { return test_in_place("ne_", BinaryOp::Ne, self, other); }
Tensor ne_(const Tensor& self, const Scalar& other) { return test_in_place("ne_", BinaryOp::Ne, self, other); }
Tensor lt_(const Tensor& self, const Tensor& other) { return test_in_place("lt_", BinaryOp::Lt, self, other); }
Tensor lt_(const Tensor& self, const Scalar& other) { return test_in_place("lt_", BinaryOp::Lt, self, other); }
Tensor le_(const Tensor& self, const Tensor& other) { return test_in_place("le_", BinaryOp::Le, self, other); }
Tensor le_(const Tensor& self, const Scalar& other) { return test_in_place("le_", BinaryOp::Le, self, other); }
Tensor gt_(const Tensor& self, const Tensor& other) { return test_in_place("gt_", BinaryOp::Gt, self, other); }
Tensor gt_(const Tensor& self, const Scalar& other) { return test_in_place("gt_", BinaryOp::Gt, self, other); }
Tensor ge_(const Tensor& self, const Tensor& other) { return test_in_place("ge_", BinaryOp::Ge, self, other); }
Tensor ge_(const Tensor& self, const Scalar& other) { return test_in_place("ge_", BinaryOp::Ge, self, other); }
Tensor logical_and_(const Tensor& self, const Tensor& other) {
  return test_in_place("logical_and_", BinaryOp::LogicalAnd, self, other);
}
Tensor logical_or_(const Tensor& self, const Tensor& other) {
  return test_in_place("logical_or_", BinaryOp::LogicalOr, self, other);
}
Tensor logical_xor_(const Tensor& self, const Tensor& other) {
  return test_in_place("logical_xor_", BinaryOp::LogicalXor, self, other);
}
Tensor logical_not_(const Tensor& self) { return test_in_place("logical_not_", UnaryOp::LogicalNot, self); }
Tensor bitwise_and_(const Tensor& self, const Tensor& other) {
  return test_in_place("bitwise_and_", BinaryOp::BitwiseAnd, self, other);
}
Tensor bitwise_or_(const Tensor& self, const Tensor& other) {
  return test_in_place("bitwise_or_", BinaryOp::BitwiseOr, self, other);
}
Tensor bitwise_xor_(const Tensor& self, const Tensor& other) {
  return test_in_place("bitwise_xor_", BinaryOp::BitwiseXor, self, other);
}
Tensor bitwise_not_(const Tensor& self) { return test_in_place("bitwise_not_", UnaryOp::BitwiseNot, self); }

Tensor isclose(const Tensor& a, const Tensor& b, double rtol, double atol, bool equal_nan) {
  if (a.dtype() != b.dtype())
    throw DTypeError(fmt::format("isclose: expected self and other to have one dtype, but got {} and {}",
                                 name_of(a.dtype()), name_of(b.dtype())));
  if (rtol < 0 || atol < 0)
    throw ValueError(fmt::format("isclose: expected rtol and atol to be at least 0, but got {} and {}", rtol, atol));
  const NoGradGuard no_grad;
  Tensor close = a == b;  // also equal infinities
  if (equal_nan && a.is_floating_point()) close = close | (isnan(a) & isnan(b));
  // In the compute type of the operands, integers in float64.
  const bool exact = !a.is_floating_point();
  const Tensor left = exact ? cast(a, DType::Float64) : a, right = exact ? cast(b, DType::Float64) : b;
  const Tensor difference = abs(left - right);
  return close | (isfinite(difference) & (difference <= abs(right * rtol) + atol));
}

bool allclose(const Tensor& a, const Tensor& b, double rtol, double atol, bool equal_nan) {
  return all(isclose(a, b, rtol, atol, equal_nan)).item<bool>();
}

bool equal(const Tensor& a, const Tensor& b) {
  check_same_device("equal", "self", a, "other", b);
  return a.shape() == b.shape() && all(eq(a, b)).item<bool>();
}

}  // namespace mote
