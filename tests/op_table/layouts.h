// The same values by other ways through memory, on the device that they are on.
#pragma once

#include "mote/core.h"

namespace mote::op_table {

using Layout = Tensor (*)(const Tensor&);

inline Tensor dense(const Tensor& x) { return x; }

// The same values, stored column by column.
inline Tensor transposed(const Tensor& x) {
  if (x.dim() < 2) return x;
  return x.transpose(0, -1).clone().transpose(0, -1);
}

// The same values, every second element of a wider tensor and not from its start.
inline Tensor stepped(const Tensor& x) {
  if (x.dim() == 0) return x;
  Shape wide = x.shape();
  wide[wide.rank() - 1] = 2 * wide.back() + 3;
  const Tensor view = zeros(wide, {.dtype = x.dtype(), .device = x.device()}).slice(-1, 3, std::nullopt, 2);
  view.copy_(x);
  return view;
}

}  // namespace mote::op_table
