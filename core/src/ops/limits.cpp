// maximum, minimum and clamp.
#include "ops/apply.h"

namespace mote {

namespace {

// The side that wins gets the gradient, at a tie each gets half. With NaN, which neither loses, both get it.
Tensor extreme(const char* name, BinaryOp op, const Tensor& a, const Tensor& b) {
  Tensor y = apply(name, op, a, b);
  if (needs_grad(a, b))
    record(name, y, {&a, &b},
           [to_a = Operand(a), to_b = Operand(b), a = Saved(a), b = Saved(b), largest = op == BinaryOp::Maximum](
               const Tensor& g, const Needs& needs) {
             const Tensor left = a(), right = b();
             const Tensor shared = where(left == right, g * 0.5, g);
             std::array<Tensor, 2> grads;
             if (needs[0]) grads[0] = to_a(masked_fill(shared, largest ? left < right : left > right, 0.0));
             if (needs[1]) grads[1] = to_b(masked_fill(shared, largest ? right < left : right > left, 0.0));
             return grads;
           });
  return y;
}

Tensor extreme(const char* name, BinaryOp op, const Tensor& a, const Scalar& b) {
  Tensor y = apply(name, op, a, b);
  if (needs_grad(a))
    record(name, y, {&a}, [a = Saved(a), b, largest = op == BinaryOp::Maximum](const Tensor& g) {
      const Tensor left = a();
      return masked_fill(where(left == b, g * 0.5, g), largest ? left < b : left > b, 0.0);
    });
  return y;
}

Tensor limited(const char* name, const Tensor& x, std::optional<Scalar> min, std::optional<Scalar> max,
               const Tensor* out) {
  if (!min && !max) throw ValueError(std::string(name) + ": expected min, max or both, but got neither");
  Tensor y;
  if (min && max) {
    // Both bounds take part in promotion before either is applied.
    const DType dtype = max->promoted_with(min->promoted_with(x.dtype()));
    const Tensor raised = apply(name, BinaryOp::Maximum, cast(x, dtype), *min);
    y = apply(name, BinaryOp::Minimum, raised, *max, out ? out : &raised);
  } else {
    y = apply(name, min ? BinaryOp::Maximum : BinaryOp::Minimum, x, min ? *min : *max, out);
  }
  if (needs_grad(x))
    record(name, y, {&x}, [x = Saved(x), min, max](const Tensor& g) {
      const Tensor value = x();
      const Tensor above = min ? value >= *min : value <= *max;
      return masked_fill(g, logical_not(min && max ? above & (value <= *max) : above), 0.0);
    });
  return y;
}

}  // namespace

Tensor maximum(const Tensor& a, const Tensor& b) { return extreme("maximum", BinaryOp::Maximum, a, b); }
Tensor maximum(const Tensor& a, const Scalar& b) { return extreme("maximum", BinaryOp::Maximum, a, b); }
Tensor minimum(const Tensor& a, const Tensor& b) { return extreme("minimum", BinaryOp::Minimum, a, b); }
Tensor minimum(const Tensor& a, const Scalar& b) { return extreme("minimum", BinaryOp::Minimum, a, b); }

Tensor clamp(const Tensor& x, std::optional<Scalar> min, std::optional<Scalar> max) {
  return limited("clamp", x, min, max, nullptr);
}
Tensor clamp_(const Tensor& self, std::optional<Scalar> min, std::optional<Scalar> max) {
  return in_place_cast("clamp_", self, needs_grad(self),
                       [&](const Tensor& x, const Tensor* out) { return limited("clamp_", x, min, max, out); });
}

}  // namespace mote
