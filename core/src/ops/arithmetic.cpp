// Sums, products, quotients and powers.
#include <fmt/format.h>

#include "ops/apply.h"
#include "ops/autocast_operand.h"
#include "ops/type_promotion.h"

namespace mote {

namespace {

using Pair = std::array<Tensor, 2>;

bool is_one(const Scalar& value) { return value.to<double>() == 1.0; }

// alpha * b in the dtype of the whole operation.
Tensor scaled(const char* name, const Tensor& a, const Tensor& b, const Scalar& alpha) {
  const DType dtype = result_type(a, b);
  if (!is_floating_point(dtype) && alpha.is_floating_point())
    throw DTypeError(fmt::format("{}: expected alpha to be an integer for {} tensors, but got {}", name, name_of(dtype),
                                 alpha.to<double>()));
  return apply(name, BinaryOp::Mul, cast(b, dtype), dtype == DType::Bool ? Scalar(alpha.to<bool>()) : alpha);
}

void refuse_bool(const char* name, const Tensor& x) {
  if (x.dtype() == DType::Bool)
    throw DTypeError(fmt::format("{}: expected numbers, but got bool; for masks use ^ or logical_xor", name));
}

// a + alpha * b, or a - alpha * b.
Tensor sum_of(const char* name, BinaryOp op, const Tensor& a, const Tensor& b, const Scalar& alpha, const Tensor* out) {
  Tensor y = is_one(alpha) || a.device() != b.device() ? apply(name, op, a, b, out)
                                                       : apply(name, op, a, scaled(name, a, b, alpha), out);
  if (needs_grad(a, b))
    record(name, y, {&a, &b},
           [a = Operand(a), b = Operand(b), alpha, minus = op == BinaryOp::Sub](const Tensor& g, const Needs& needs) {
             Pair grads;
             if (needs[0]) grads[0] = a(g);
             if (needs[1]) grads[1] = b(is_one(alpha) ? g : g * alpha);
             if (needs[1] && minus) grads[1] = neg(grads[1]);
             return grads;
           });
  return y;
}

Tensor sum_of(const char* name, BinaryOp op, const Tensor& a, const Scalar& b, const Tensor* out) {
  Tensor y = apply(name, op, a, b, out);
  if (needs_grad(a)) record(name, y, {&a}, [](const Tensor& g) { return g; });
  return y;
}

Tensor product_of(const char* name, const Tensor& a, const Tensor& b, const Tensor* out) {
  Tensor y = apply(name, BinaryOp::Mul, a, b, out);
  if (needs_grad(a, b))
    record(name, y, {&a, &b},
           [to_a = Operand(a), to_b = Operand(b), a = Saved(a, tracks_grad(b)), b = Saved(b, tracks_grad(a))](
               const Tensor& g, const Needs& needs) {
             return Pair{needs[0] ? to_a(g * b()) : Tensor(), needs[1] ? to_b(g * a()) : Tensor()};
           });
  return y;
}

Tensor product_of(const char* name, const Tensor& a, const Scalar& b, const Tensor* out) {
  Tensor y = apply(name, BinaryOp::Mul, a, b, out);
  if (needs_grad(a)) record(name, y, {&a}, [b](const Tensor& g) { return g * b; });
  return y;
}

Tensor quotient_of(const char* name, const Tensor& a, const Tensor& b, const Tensor* out) {
  Tensor y = apply(name, BinaryOp::Div, a, b, out);
  if (needs_grad(a, b))
    record(name, y, {&a, &b},
           [to_a = Operand(a), to_b = Operand(b), a = Saved(a, tracks_grad(b)), b = Saved(b)](const Tensor& g,
                                                                                              const Needs& needs) {
             return Pair{needs[0] ? to_a(g / b()) : Tensor(), needs[1] ? to_b(-g * (a() / b() / b())) : Tensor()};
           });
  return y;
}

Tensor quotient_of(const char* name, const Tensor& a, const Scalar& b, const Tensor* out) {
  Tensor y = apply(name, BinaryOp::Div, a, b, out);
  if (needs_grad(a)) record(name, y, {&a}, [b](const Tensor& g) { return g / b; });
  return y;
}

// The powers that have an operation of their own.
Tensor power(const char* name, const Tensor& base, const Scalar& exponent, const Tensor* out) {
  const DType dtype = exponent.promoted_with(base.dtype());
  const auto e = exponent.to<double>();
  if (!is_floating_point(dtype) && e < 0)
    throw ValueError(fmt::format("{}: expected an exponent of at least 0 for {} tensors, but got {}", name,
                                 name_of(dtype), exponent.to<int64_t>()));
  if (base.dtype() == dtype) {
    if (e == 2.0) return apply(name, UnaryOp::Square, base, out);
    if (e == 3.0) return apply(name, BinaryOp::Mul, apply(name, UnaryOp::Square, base), base, out);
    if (e == 0.5) return apply(name, UnaryOp::Sqrt, base, out);
    if (e == -0.5) return apply(name, UnaryOp::Rsqrt, base, out);
    if (e == -1.0) return apply(name, UnaryOp::Reciprocal, base, out);
  }
  return apply(name, BinaryOp::Pow, base, exponent, out);
}

Tensor power_of(const char* name, const Tensor& base, const Scalar& exponent, const Tensor* out) {
  Tensor y = power(name, base, exponent, out);
  if (needs_grad(base))
    record(name, y, {&base}, [base = Saved(base), exponent](const Tensor& g) {
      const auto e = exponent.to<double>();
      return e == 0.0 ? g.clone().zero_() : g * (pow(base(), e - 1.0) * e);
    });
  return y;
}

// d base = e b^(e-1), 0 where e = 0;  d exponent = b^e log b, 0 where b = 0 and e >= 0.
Tensor power_of(const char* name, const Tensor& base, const Tensor& exponent, const Tensor* out) {
  Tensor y = apply(name, BinaryOp::Pow, base, exponent, out);
  if (needs_grad(base, exponent))
    record(name, y, {&base, &exponent},
           [to_base = Operand(base), to_exponent = Operand(exponent), base = Saved(base), exponent = Saved(exponent),
            y = SavedOutput(y)](const Tensor& g, const Needs& needs) {
             Pair grads;
             const Tensor b = base(), e = exponent();
             if (needs[0]) grads[0] = to_base(g * masked_fill(e * pow(b, e - 1.0), e == 0.0, 0.0));
             if (needs[1]) grads[1] = to_exponent(g * masked_fill(y() * log(b), (b == 0.0) & (e >= 0.0), 0.0));
             return grads;
           });
  return y;
}

Tensor interpolate(const char* name, const Tensor& start, const Tensor& end, double weight, const Tensor* out) {
  check_same_device(name, "self", start, "end", end);
  check_floating_point(name, start);
  check_floating_point(name, end);
  // From the nearer end, so that a weight of 1 gives `end` exactly.
  const bool near_start = weight < 0.5;
  const Tensor step = apply(name, BinaryOp::Sub, end, start);
  apply(name, BinaryOp::Mul, step, near_start ? weight : weight - 1.0, &step);
  Tensor y = apply(name, BinaryOp::Add, near_start ? start : end, step, out);
  if (needs_grad(start, end))
    record(name, y, {&start, &end},
           [to_start = Operand(start), to_end = Operand(end), weight](const Tensor& g, const Needs& needs) {
             return Pair{needs[0] ? to_start(g * (1.0 - weight)) : Tensor(), needs[1] ? to_end(g * weight) : Tensor()};
           });
  return y;
}

template <class Other>
Tensor floor_quotient_in_place(const Tensor& self, const Other& other) {
  return in_place_cast("floor_divide_", self, needs_grad(self), [&](const Tensor& x, const Tensor* out) {
    return apply("floor_divide_", BinaryOp::FloorDivide, x, other, out);
  });
}

Tensor rest_of(const char* name, const Tensor& a, const Tensor& b, const Tensor* out) {
  Tensor y = apply(name, BinaryOp::Remainder, a, b, out);
  if (needs_grad(a, b))
    record(name, y, {&a, &b},
           [to_a = Operand(a), to_b = Operand(b), a = Saved(a, tracks_grad(b)), b = Saved(b, tracks_grad(b))](
               const Tensor& g, const Needs& needs) {
             return Pair{needs[0] ? to_a(g) : Tensor(), needs[1] ? to_b(-g * floor_divide(a(), b())) : Tensor()};
           });
  return y;
}

Tensor rest_of(const char* name, const Tensor& a, const Scalar& b, const Tensor* out) {
  Tensor y = apply(name, BinaryOp::Remainder, a, b, out);
  if (needs_grad(a)) record(name, y, {&a}, [](const Tensor& g) { return g; });
  return y;
}

// self + value * (a op b), where op is a product or a quotient.
Tensor add_term(const char* name, BinaryOp op, const Tensor& self, const Tensor& a, const Tensor& b,
                const Scalar& value, const Tensor* out) {
  check_same_device(name, {{"self", &self}, {"tensor1", &a}, {"tensor2", &b}});
  if (op == BinaryOp::Div && !is_floating_point(result_type(a, b)))
    throw DTypeError(fmt::format("{}: expected floating-point tensors to divide, but got {} and {}", name,
                                 name_of(a.dtype()), name_of(b.dtype())));
  const Tensor term = apply(name, op, a, b);
  Tensor y = apply(name, BinaryOp::Add, self, is_one(value) ? term : apply(name, BinaryOp::Mul, term, value), out);
  if (needs_grad(self, a, b))
    record(name, y, {&self, &a, &b},
           [to_self = Operand(self), to_a = Operand(a), to_b = Operand(b), a = Saved(a, tracks_grad(b)),
            b = Saved(b, tracks_grad(a) || (tracks_grad(b) && op == BinaryOp::Div)), value,
            op](const Tensor& g, const Needs& needs) {
             std::array<Tensor, 3> grads;
             const bool divide = op == BinaryOp::Div;
             if (needs[0]) grads[0] = to_self(g);
             if (needs[1]) grads[1] = to_a(divide ? g * value / b() : g * value * b());
             if (needs[2]) grads[2] = to_b(divide ? -g * value * (a() / b() / b()) : g * value * a());
             return grads;
           });
  return y;
}

}  // namespace

Tensor add(const Tensor& a, const Tensor& b, const Scalar& alpha) {
  return sum_of("add", BinaryOp::Add, a, b, alpha, nullptr);
}
Tensor add(const Tensor& a, const Scalar& b) { return sum_of("add", BinaryOp::Add, a, b, nullptr); }

Tensor add_(const Tensor& self, const Tensor& other, const Scalar& alpha) {
  return in_place_cast("add_", self, needs_grad(self, other), [&](const Tensor& x, const Tensor* out) {
    return sum_of("add_", BinaryOp::Add, x, other, alpha, out);
  });
}
Tensor add_(const Tensor& self, const Scalar& other) {
  return in_place_cast("add_", self, needs_grad(self), [&](const Tensor& x, const Tensor* out) {
    return sum_of("add_", BinaryOp::Add, x, other, out);
  });
}

Tensor sub(const Tensor& a, const Tensor& b, const Scalar& alpha) {
  refuse_bool("sub", a);
  refuse_bool("sub", b);
  return sum_of("sub", BinaryOp::Sub, a, b, alpha, nullptr);
}
Tensor sub(const Tensor& a, const Scalar& b) {
  refuse_bool("sub", a);
  return sum_of("sub", BinaryOp::Sub, a, b, nullptr);
}
Tensor sub(const Scalar& a, const Tensor& b) {
  refuse_bool("sub", b);
  Tensor y = apply("sub", BinaryOp::Sub, a, b);
  if (needs_grad(b)) record("sub", y, {&b}, [](const Tensor& g) { return -g; });
  return y;
}

Tensor sub_(const Tensor& self, const Tensor& other, const Scalar& alpha) {
  refuse_bool("sub_", self);
  refuse_bool("sub_", other);
  return in_place_cast("sub_", self, needs_grad(self, other), [&](const Tensor& x, const Tensor* out) {
    return sum_of("sub_", BinaryOp::Sub, x, other, alpha, out);
  });
}
Tensor sub_(const Tensor& self, const Scalar& other) {
  refuse_bool("sub_", self);
  return in_place_cast("sub_", self, needs_grad(self), [&](const Tensor& x, const Tensor* out) {
    return sum_of("sub_", BinaryOp::Sub, x, other, out);
  });
}

Tensor mul(const Tensor& a, const Tensor& b) { return product_of("mul", a, b, nullptr); }
Tensor mul(const Tensor& a, const Scalar& b) { return product_of("mul", a, b, nullptr); }

Tensor mul_(const Tensor& self, const Tensor& other) {
  return in_place_cast("mul_", self, needs_grad(self, other),
                       [&](const Tensor& x, const Tensor* out) { return product_of("mul_", x, other, out); });
}
Tensor mul_(const Tensor& self, const Scalar& other) {
  return in_place_cast("mul_", self, needs_grad(self),
                       [&](const Tensor& x, const Tensor* out) { return product_of("mul_", x, other, out); });
}

Tensor div(const Tensor& a, const Tensor& b) { return quotient_of("div", a, b, nullptr); }
Tensor div(const Tensor& a, const Scalar& b) { return quotient_of("div", a, b, nullptr); }
Tensor div(const Scalar& a, const Tensor& own_b) {
  const Autocast cast(kWideFunctions, own_b);
  const Tensor& b = cast;
  Tensor y = apply("div", BinaryOp::Div, a, b);
  if (needs_grad(b))
    record("div", y, {&b}, [b = Saved(b), y = SavedOutput(y)](const Tensor& g) { return -g * (y() / b()); });
  return y;
}

Tensor div_(const Tensor& self, const Tensor& other) {
  return in_place_cast("div_", self, needs_grad(self, other),
                       [&](const Tensor& x, const Tensor* out) { return quotient_of("div_", x, other, out); });
}
Tensor div_(const Tensor& self, const Scalar& other) {
  return in_place_cast("div_", self, needs_grad(self),
                       [&](const Tensor& x, const Tensor* out) { return quotient_of("div_", x, other, out); });
}

Tensor floor_divide(const Tensor& a, const Tensor& b) { return apply("floor_divide", BinaryOp::FloorDivide, a, b); }
Tensor floor_divide(const Tensor& a, const Scalar& b) { return apply("floor_divide", BinaryOp::FloorDivide, a, b); }

Tensor floor_divide_(const Tensor& self, const Tensor& other) { return floor_quotient_in_place(self, other); }
Tensor floor_divide_(const Tensor& self, const Scalar& other) { return floor_quotient_in_place(self, other); }

Tensor remainder(const Tensor& a, const Tensor& b) { return rest_of("remainder", a, b, nullptr); }
Tensor remainder(const Tensor& a, const Scalar& b) { return rest_of("remainder", a, b, nullptr); }

Tensor remainder_(const Tensor& self, const Tensor& other) {
  return in_place_cast("remainder_", self, needs_grad(self, other),
                       [&](const Tensor& x, const Tensor* out) { return rest_of("remainder_", x, other, out); });
}
Tensor remainder_(const Tensor& self, const Scalar& other) {
  return in_place_cast("remainder_", self, needs_grad(self),
                       [&](const Tensor& x, const Tensor* out) { return rest_of("remainder_", x, other, out); });
}

Tensor pow(const Tensor& base, const Scalar& exponent) {
  return power_of("pow", Autocast(kWideFunctions, base), exponent, nullptr);
}
Tensor pow_(const Tensor& self, const Scalar& exponent) {
  return in_place_cast("pow_", self, needs_grad(self),
                       [&](const Tensor& x, const Tensor* out) { return power_of("pow_", x, exponent, out); });
}

Tensor pow(const Tensor& base, const Tensor& exponent) {
  return power_of("pow", Autocast(kWideFunctions, base), Autocast(kWideFunctions, exponent), nullptr);
}
Tensor pow_(const Tensor& self, const Tensor& exponent) {
  return in_place_cast("pow_", self, needs_grad(self, exponent),
                       [&](const Tensor& x, const Tensor* out) { return power_of("pow_", x, exponent, out); });
}

Tensor pow(const Scalar& base, const Tensor& own_exponent) {
  const Autocast cast(kWideFunctions, own_exponent);
  const Tensor& exponent = cast;
  Tensor y = apply("pow", BinaryOp::Pow, base, exponent);
  if (needs_grad(exponent))
    record("pow", y, {&exponent}, [base, exponent = Saved(exponent), y = SavedOutput(y)](const Tensor& g) {
      const auto b = base.to<double>();
      return b == 0.0 ? g * masked_fill(y() * std::log(b), exponent() >= 0.0, 0.0) : g * y() * std::log(b);
    });
  return y;
}

Tensor lerp(const Tensor& start, const Tensor& end, const Scalar& weight) {
  return interpolate("lerp", start, end, weight.to<double>(), nullptr);
}
Tensor lerp_(const Tensor& self, const Tensor& end, const Scalar& weight) {
  return in_place_cast("lerp_", self, needs_grad(self, end), [&](const Tensor& x, const Tensor* out) {
    return interpolate("lerp_", x, end, weight.to<double>(), out);
  });
}

Tensor addcmul(const Tensor& self, const Tensor& a, const Tensor& b, const Scalar& value) {
  return add_term("addcmul", BinaryOp::Mul, Autocast(kMixedOperands, self, a, b), Autocast(kMixedOperands, a, self, b),
                  Autocast(kMixedOperands, b, self, a), value, nullptr);
}
Tensor addcmul_(const Tensor& self, const Tensor& a, const Tensor& b, const Scalar& value) {
  return in_place_cast("addcmul_", self, needs_grad(self, a, b), [&](const Tensor& x, const Tensor* out) {
    return add_term("addcmul_", BinaryOp::Mul, x, a, b, value, out);
  });
}

Tensor addcdiv(const Tensor& self, const Tensor& a, const Tensor& b, const Scalar& value) {
  return add_term("addcdiv", BinaryOp::Div, Autocast(kMixedOperands, self, a, b), Autocast(kMixedOperands, a, self, b),
                  Autocast(kMixedOperands, b, self, a), value, nullptr);
}
Tensor addcdiv_(const Tensor& self, const Tensor& a, const Tensor& b, const Scalar& value) {
  return in_place_cast("addcdiv_", self, needs_grad(self, a, b), [&](const Tensor& x, const Tensor* out) {
    return add_term("addcdiv_", BinaryOp::Div, x, a, b, value, out);
  });
}

}  // namespace mote
