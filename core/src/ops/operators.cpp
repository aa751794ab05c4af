// Operators, by the functions of the same meaning.
#include "ops/apply.h"

namespace mote {

Tensor operator-(const Tensor& x) { return neg(x); }
Tensor operator~(const Tensor& x) { return bitwise_not(x); }

Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
Tensor operator+(const Tensor& a, const Scalar& b) { return add(a, b); }
Tensor operator+(const Scalar& a, const Tensor& b) { return add(b, a); }
Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
Tensor operator-(const Tensor& a, const Scalar& b) { return sub(a, b); }
Tensor operator-(const Scalar& a, const Tensor& b) { return sub(a, b); }
Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
Tensor operator*(const Tensor& a, const Scalar& b) { return mul(a, b); }
Tensor operator*(const Scalar& a, const Tensor& b) { return mul(b, a); }
Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }
Tensor operator/(const Tensor& a, const Scalar& b) { return div(a, b); }
Tensor operator/(const Scalar& a, const Tensor& b) { return div(a, b); }
Tensor operator%(const Tensor& a, const Tensor& b) { return remainder(a, b); }
Tensor operator%(const Tensor& a, const Scalar& b) { return remainder(a, b); }
// a - b floor(a / b)
Tensor operator%(const Scalar& a, const Tensor& b) {
  Tensor y = apply("remainder", BinaryOp::Remainder, a, b);
  if (needs_grad(b)) record("remainder", y, {&b}, [a, b = Saved(b)](const Tensor& g) { return -g * floor(a / b()); });
  return y;
}

Tensor operator==(const Tensor& a, const Tensor& b) { return eq(a, b); }
Tensor operator==(const Tensor& a, const Scalar& b) { return eq(a, b); }
Tensor operator==(const Scalar& a, const Tensor& b) { return eq(b, a); }
Tensor operator!=(const Tensor& a, const Tensor& b) { return ne(a, b); }
Tensor operator!=(const Tensor& a, const Scalar& b) { return ne(a, b); }
Tensor operator!=(const Scalar& a, const Tensor& b) { return ne(b, a); }
Tensor operator<(const Tensor& a, const Tensor& b) { return lt(a, b); }
Tensor operator<(const Tensor& a, const Scalar& b) { return lt(a, b); }
Tensor operator<(const Scalar& a, const Tensor& b) { return gt(b, a); }
Tensor operator<=(const Tensor& a, const Tensor& b) { return le(a, b); }
Tensor operator<=(const Tensor& a, const Scalar& b) { return le(a, b); }
Tensor operator<=(const Scalar& a, const Tensor& b) { return ge(b, a); }
Tensor operator>(const Tensor& a, const Tensor& b) { return gt(a, b); }
Tensor operator>(const Tensor& a, const Scalar& b) { return gt(a, b); }
Tensor operator>(const Scalar& a, const Tensor& b) { return lt(b, a); }
Tensor operator>=(const Tensor& a, const Tensor& b) { return ge(a, b); }
Tensor operator>=(const Tensor& a, const Scalar& b) { return ge(a, b); }
Tensor operator>=(const Scalar& a, const Tensor& b) { return le(b, a); }

Tensor operator&(const Tensor& a, const Tensor& b) { return bitwise_and(a, b); }
Tensor operator&(const Tensor& a, const Scalar& b) { return apply("bitwise_and", BinaryOp::BitwiseAnd, a, b); }
Tensor operator&(const Scalar& a, const Tensor& b) { return b & a; }
Tensor operator|(const Tensor& a, const Tensor& b) { return bitwise_or(a, b); }
Tensor operator|(const Tensor& a, const Scalar& b) { return apply("bitwise_or", BinaryOp::BitwiseOr, a, b); }
Tensor operator|(const Scalar& a, const Tensor& b) { return b | a; }
Tensor operator^(const Tensor& a, const Tensor& b) { return bitwise_xor(a, b); }
Tensor operator^(const Tensor& a, const Scalar& b) { return apply("bitwise_xor", BinaryOp::BitwiseXor, a, b); }
Tensor operator^(const Scalar& a, const Tensor& b) { return b ^ a; }

Tensor operator+=(const Tensor& self, const Tensor& other) { return add_(self, other); }
Tensor operator+=(const Tensor& self, const Scalar& other) { return add_(self, other); }
Tensor operator-=(const Tensor& self, const Tensor& other) { return sub_(self, other); }
Tensor operator-=(const Tensor& self, const Scalar& other) { return sub_(self, other); }
Tensor operator*=(const Tensor& self, const Tensor& other) { return mul_(self, other); }
Tensor operator*=(const Tensor& self, const Scalar& other) { return mul_(self, other); }
Tensor operator/=(const Tensor& self, const Tensor& other) { return div_(self, other); }
Tensor operator/=(const Tensor& self, const Scalar& other) { return div_(self, other); }

}  // namespace mote
