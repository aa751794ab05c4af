// Matrix products. Operands reach the backend as views: a vector is a matrix of one row or column, a broadcast batch
// has stride 0. Nothing is copied here.
#include "mote/matmul.h"

#include <fmt/format.h>

#include "ops/autocast_operand.h"
#include "ops/matmul_views.h"

namespace mote {

namespace {

Tensor as_rows(const Tensor& x) { return x.dim() == 2 ? x : reshape(x, {x.numel() / x.size(-1), x.size(-1)}); }

// a^T g summed over the batch, where b was one matrix for all of it: one product over all rows.
Tensor shared_matrix_gradient(const Tensor& a, const Tensor& g) { return matmul(t(as_rows(a)), as_rows(g)); }

struct MatmulRule {
  Saved a, b;
  Shape a_shape, b_shape;

  std::array<Tensor, 2> operator()(const Tensor& gradient, Needs needs) const {
    Tensor g = gradient;
    if (b_shape.rank() == 1) g = unsqueeze(g, -1);
    if (a_shape.rank() == 1) g = unsqueeze(g, -2);
    std::array<Tensor, 2> result;
    if (needs[0]) {
      const Tensor right = b_shape.rank() == 1 ? unsqueeze(b(), 0) : transpose(b(), -1, -2);
      const Tensor full = matmul(g, right);
      result[0] = a_shape.rank() == 1 ? sum_to(full, Shape({1, a_shape[0]})).reshape(a_shape) : sum_to(full, a_shape);
    }
    if (needs[1]) {
      const Tensor left = a_shape.rank() == 1 ? unsqueeze(a(), 0) : a();
      const bool shared = b_shape.rank() <= 2 && left.dim() > 2 && left.numel() > 0 && g.numel() > 0;
      const Tensor full = shared ? shared_matrix_gradient(left, g) : matmul(transpose(left, -1, -2), g);
      result[1] = b_shape.rank() == 1 ? sum_to(full, Shape({b_shape[0], 1})).reshape(b_shape) : sum_to(full, b_shape);
    }
    return result;
  }
};

}  // namespace

Tensor product(const char* op, const Tensor& a, const Tensor& b) {
  View left = view_of(a), right = view_of(b);
  if (a.dim() == 1) insert_dim(left, 0);
  if (b.dim() == 1) insert_dim(right, 1);
  const int64_t rows = left.shape[left.shape.rank() - 2], inner = left.shape.back(), columns = right.shape.back();
  if (const int64_t other = right.shape[right.shape.rank() - 2]; inner != other)
    throw_inner_sizes(op, a, b, inner, other);
  const Shape batch = broadcast_shapes(op, batch_of(left), batch_of(right));
  broadcast_batch(left, batch);
  broadcast_batch(right, batch);
  Shape full = batch, result = batch;
  full.push_back(rows);
  full.push_back(columns);
  if (a.dim() > 1) result.push_back(rows);
  if (b.dim() > 1) result.push_back(columns);
  Tensor y = make_result(op, result, a.dtype(), a.device());
  View out = view_of(y);
  out.shape = full;
  out.strides = contiguous_strides(full);
  run_product(backend_of(a), out, left, right, false);
  if (needs_grad(a, b))
    record(op, y, {&a, &b}, MatmulRule{Saved(a, tracks_grad(b)), Saved(b, tracks_grad(a)), a.shape(), b.shape()});
  return y;
}

Tensor matmul(const Tensor& own_a, const Tensor& own_b) {
  const Autocast cast_a(kProducts, own_a), cast_b(kProducts, own_b);
  const Tensor &a = cast_a, &b = cast_b;
  check_operands("matmul", "self", a, "other", b);
  if (a.dim() == 0 || b.dim() == 0)
    throw ShapeError(fmt::format(
        "matmul: expected operands of at least 1 dimension, but got {} and {}; use * for a product with a number",
        a.shape().str(), b.shape().str()));
  return product("matmul", a, b);
}

Tensor mm(const Tensor& own_a, const Tensor& own_b) {
  const Autocast cast_a(kProducts, own_a), cast_b(kProducts, own_b);
  const Tensor &a = cast_a, &b = cast_b;
  check_operands("mm", "self", a, "other", b);
  check_rank("mm", "self", a, 2);
  check_rank("mm", "other", b, 2);
  return product("mm", a, b);
}

Tensor bmm(const Tensor& own_a, const Tensor& own_b) {
  const Autocast cast_a(kProducts, own_a), cast_b(kProducts, own_b);
  const Tensor &a = cast_a, &b = cast_b;
  check_operands("bmm", "self", a, "other", b);
  check_rank("bmm", "self", a, 3);
  check_rank("bmm", "other", b, 3);
  if (a.size(0) != b.size(0))
    throw ShapeError(fmt::format("bmm: expected batches of one size, but got {} and {} ({} against {})",
                                 a.shape().str(), b.shape().str(), a.size(0), b.size(0)));
  return product("bmm", a, b);
}

Tensor mv(const Tensor& own_a, const Tensor& own_x) {
  const Autocast cast_a(kVectorProducts, own_a), cast_x(kVectorProducts, own_x);
  const Tensor &a = cast_a, &x = cast_x;
  check_operands("mv", "self", a, "vector", x);
  check_rank("mv", "self", a, 2);
  check_rank("mv", "vector", x, 1);
  return product("mv", a, x);
}

Tensor dot(const Tensor& own_a, const Tensor& own_b) {
  const Autocast cast_a(kMixedOperands, own_a, own_b), cast_b(kMixedOperands, own_b, own_a);
  const Tensor &a = cast_a, &b = cast_b;
  check_operands("dot", "self", a, "other", b);
  check_rank("dot", "self", a, 1);
  check_rank("dot", "other", b, 1);
  return product("dot", a, b);
}

Tensor outer(const Tensor& a, const Tensor& b) {
  check_same_device("outer", "self", a, "other", b);
  check_rank("outer", "self", a, 1);
  check_rank("outer", "other", b, 1);
  return mul(unsqueeze(a, 1), b);
}

}  // namespace mote
