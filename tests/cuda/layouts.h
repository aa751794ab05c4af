// The same values by other ways through memory, for tensors of any device.
#pragma once

#include <string>
#include <vector>

#include "mote/core.h"

namespace mote::testing {

struct Layout {
  const char* name;
  Tensor (*arrange)(const Tensor& x);
};

inline const std::vector<Layout> kLayouts = {
    {"as it is", [](const Tensor& x) { return x; }},
    {"first and last dimension swapped in memory",
     [](const Tensor& x) { return x.dim() < 2 ? x : x.transpose(0, -1).contiguous().transpose(0, -1); }},
    {"every second element",
     [](const Tensor& x) {
       return stack({x, x}, -1).select(-1, 0);
     }},
    {"not aligned",
     [](const Tensor& x) {
       const Tensor flat = x.reshape({x.numel()});
       const Tensor one = zeros({1}, {.dtype = x.dtype(), .device = x.device()});
       return cat({one, flat}, 0).narrow(0, 1, x.numel()).view(x.shape());
     }},
};

// One rounding to the dtype, and some more for what happens in its compute type.
inline double tolerance_of(DType dtype) {
  switch (dtype) {
    case DType::Float16:
      return 1e-3;
    case DType::BFloat16:
      return 8e-3;
    case DType::Float32:
      return 2e-6;
    case DType::Float64:
      return 1e-13;
    default:
      return 0.0;
  }
}

}  // namespace mote::testing
