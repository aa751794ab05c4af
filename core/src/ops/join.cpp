// cat and stack copy into one tensor; split, chunk and unbind cut one tensor into views with a common gradient node.
#include "mote/join.h"

#include <fmt/format.h>

#include <span>

#include "mote/creation.h"
#include "mote/views.h"
#include "ops/support.h"

namespace mote {

namespace {

void check_operands(const char* op, const std::vector<Tensor>& tensors) {
  if (tensors.empty()) throw ValueError(fmt::format("{}: expected at least one tensor", op));
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (!tensors[i].defined()) throw StateError(fmt::format("{}: tensors[{}] is undefined", op, i));
    if (tensors[i].device() == tensors[0].device()) continue;
    const std::string name = fmt::format("tensors[{}]", i);
    check_same_device(op, "tensors[0]", tensors[0], name.c_str(), tensors[i]);
  }
}

DType common_dtype(const std::vector<Tensor>& tensors) {
  DType dtype = tensors[0].dtype();
  for (const Tensor& tensor : tensors) dtype = promote_types(dtype, tensor.dtype());
  return dtype;
}

// An empty tensor of shape [0] joins with anything, as in PyTorch.
bool is_skipped(const Tensor& x) { return x.dim() == 1 && x.numel() == 0; }

// The shape of the result of cat.
Shape joined_shape(const std::vector<Tensor>& tensors, int64_t dim) {
  size_t first = 0;
  while (first + 1 < tensors.size() && is_skipped(tensors[first])) ++first;
  Shape shape = tensors[first].shape();
  if (shape.rank() == 0) throw ShapeError("cat: tensors[0] has no dimension to join along; use stack()");
  const int64_t at = wrap_dim("cat", dim, shape.rank());
  shape[at] = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (is_skipped(tensors[i])) continue;
    Shape other = tensors[i].shape();
    const int64_t size = other.rank() == shape.rank() ? other[at] : 0;
    if (other.rank() == shape.rank()) other[at] = shape[at];
    if (other != shape)
      throw ShapeError(
          fmt::format("cat: expected all shapes to agree outside dimension {}, but got tensors[{}] of shape {} and "
                      "tensors[{}] of shape {}",
                      at, first, tensors[first].shape().str(), i, tensors[i].shape().str()));
    shape[at] += size;
  }
  return shape;
}

// Records a rule for any number of outputs and inputs.
template <class Rule>
void record_many(const char* op, std::vector<Tensor>& outputs, std::span<const Tensor> inputs, Rule rule) {
  std::vector<Tensor*> pointers;
  for (Tensor& output : outputs) pointers.push_back(&output);
  record(op, std::span<Tensor* const>(pointers), inputs, std::move(rule));
}

}  // namespace

Tensor cat(const std::vector<Tensor>& tensors, int64_t dim) {
  check_operands("cat", tensors);
  const Shape shape = joined_shape(tensors, dim);
  const int64_t at = wrap_dim("cat", dim, shape.rank());
  Tensor y = make_result("cat", shape, common_dtype(tensors), tensors[0].device());
  std::vector<int64_t> sizes;
  View place = view_of(y);
  for (const Tensor& tensor : tensors) {
    sizes.push_back(is_skipped(tensor) ? -1 : tensor.shape()[at]);
    if (sizes.back() <= 0) continue;
    place.shape[at] = sizes.back();
    backend_of(y).copy(place, view_of(tensor));
    if (place.data)
      place.data = place.as<char>() + sizes.back() * place.strides[at] * static_cast<int64_t>(size_of(y.dtype()));
  }
  if (needs_grad(tensors)) {
    std::vector<DType> dtypes;
    for (const Tensor& tensor : tensors) dtypes.push_back(tensor.dtype());
    Tensor* const outputs[] = {&y};
    record("cat", outputs, tensors, [at, sizes, dtypes](const std::vector<Tensor>& g, const Needs& needs) {
      std::vector<Tensor> gradients(sizes.size());
      int64_t start = 0;
      for (size_t i = 0; i < sizes.size(); ++i) {
        const int64_t size = std::max<int64_t>(sizes[i], 0);
        if (needs[i]) {
          const Tensor part = narrow(g[0], at, start, size);
          gradients[i] = (sizes[i] < 0 ? part.reshape({0}) : part).to(dtypes[i]);
        }
        start += size;
      }
      return gradients;
    });
  }
  return y;
}

