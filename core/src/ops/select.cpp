// where, masked_fill and triangles, each with its gradient.
#include <fmt/format.h>

#include "ops/apply.h"
#include "ops/positions.h"
#include "ops/type_promotion.h"

namespace mote {

namespace {

void run_where(const Tensor& result, const Tensor& condition, const Tensor& a, const Tensor& b) {
  const Shape& shape = result.shape();
  backend_of(result).where(view_of(result), view_of(condition, shape), view_of(a, shape), view_of(b, shape));
}

Tensor fill_masked(const char* name, const Tensor& self, const Tensor& mask, const Scalar& value, const Tensor* out) {
  check_same_device(name, "self", self, "mask", mask);
  check_dtype(name, "mask", mask, DType::Bool);
  const Shape shape = broadcast_shapes(name, self.shape(), mask.shape());
  if (out) check_fits(name, *out, shape, self.dtype());
  Tensor y = out ? *out : make_result(name, shape, self.dtype(), self.device());
  const Tensor safe = separate_from(y, mask);
  backend_of(y).masked_fill(view_of(y), view_of(self, shape), view_of(safe, shape), value);
  if (needs_grad(self))
    record(name, y, {&self}, [to_self = Operand(self), mask = Saved(mask)](const Tensor& g) {
      return to_self(masked_fill(g, mask(), 0));
    });
  return y;
}

// The value may be on its way from another operation of the device, so it is not read here.
Tensor fill_masked(const char* name, const Tensor& self, const Tensor& mask, const Tensor& value, const Tensor* out) {
  check_same_device(name, {{"self", &self}, {"mask", &mask}, {"value", &value}});
  check_dtype(name, "mask", mask, DType::Bool);
  if (value.dim() != 0)
    throw ShapeError(
        fmt::format("{}: expected value to be 0-dimensional, but got shape {}", name, value.shape().str()));
  const Shape shape = broadcast_shapes(name, self.shape(), mask.shape());
  if (out) check_fits(name, *out, shape, self.dtype());
  Tensor y = out ? *out : make_result(name, shape, self.dtype(), self.device());
  run_where(y, separate_from(y, mask), cast(value, self.dtype()), self);
  if (needs_grad(self, value))
    record(
        name, y, {&self, &value},
        [to_self = Operand(self), to_value = Operand(value), mask = Saved(mask)](const Tensor& g, const Needs& needs) {
          std::array<Tensor, 2> grads;
          if (needs[0]) grads[0] = to_self(masked_fill(g, mask(), 0));
          if (needs[1]) grads[1] = to_value(where(mask(), g, 0));
          return grads;
        });
  return y;
}

Tensor triangle(const char* name, const Tensor& x, int64_t diagonal, bool upper, const Tensor* out) {
  if (x.dim() < 2)
    throw ShapeError(fmt::format("{}: expected at least 2 dimensions, but got shape {}", name, x.shape().str()));
  Tensor y = out ? *out : make_result(name, x.shape(), x.dtype(), x.device());
  // A mask is usually triu(ones(...)): an error about it should say where those ones were made.
  if (!out) y.get().origin.where = x.get().origin.where;
  // Further out the border no longer moves, and row + diagonal cannot overflow.
  const int64_t border = std::clamp(diagonal, -x.size(-2) - 1, x.size(-1) + 1);
  backend_of(y).triangle(view_of(y), view_of(x), border, upper);
  if (needs_grad(x))
    record(name, y, {&x}, [diagonal, upper](const Tensor& g) { return upper ? triu(g, diagonal) : tril(g, diagonal); });
  return y;
}

}  // namespace

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  check_same_device("where", {{"condition", &condition}, {"self", &a}, {"other", &b}});
  check_dtype("where", "condition", condition, DType::Bool);
  const DType dtype = result_type(a, b);
  const Shape shape = broadcast_shapes("where", condition.shape(), broadcast_shapes("where", a.shape(), b.shape()));
  Tensor y = make_result("where", shape, dtype, a.device());
  run_where(y, condition, cast(a, dtype), cast(b, dtype));
  if (needs_grad(a, b))
    record("where", y, {&a, &b},
           [to_a = Operand(a), to_b = Operand(b), condition = Saved(condition)](const Tensor& g, const Needs& needs) {
             std::array<Tensor, 2> grads;
             if (needs[0]) grads[0] = to_a(where(condition(), g, 0));
             if (needs[1]) grads[1] = to_b(masked_fill(g, condition(), 0));
             return grads;
           });
  return y;
}

// A number takes part in promotion as a number does, not as a 0-dimensional tensor.
Tensor where(const Tensor& condition, const Tensor& a, const Scalar& b) {
  const DType dtype = b.promoted_with(a.dtype());
  return where(condition, to(a, dtype), scalar_tensor(b, dtype, a.device()));
}
Tensor where(const Tensor& condition, const Scalar& a, const Tensor& b) {
  const DType dtype = a.promoted_with(b.dtype());
  return where(condition, scalar_tensor(a, dtype, b.device()), to(b, dtype));
}

Tensor masked_fill(const Tensor& self, const Tensor& mask, const Scalar& value) {
  return fill_masked("masked_fill", self, mask, value, nullptr);
}
Tensor masked_fill(const Tensor& self, const Tensor& mask, const Tensor& value) {
  return fill_masked("masked_fill", self, mask, value, nullptr);
}
Tensor masked_fill_(const Tensor& self, const Tensor& mask, const Scalar& value) {
  return in_place_cast("masked_fill_", self, needs_grad(self), [&](const Tensor& x, const Tensor* out) {
    return fill_masked("masked_fill_", x, mask, value, out);
  });
}
Tensor masked_fill_(const Tensor& self, const Tensor& mask, const Tensor& value) {
  return in_place_cast("masked_fill_", self, needs_grad(self, value), [&](const Tensor& x, const Tensor* out) {
    return fill_masked("masked_fill_", x, mask, value, out);
  });
}

Tensor triu(const Tensor& x, int64_t diagonal) { return triangle("triu", x, diagonal, true, nullptr); }
Tensor tril(const Tensor& x, int64_t diagonal) { return triangle("tril", x, diagonal, false, nullptr); }
Tensor triu_(const Tensor& self, int64_t diagonal) {
  return in_place("triu_", self, needs_grad(self),
                  [&](const Tensor& x, const Tensor* out) { return triangle("triu_", x, diagonal, true, out); });
}
Tensor tril_(const Tensor& self, int64_t diagonal) {
  return in_place("tril_", self, needs_grad(self),
                  [&](const Tensor& x, const Tensor* out) { return triangle("tril_", x, diagonal, false, out); });
}

}  // namespace mote
