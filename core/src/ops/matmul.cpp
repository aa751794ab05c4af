// Matrix products. Operands reach the backend as views: a vector is a matrix of one row or column, a broadcast batch
// has stride 0, and batches that lie evenly under one matrix become rows of a single product. Nothing is copied here.
#include "mote/matmul.h"

#include <fmt/format.h>

#include <optional>

#include "ops/support.h"

namespace mote {

namespace {

// --- checks ----------------------------------------------------------------------------------------------------------

void check_operands(const char* op, const char* name_a, const Tensor& a, const char* name_b, const Tensor& b) {
  check_same_device(op, name_a, a, name_b, b);
  if (a.dtype() != b.dtype())
    throw DTypeError(fmt::format("{}: expected {} and {} to have one dtype, but got {} and {}; convert one with .to()",
                                 op, name_a, name_b, name_of(a.dtype()), name_of(b.dtype())));
  if (a.dtype() == DType::Bool)
    throw DTypeError(fmt::format("{}: expected numbers, but got bool; convert with .to(mote::float32)", op));
}

[[noreturn]] void throw_inner_sizes(const char* op, const Tensor& a, const Tensor& b, int64_t left, int64_t right) {
  throw ShapeError(fmt::format("{}: expected inner sizes to agree, but got {} and {} ({} against {})", op,
                               a.shape().str(), b.shape().str(), left, right));
}

void check_rank(const char* op, const char* name, const Tensor& x, int64_t rank) {
  if (x.dim() != rank)
    throw ShapeError(fmt::format("{}: expected {} to have {} dimension{}, but got shape {}", op, name, rank,
                                 rank == 1 ? "" : "s", x.shape().str()));
}

// --- geometry --------------------------------------------------------------------------------------------------------

void insert_dim(View& view, int64_t position) {
  view.shape.insert(position, 1);
  view.strides.insert(position, 0);
}

// Exchanges the last two dimensions.
View transposed(View view) {
  const int rank = view.shape.rank();
  std::swap(view.shape[rank - 1], view.shape[rank - 2]);
  std::swap(view.strides[rank - 1], view.strides[rank - 2]);
  return view;
}

// Brings the batch dimensions of a matrix view to those of `batch`, with stride 0 where it is broadcast.
void broadcast_batch(View& view, const Shape& batch) {
  const int rank = view.shape.rank();
  Shape shape = batch;
  shape.push_back(view.shape[rank - 2]);
  shape.push_back(view.shape[rank - 1]);
  view.strides = broadcast_strides(view.shape, view.strides, shape);
  view.shape = shape;
}

// The rows of one matrix, where all dimensions but the last step evenly.
std::optional<View> merged_rows(const View& view) {
  int64_t rows = 1, stride = 0;
  for (int d = view.shape.rank() - 2; d >= 0; --d) {
    if (view.shape[d] == 1) continue;
    if (rows == 1) stride = view.strides[d];
    if (view.strides[d] != stride * rows) return std::nullopt;
    rows *= view.shape[d];
  }
  return View{view.data, view.dtype, {rows, view.shape.back()}, {stride, view.strides[view.shape.rank() - 1]}};
}

bool is_one_matrix(const View& view) {
  for (int d = 0; d < view.shape.rank() - 2; ++d)
    if (view.shape[d] != 1 && view.strides[d] != 0) return false;
  return true;
}

View last_matrix(const View& view) {
  const int rank = view.shape.rank();
  return {view.data,
          view.dtype,
          {view.shape[rank - 2], view.shape[rank - 1]},
          {view.strides[rank - 2], view.strides[rank - 1]}};
}

// out = a b (+ out), all three with the same batch dimensions.
void run_product(Backend& backend, const View& out, const View& a, const View& b, bool accumulate) {
  if (out.numel() == 0) return;
  if (out.shape.rank() > 2 && is_one_matrix(b)) {
    const std::optional<View> out_rows = merged_rows(out), a_rows = merged_rows(a);
    if (out_rows && a_rows) return backend.matmul(*out_rows, *a_rows, last_matrix(b), accumulate);
  }
  backend.matmul(out, a, b, accumulate);
}

// --- gradients -------------------------------------------------------------------------------------------------------

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

// The product itself, for operands whose ranks and dtypes were checked.
Tensor product(const char* op, const Tensor& a, const Tensor& b) {
  View left = view_of(a), right = view_of(b);
  if (a.dim() == 1) insert_dim(left, 0);
  if (b.dim() == 1) insert_dim(right, 1);
  const int64_t rows = left.shape[left.shape.rank() - 2], inner = left.shape.back(), columns = right.shape.back();
  if (const int64_t other = right.shape[right.shape.rank() - 2]; inner != other)
    throw_inner_sizes(op, a, b, inner, other);
  const Shape batch = broadcast_shapes(op, Shape(left.shape.data(), left.shape.rank() - 2),
                                       Shape(right.shape.data(), right.shape.rank() - 2));
  broadcast_batch(left, batch);
  broadcast_batch(right, batch);
  Shape full = batch, result = batch;
  full.push_back(rows);
  full.push_back(columns);
  if (a.dim() > 1) result.push_back(rows);
  if (b.dim() > 1) result.push_back(columns);
  Tensor y = make_result(op, result, a.dtype(), a.device());
  run_product(backend_of(a), {data_of(y), y.dtype(), full, contiguous_strides(full)}, left, right, false);
  if (needs_grad(a, b))
    record(op, y, {&a, &b}, MatmulRule{Saved(a, tracks_grad(b)), Saved(b, tracks_grad(a)), a.shape(), b.shape()});
  return y;
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b) {
  check_operands("matmul", "self", a, "other", b);
  if (a.dim() == 0 || b.dim() == 0)
    throw ShapeError(fmt::format(
        "matmul: expected operands of at least 1 dimension, but got {} and {}; use * for a product with a number",
        a.shape().str(), b.shape().str()));
  return product("matmul", a, b);
}

Tensor mm(const Tensor& a, const Tensor& b) {
  check_operands("mm", "self", a, "other", b);
  check_rank("mm", "self", a, 2);
  check_rank("mm", "other", b, 2);
  return product("mm", a, b);
}

Tensor bmm(const Tensor& a, const Tensor& b) {
  check_operands("bmm", "self", a, "other", b);
  check_rank("bmm", "self", a, 3);
  check_rank("bmm", "other", b, 3);
  if (a.size(0) != b.size(0))
    throw ShapeError(fmt::format("bmm: expected batches of one size, but got {} and {} ({} against {})",
                                 a.shape().str(), b.shape().str(), a.size(0), b.size(0)));
  return product("bmm", a, b);
}

Tensor mv(const Tensor& a, const Tensor& x) {
  check_operands("mv", "self", a, "vector", x);
  check_rank("mv", "self", a, 2);
  check_rank("mv", "vector", x, 1);
  return product("mv", a, x);
}

Tensor dot(const Tensor& a, const Tensor& b) {
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

// --- with an addend --------------------------------------------------------------------------------------------------

namespace {

// input + a b: the result is filled with the input, and the product is added to it.
Tensor product_onto(const Tensor& input, const Tensor& a, const Tensor& b, const Shape& shape) {
  Tensor y = make_result("addmm", shape, a.dtype(), a.device());
  Backend& backend = backend_of(a);
  backend.copy(view_of(y), view_of(input, shape));
  run_product(backend, view_of(y), view_of(a), view_of(b), true);
  if (needs_grad(input, a, b))
    record("addmm", y, {&input, &a, &b},
           [shape = input.shape(), a = Saved(a, tracks_grad(b)), b = Saved(b, tracks_grad(a))](const Tensor& g,
                                                                                               Needs needs) {
             return std::array<Tensor, 3>{needs[0] ? sum_to(g, shape) : Tensor(),
                                          needs[1] ? matmul(g, t(b())) : Tensor(),
                                          needs[2] ? matmul(t(a()), g) : Tensor()};
           });
  return y;
}

bool is_one(const Scalar& value) { return value.to<double>() == 1.0; }

}  // namespace

Tensor addmm(const Tensor& input, const Tensor& a, const Tensor& b, const Scalar& beta, const Scalar& alpha) {
  check_same_device("addmm", {{"input", &input}, {"mat1", &a}, {"mat2", &b}});
  check_operands("addmm", "mat1", a, "mat2", b);
  check_dtype("addmm", "input", input, a.dtype());
  check_rank("addmm", "mat1", a, 2);
  check_rank("addmm", "mat2", b, 2);
  if (a.size(1) != b.size(0)) throw_inner_sizes("addmm", a, b, a.size(1), b.size(0));
  const Shape shape({a.size(0), b.size(1)});
  if (broadcast_shapes("addmm", input.shape(), shape) != shape)
    throw ShapeError(
        fmt::format("addmm: expected an input that broadcasts to {}, but got {}", shape.str(), input.shape().str()));
  if (is_one(beta) && is_one(alpha)) return product_onto(input, a, b, shape);
  Tensor scaled = product("addmm", a, b);
  if (!is_one(alpha)) scaled = scaled * alpha;
  return beta.to<double>() == 0.0 ? scaled : add(scaled, input, beta);  // with beta 0 a NaN in input counts for nothing
}

// --- linear ----------------------------------------------------------------------------------------------------------

namespace {

struct LinearRule {
  Saved x, weight;
  Shape x_shape, weight_shape;

  // The third gradient is left out where there is no bias.
  template <size_t N>
  std::array<Tensor, N> gradients(const Tensor& g, Needs needs) const {
    std::array<Tensor, N> result;
    const Shape rows({x_shape.back() == 0 ? 0 : x_shape.numel() / x_shape.back(), weight_shape[0]});
    if (needs[0]) result[0] = matmul(g, weight());
    if (needs[1]) result[1] = matmul(t(reshape(g, rows)), reshape(x(), {rows[0], x_shape.back()}));
    if constexpr (N == 3)
      if (needs[2]) result[2] = sum_to(g, Shape({weight_shape[0]}));
    return result;
  }
};

Tensor run_linear(const Tensor& x, const Tensor& weight, const Tensor* bias) {
  const bool fits = x.dim() > 0 && weight.dim() == 2 && x.size(-1) == weight.size(1);
  if (!fits)
    throw ShapeError(fmt::format("linear: expected input [..., in] and weight [out, in], but got {} and {}",
                                 x.shape().str(), weight.shape().str()));
  if (bias && (bias->dim() != 1 || bias->size(0) != weight.size(0)))
    throw ShapeError(fmt::format("linear: expected bias [{}] for weight {}, but got {}", weight.size(0),
                                 weight.shape().str(), bias->shape().str()));
  Shape shape = x.shape();
  shape[shape.rank() - 1] = weight.size(0);
  Tensor y = make_result("linear", shape, x.dtype(), x.device());
  Backend& backend = backend_of(x);
  if (bias) backend.copy(view_of(y), view_of(*bias, shape));
  View out = view_of(y), in = view_of(x), columns = transposed(view_of(weight));
  if (x.dim() == 1) insert_dim(out, 0), insert_dim(in, 0);
  broadcast_batch(columns, Shape(in.shape.data(), in.shape.rank() - 2));
  run_product(backend, out, in, columns, bias != nullptr);
  return y;
}

}  // namespace

Tensor linear(const Tensor& x, const Tensor& weight) {
  check_operands("linear", "input", x, "weight", weight);
  Tensor y = run_linear(x, weight, nullptr);
  if (needs_grad(x, weight)) {
    LinearRule rule{Saved(x, tracks_grad(weight)), Saved(weight, tracks_grad(x)), x.shape(), weight.shape()};
    record("linear", y, {&x, &weight},
           [rule = std::move(rule)](const Tensor& g, Needs needs) { return rule.gradients<2>(g, needs); });
  }
  return y;
}

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  if (!bias.defined()) return linear(x, weight);
  check_same_device("linear", {{"input", &x}, {"weight", &weight}, {"bias", &bias}});
  check_operands("linear", "input", x, "weight", weight);
  check_dtype("linear", "bias", bias, x.dtype());
  Tensor y = run_linear(x, weight, &bias);
  if (needs_grad(x, weight, bias)) {
    LinearRule rule{Saved(x, tracks_grad(weight)), Saved(weight, tracks_grad(x)), x.shape(), weight.shape()};
    record("linear", y, {&x, &weight, &bias},
           [rule = std::move(rule)](const Tensor& g, Needs needs) { return rule.gradients<3>(g, needs); });
  }
  return y;
}

}  // namespace mote