Tensor stack(const std::vector<Tensor>& tensors, int64_t dim) {
  check_operands("stack", tensors);
  const Shape& each = tensors[0].shape();
  const int64_t at = wrap_dim("stack", dim, each.rank() + 1);
  for (size_t i = 0; i < tensors.size(); ++i)
    if (tensors[i].shape() != each)
      throw ShapeError(
          fmt::format("stack: expected equal shapes, but got tensors[0] of shape {} and tensors[{}] of "
                      "shape {}",
                      each.str(), i, tensors[i].shape().str()));
  std::vector<Tensor> rows;
  for (const Tensor& tensor : tensors) rows.push_back(unsqueeze(tensor, at));
  return cat(rows, at);
}

std::vector<Tensor> split(const Tensor& x, const std::vector<int64_t>& split_sizes, int64_t dim) {
  if (x.dim() == 0) throw ShapeError("split: a tensor of 0 dimensions cannot be split");
  const int64_t at = wrap_dim("split", dim, x.dim());
  int64_t total = 0;
  bool valid = true;
  for (int64_t size : split_sizes) {
    valid &= size >= 0;
    total += size;
  }
  const Shape& shape = x.shape();
  if (!valid || total != shape[at])
    throw ShapeError(fmt::format("split: expected sizes that add up to {} along dimension {} of shape {}, but got {}",
                                 shape[at], at, shape.str(), fmt::join(split_sizes, ", ")));
  std::vector<Tensor> parts;
  int64_t start = 0;
  for (int64_t size : split_sizes) {
    Shape part = shape;
    part[at] = size;
    parts.push_back(make_view(x, part, x.strides(), x.storage_offset() + start * x.strides()[at]));
    start += size;
  }
  if (needs_grad(x) && !parts.empty())
    record_many(
        "split", parts, {&x, 1},
        [at, split_sizes, shape, dtype = x.dtype(), device = x.device()](const std::vector<Tensor>& g, const Needs&) {
          std::vector<Tensor> pieces = g;
          for (size_t i = 0; i < pieces.size(); ++i) {
            if (pieces[i].defined()) continue;
            Shape part = shape;
            part[at] = split_sizes[i];
            pieces[i] = zeros(part, {.dtype = dtype, .device = device});
          }
          return std::vector<Tensor>{cat(pieces, at)};
        });
  return parts;
}

std::vector<Tensor> split(const Tensor& x, int64_t split_size, int64_t dim) {
  if (x.dim() == 0) throw ShapeError("split: a tensor of 0 dimensions cannot be split");
  const int64_t size = x.shape()[wrap_dim("split", dim, x.dim())];
  if (split_size < 0 || (split_size == 0 && size != 0))
    throw ValueError(fmt::format("split: expected a positive split_size, but got {}", split_size));
  std::vector<int64_t> sizes;
  for (int64_t start = 0; start < size; start += split_size) sizes.push_back(std::min(split_size, size - start));
  if (sizes.empty()) sizes.push_back(0);
  return split(x, sizes, dim);
}

std::vector<Tensor> chunk(const Tensor& x, int64_t chunks, int64_t dim) {
  if (chunks < 1) throw ValueError(fmt::format("chunk: expected at least 1 chunk, but got {}", chunks));
  if (x.dim() == 0) throw ShapeError("chunk: a tensor of 0 dimensions cannot be cut");
  const int64_t size = x.shape()[wrap_dim("chunk", dim, x.dim())];
  const int64_t each = size / chunks + (size % chunks != 0 ? 1 : 0);
  if (each == 0) return split(x, std::vector<int64_t>(static_cast<size_t>(chunks), 0), dim);
  return split(x, each, dim);
}

std::vector<Tensor> unbind(const Tensor& x, int64_t dim) {
  if (x.dim() == 0) throw ShapeError("unbind: a tensor of 0 dimensions cannot be cut");
  const int64_t at = wrap_dim("unbind", dim, x.dim());
  Shape shape = x.shape(), strides = x.strides();
  const int64_t size = shape[at], stride = strides[at];
  shape.erase(at);
  strides.erase(at);
  std::vector<Tensor> parts;
  for (int64_t i = 0; i < size; ++i) parts.push_back(make_view(x, shape, strides, x.storage_offset() + i * stride));
  if (needs_grad(x) && size > 0)
    record_many("unbind", parts, {&x, 1},
                [at, shape, dtype = x.dtype(), device = x.device()](const std::vector<Tensor>& g, const Needs&) {
                  std::vector<Tensor> pieces = g;
                  for (Tensor& piece : pieces)
                    if (!piece.defined()) piece = zeros(shape, {.dtype = dtype, .device = device});
                  return std::vector<Tensor>{stack(pieces, at)};
                });
  return parts;
}

}  // namespace mote
