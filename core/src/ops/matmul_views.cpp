#include "ops/matmul_views.h"

#include <fmt/format.h>

#include <optional>

namespace mote {

void check_operands(const char* op, const char* name_a, const Tensor& a, const char* name_b, const Tensor& b) {
  check_same_device(op, name_a, a, name_b, b);
  if (a.dtype() != b.dtype())
    throw DTypeError(fmt::format("{}: expected {} and {} to have one dtype, but got {} and {}; convert one with .to()",
                                 op, name_a, name_b, name_of(a.dtype()), name_of(b.dtype())));
  if (a.dtype() == DType::Bool)
    throw DTypeError(fmt::format("{}: expected numbers, but got bool; convert with .to(mote::float32)", op));
}

void throw_inner_sizes(const char* op, const Tensor& a, const Tensor& b, int64_t left, int64_t right) {
  throw ShapeError(fmt::format("{}: expected inner sizes to agree, but got {} and {} ({} against {})", op,
                               a.shape().str(), b.shape().str(), left, right));
}

void check_rank(const char* op, const char* name, const Tensor& x, int64_t rank) {
  if (x.dim() != rank)
    throw ShapeError(fmt::format("{}: expected {} to have {} dimension{}, but got shape {}", op, name, rank,
                                 rank == 1 ? "" : "s", x.shape().str()));
}

namespace {

// The same memory as a matrix.
View as_matrix(const View& view, int64_t rows, int64_t row_stride) {
  View matrix = view;
  matrix.shape = {rows, view.shape.back()};
  matrix.strides = {row_stride, view.strides.back()};
  return matrix;
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
  return as_matrix(view, rows, stride);
}

bool is_one_matrix(const View& view) {
  for (int d = 0; d < view.shape.rank() - 2; ++d)
    if (view.shape[d] != 1 && view.strides[d] != 0) return false;
  return true;
}

View last_matrix(const View& view) {
  const int rows = view.shape.rank() - 2;
  return as_matrix(view, view.shape[rows], view.strides[rows]);
}

}  // namespace

void insert_dim(View& view, int64_t position) {
  view.shape.insert(position, 1);
  view.strides.insert(position, 0);
}

void broadcast_batch(View& view, const Shape& batch) {
  const int rank = view.shape.rank();
  Shape shape = batch;
  shape.push_back(view.shape[rank - 2]);
  shape.push_back(view.shape[rank - 1]);
  view.strides = broadcast_strides(view.shape, view.strides, shape);
  view.shape = shape;
}

Shape batch_of(const View& view) { return Shape(view.shape.data(), view.shape.rank() - 2); }

namespace {

// Calls multiply(out, a, b) for the product, as one of matrices where the batch allows it.
template <class Multiply>
void merge_batch(const View& out, const View& a, const View& b, const Multiply& multiply) {
  if (out.numel() == 0) return;
  if (out.shape.rank() > 2 && is_one_matrix(b)) {
    const std::optional<View> out_rows = merged_rows(out), a_rows = merged_rows(a);
    if (out_rows && a_rows) return multiply(*out_rows, *a_rows, last_matrix(b));
  }
  multiply(out, a, b);
}

}  // namespace

void run_product(Backend& backend, const View& out, const View& a, const View& b, bool accumulate) {
  merge_batch(out, a, b,
              [&](const View& y, const View& left, const View& right) { backend.matmul(y, left, right, accumulate); });
}

void run_product_with_bias(Backend& backend, const View& out, const View& a, const View& b, const View& bias) {
  merge_batch(out, a, b,
              [&](const View& y, const View& left, const View& right) { backend.matmul_bias(y, left, right, bias); });
}

}  // namespace mote
