#include "ops/index_plan.h"

#include <fmt/format.h>

#include "mote/indexing.h"
#include "mote/views.h"
#include "ops/view_rules.h"

namespace mote {

namespace {

bool is_mask(const Tensor& tensor) { return tensor.dtype() == DType::Bool || tensor.dtype() == DType::UInt8; }

// How many dimensions of x an index consumes.
int64_t dims_of(const TensorIndex& index) {
  switch (index.kind) {
    case TensorIndex::Kind::None:
    case TensorIndex::Kind::Ellipsis:
      return 0;
    case TensorIndex::Kind::Integer:
    case TensorIndex::Kind::Slice:
      return 1;
    case TensorIndex::Kind::Tensor:
      break;
  }
  return is_mask(index.tensor) ? index.tensor.dim() : 1;
}

// Walks over the dimensions of x and the index expression side by side.
class Planner {
 public:
  Planner(const char* op, const Tensor& x) : op_(op), x_(x) {}

  IndexPlan run(const std::vector<TensorIndex>& indices) {
    int64_t consumed = 0, ellipses = 0;
    for (const TensorIndex& index : indices) {
      consumed += dims_of(index);
      ellipses += index.kind == TensorIndex::Kind::Ellipsis ? 1 : 0;
    }
    if (consumed > x_.dim())
      throw IndexError(
          fmt::format("{}: too many indices: {} for a tensor of shape {}", op_, consumed, x_.shape().str()));
    if (ellipses > 1) throw IndexError(fmt::format("{}: expected at most one Ellipsis, but got {}", op_, ellipses));
    for (const TensorIndex& index : indices) add(index, x_.dim() - consumed);
    while (dim_ < x_.dim()) keep();
    if (has_tensors_) plan_.tensors.resize(static_cast<size_t>(view_dim_));
    return std::move(plan_);
  }

 private:
  void add(const TensorIndex& index, int64_t left_over) {
    switch (index.kind) {
      case TensorIndex::Kind::None:
        return push({BasicIndex::Kind::NewDim, 0, 1, 1});
      case TensorIndex::Kind::Ellipsis:
        for (int64_t i = 0; i < left_over; ++i) keep();
        return;
      case TensorIndex::Kind::Integer:
        return select(index.integer);
      case TensorIndex::Kind::Slice: {
        const Range range = clamp_range(op_, index.slice.start, index.slice.stop, index.slice.step, x_.shape()[dim_]);
        return push({BasicIndex::Kind::Keep, range.start, range.step, range.count});
      }
      case TensorIndex::Kind::Tensor:
        break;
    }
    add_tensor(index.tensor);
  }

  void add_tensor(const Tensor& tensor) {
    check_same_device(op_, "self", x_, "index", tensor);
    if (is_mask(tensor)) return add_mask(tensor);
    if (tensor.dtype() != DType::Int64 && tensor.dtype() != DType::Int32)
      throw DTypeError(fmt::format("{}: expected an index of int64, int32, bool or uint8, but got {} of shape {}", op_,
                                   name_of(tensor.dtype()), tensor.shape().str()));
    // A number in a tensor gives a view, as a C++ number does; on meta it has no value.
    if (tensor.dim() == 0 && !x_.device().is_meta()) return select(tensor.item<int64_t>());
    note_tensor(tensor.to(DType::Int64));
    keep();
  }

  void add_mask(const Tensor& mask) {
    for (int64_t i = 0; i < mask.dim(); ++i)
      if (mask.shape()[i] != x_.shape()[dim_ + i])
        throw IndexError(fmt::format("{}: a mask of shape {} does not fit shape {} at dimension {}: size {} against {}",
                                     op_, mask.shape().str(), x_.shape().str(), dim_ + i, mask.shape()[i],
                                     x_.shape()[dim_ + i]));
    if (mask.dim() == 0) {  // a new dimension with one position or none
      note_tensor(nonzero(mask.reshape({1})).select(1, 0));
      return push({BasicIndex::Kind::NewDim, 0, 1, 1});
    }
    const Tensor positions = nonzero(mask);
    for (int64_t i = 0; i < mask.dim(); ++i) {
      note_tensor(positions.select(1, i));
      keep();
    }
  }

  void note_tensor(Tensor positions) {
    has_tensors_ = true;
    plan_.tensors.resize(static_cast<size_t>(view_dim_ + 1));
    plan_.tensors.back() = std::move(positions);
  }

  void select(int64_t index) {
    const int64_t size = x_.shape()[dim_], position = index < 0 ? index + size : index;
    if (position < 0 || position >= size) name_index_errors(op_, [&] { throw_out_of_range(index, dim_, size); });
    push({BasicIndex::Kind::Select, position, 1, 1});
  }

  void keep() { push({BasicIndex::Kind::Keep, 0, 1, x_.shape()[dim_]}); }

  void push(const BasicIndex::Entry& entry) {
    BasicIndex& basic = plan_.basic;
    if (basic.size == 2 * kMaxRank) throw IndexError(fmt::format("{}: an index has too many entries", op_));
    basic.entries[basic.size++] = entry;
    if (entry.kind != BasicIndex::Kind::Select) ++view_dim_;
    const bool takes_all = entry.kind == BasicIndex::Kind::Keep && entry.step == 1 && entry.count == x_.shape()[dim_];
    basic.whole &= takes_all;
    if (entry.kind != BasicIndex::Kind::NewDim) ++dim_;
  }

  const char* op_;
  const Tensor& x_;
  IndexPlan plan_;
  int64_t dim_ = 0;       // of x
  int64_t view_dim_ = 0;  // of the view
  bool has_tensors_ = false;
};

}  // namespace

IndexPlan plan_index(const char* op, const Tensor& x, const std::vector<TensorIndex>& indices) {
  const NoGradGuard no_grad;
  return Planner(op, x).run(indices);
}

const Tensor* single_mask(const Tensor& x, const std::vector<TensorIndex>& indices) {
  if (indices.size() != 1 || indices[0].kind != TensorIndex::Kind::Tensor) return nullptr;
  const Tensor& mask = indices[0].tensor;
  if (!is_mask(mask) || mask.dim() == 0 || mask.dim() > x.dim() || mask.device() != x.device()) return nullptr;
  return Shape(x.shape().data(), mask.dim()) == mask.shape() ? &mask : nullptr;
}

Tensor apply_basic(const Tensor& x, const BasicIndex& basic) {
  if (basic.whole) return x;
  const TensorImpl& impl = x.get();
  Shape shape, strides;
  int64_t offset = impl.offset;
  int dim = 0;
  for (int i = 0; i < basic.size; ++i) {
    const BasicIndex::Entry& entry = basic.entries[i];
    if (entry.kind == BasicIndex::Kind::NewDim) {
      shape.push_back(1);
      strides.push_back(0);
      continue;
    }
    const int64_t stride = impl.strides[dim++];
    offset += entry.start * stride;
    if (entry.kind == BasicIndex::Kind::Select) continue;
    shape.push_back(entry.count);
    strides.push_back(entry.count > 1 ? entry.step * stride : stride);
  }
  Tensor y = make_view(x, shape, strides, offset);
  if (needs_grad(x))
    record("index", y, {&x}, [basic, was = impl.shape](const Tensor& g) {
      return put_back("index_backward", g, was, [basic](const Tensor& whole) { return apply_basic(whole, basic); });
    });
  return y;
}

}  // namespace mote
