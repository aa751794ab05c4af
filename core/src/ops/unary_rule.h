// The frame of a unary operation with its gradient: run, then record a rule that reads the input or the output.
#pragma once

#include "ops/apply.h"

namespace mote {

// rule(g, y): the gradient from that of the result and the result itself.
template <class Rule>
Tensor by_output(const char* name, UnaryOp op, const Tensor& x, const Tensor* out, Rule rule) {
  Tensor y = apply(name, op, x, out);
  if (needs_grad(x)) record(name, y, {&x}, [y = SavedOutput(y), rule](const Tensor& g) { return rule(g, y()); });
  return y;
}

// rule(g, x): the gradient from that of the result and the argument.
template <class Rule>
Tensor by_input(const char* name, UnaryOp op, const Tensor& x, const Tensor* out, Rule rule) {
  Tensor y = apply(name, op, x, out);
  if (needs_grad(x)) record(name, y, {&x}, [x = Saved(x), rule](const Tensor& g) { return rule(g, x()); });
  return y;
}

// rule(g): nothing is saved.
template <class Rule>
Tensor by_gradient(const char* name, UnaryOp op, const Tensor& x, const Tensor* out, Rule rule) {
  Tensor y = apply(name, op, x, out);
  if (needs_grad(x)) record(name, y, {&x}, [rule](const Tensor& g) { return rule(g); });
  return y;
}

// by_input for what is quickly computed again: whoever needs the result for a gradient of his own may keep x.
template <class Rule>
Tensor by_input_again(const char* name, UnaryOp op, const Tensor& x, Rule rule) {
  Tensor y = by_input(name, op, x, nullptr, rule);
  if (takes_recipe(y)) offer_recipe(y, [name, op, x = Saved(x)] { return apply(name, op, x()); });
  return y;
}

// The kernel `op` in a backward that is not recorded itself, in the place of g where nobody else has that; the rule in
// public operations in one that is recorded.
template <class Rule>
auto fused(BinaryOp op, Rule rule) {
  return [op, rule](const Tensor& g, const Tensor& saved) {
    if (is_grad_enabled()) return rule(g, saved);
    const bool fits = is_sole_owner(g) && g.dtype() == saved.dtype() && g.shape() == saved.shape();
    return apply(name_of(op), op, g, saved, fits ? &g : nullptr);
  };
}

// f is an operation of the form f(name, x, out).
template <class F>
Tensor unary_in_place(const char* name, const Tensor& self, F f) {
  return in_place(name, self, needs_grad(self), [&](const Tensor& x, const Tensor* out) { return f(name, x, out); });
}

}  // namespace mote
