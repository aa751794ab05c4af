// Sinusoidal positions.
#pragma once

#include "mote/nn/module.h"

namespace mote::nn {

// Adds to x [batch, length, d_model] the table pe [1, max_len, d_model] of sines (even columns) and cosines (odd ones)
// of geometrically falling frequencies (Vaswani et al. 2017). The table is a buffer that moves with the module, is not
// saved, and is computed again after meta or to_empty.
class PositionalEncoding : public Module {
 public:
  explicit PositionalEncoding(int64_t d_model, int64_t max_len = 5000);

  // ShapeError for more than max_len positions or another width.
  Tensor forward(const Tensor& x) const;
  Tensor operator()(const Tensor& x) const { return forward(x); }
  std::string extra_repr() const override;

  Buffer pe;
};

}  // namespace mote::nn
