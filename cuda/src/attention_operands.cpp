#include "kernels/attention_operands.h"

namespace mote::cuda {

bool AttentionOperands::fits(const View& view) const {
  if (view.dtype != dtype_) return false;
  if (columns_ == 1) return true;
  const auto element = static_cast<int64_t>(size_of(dtype_));
  if (reinterpret_cast<uintptr_t>(view.data) % 16 != 0 || view.shape[3] % columns_ != 0) return false;
  if (view.shape[3] > 1 && view.strides[3] != 1) return false;
  for (int dim = 0; dim < 3; ++dim)
    if (view.shape[dim] > 1 && view.strides[dim] * element % 16 != 0) return false;
  return true;
}

View AttentionOperands::make(const View& view) {
  View dense = view;
  dense.dtype = dtype_;
  dense.shape[3] = (view.shape[3] + columns_ - 1) / columns_ * columns_;
  dense.strides = contiguous_strides(dense.shape);
  buffers_.emplace_back(static_cast<size_t>(dense.numel()) * size_of(dtype_), view.device);
  dense.data = buffers_.back().data();
  return dense;
}

View AttentionOperands::read(const View& view) {
  if (fits(view) || view.numel() == 0) return view;
  const View dense = make(view);
  View part = dense;
  part.shape = view.shape;
  if (dense.shape[3] != view.shape[3]) backend_.fill(dense, 0.0);
  backend_.copy(part, view);
  return dense;
}

View AttentionOperands::write(const View& view) {
  if (fits(view) || view.numel() == 0) return view;
  const View dense = make(view);
  View part = dense;
  part.shape = view.shape;
  results_.emplace_back(part, view);
  return dense;
}

void AttentionOperands::finish() {
  for (const auto& [from, to] : results_) backend_.copy(to, from);
  results_.clear();
}

}  // namespace mote::cuda
