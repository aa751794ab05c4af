#include "mote/nn/activations.h"

#include <fmt/format.h>

#include "mote/embedding.h"
#include "mote/error.h"

namespace mote::nn {

std::string GELU::extra_repr() const {
  return fmt::format("approximate={}", approximate_ == Gelu::None ? "none" : "tanh");
}

std::string LeakyReLU::extra_repr() const { return fmt::format("negative_slope={}", negative_slope_); }

std::string ELU::extra_repr() const { return fmt::format("alpha={}", alpha_); }

std::string Softmax::extra_repr() const { return fmt::format("dim={}", dim_); }

Dropout::Dropout(double p) : p_(p) {
  if (!(p >= 0.0 && p <= 1.0))
    throw ValueError(fmt::format("Dropout: expected a probability in [0, 1], but got {}", p));
}

Tensor Dropout::forward(const Tensor& x) const { return mote::dropout(x, p_, is_training()); }

std::string Dropout::extra_repr() const { return fmt::format("p={}", p_); }

std::string Flatten::extra_repr() const { return fmt::format("start_dim={}, end_dim={}", start_dim_, end_dim_); }

}  // namespace mote::nn
