// Lookup tables and dropout.
#include "mote/embedding.h"

#include <fmt/format.h>

#include "mote/creation.h"
#include "mote/recording.h"
#include "ops/positions.h"

namespace mote {

namespace {

void check_indices(const char* op, const Tensor& indices) {
  if (indices.dtype() != DType::Int32 && indices.dtype() != DType::Int64)
    throw DTypeError(
        fmt::format("{}: expected indices to be int32 or int64, but got {}; convert them with "
                    ".to(mote::int64)",
                    op, name_of(indices.dtype())));
}

}  // namespace

Tensor embedding(const Tensor& weight, const Tensor& indices, std::optional<int64_t> padding_idx) {
  check_same_device("embedding", "weight", weight, "indices", indices);
  check_indices("embedding", indices);
  if (weight.dim() != 2)
    throw ShapeError(
        fmt::format("embedding: expected weight to be [rows, width], but got shape {}", weight.shape().str()));
  const int64_t rows = weight.size(0), width = weight.size(1);
  if (padding_idx && (*padding_idx < -rows || *padding_idx >= rows))
    throw ValueError(fmt::format("embedding: padding_idx {} is outside the {} rows of weight", *padding_idx, rows));
  Shape shape = indices.shape();
  shape.push_back(width);

  Tensor flat, out;
  {
    const NoGradGuard no_grad;
    flat = indices.to(DType::Int64).reshape({-1});
    out = make_result("embedding", {flat.numel(), width}, weight.dtype(), weight.device());
    // A gather, because index_select would count a negative index from the end.
    name_index_errors("embedding", [&] {
      backend_of(weight).gather(view_of(out), view_of(weight), 0, view_of(flat.unsqueeze(1), out.shape()));
    });
    out = out.reshape(shape);
  }
  if (needs_grad(weight))
    record("embedding", out, {&weight}, [flat = Saved(flat), padding_idx, rows, width](const Tensor& g) {
      Tensor source = g.reshape({flat().numel(), width});
      if (padding_idx) {
        const int64_t padding = *padding_idx < 0 ? *padding_idx + rows : *padding_idx;
        source = masked_fill(source, eq(flat(), padding).unsqueeze(1), 0);
      }
      return sum_slices("embedding_backward", {rows, width}, 0, flat(), source);
    });
  return out;
}

Tensor one_hot(const Tensor& indices, int64_t num_classes) {
  check_indices("one_hot", indices);
  const NoGradGuard no_grad;
  if (num_classes < -1) throw ValueError(fmt::format("one_hot: expected num_classes >= 0, but got {}", num_classes));
  if (indices.device().is_meta() && num_classes == -1)
    throw ValueError("one_hot: num_classes cannot be inferred from indices on meta; pass it");
  if (!indices.device().is_meta() && indices.numel() > 0) {
    refuse_host_read("one_hot", indices.device());
    const int64_t least = indices.min().item<int64_t>(), greatest = indices.max().item<int64_t>();
    if (num_classes == -1) num_classes = greatest + 1;
    if (least < 0 || greatest >= num_classes)
      throw IndexError(fmt::format("one_hot: index {} is outside [0, {})", least < 0 ? least : greatest, num_classes));
  } else if (num_classes == -1) {
    throw ValueError("one_hot: num_classes cannot be inferred from no indices; pass it");
  }
  Shape shape = indices.shape();
  shape.push_back(num_classes);
  const Tensor out = zeros(shape, {.dtype = DType::Int64, .device = indices.device()});
  return scatter_(out, -1, indices.to(DType::Int64).unsqueeze(-1), 1);
}

Tensor dropout(const Tensor& x, double p, bool training, Generator* generator) {
  if (!(p >= 0.0 && p <= 1.0)) throw ValueError(fmt::format("dropout: expected p to be in [0, 1], but got {}", p));
  check_floating_point("dropout", x);
  if (!training || p == 0.0 || x.numel() == 0) return x;
  if (p == 1.0) return x * 0.0;
  // In the order of x in memory, where x is dense, so that draws meet the elements in PyTorch's order.
  const Tensor mask = make_result_in_order_of("dropout", x, x.shape(), x.dtype());
  backend_of(x).dropout_mask(view_of(mask), p, generator_for("dropout", x.device(), generator));
  Tensor out = make_result("dropout", x.shape(), x.dtype(), x.device());
  backend_of(x).binary(BinaryOp::Mul, view_of(out), view_of(x), view_of(mask));
  if (needs_grad(x)) record("dropout", out, {&x}, [mask = Saved(mask)](const Tensor& g) { return g * mask(); });
  return out;
}

}  // namespace mote
