#include "mote/nn/linear.h"

#include <fmt/format.h>

#include <cmath>

#include "mote/creation.h"
#include "mote/matmul.h"
#include "mote/nn/init.h"

namespace mote::nn {

Linear::Linear(int64_t in_features, int64_t out_features, const LinearOptions& options) {
  const TensorOptions tensor_options{.dtype = options.dtype, .device = options.device};
  weight = register_parameter("weight", mote::empty({out_features, in_features}, tensor_options));
  bias = register_parameter("bias", options.bias ? mote::empty({out_features}, tensor_options) : Tensor());
  init::kaiming_uniform_(weight, {.a = std::sqrt(5.0)});
  if (options.bias) {
    const double bound = in_features > 0 ? 1.0 / std::sqrt(static_cast<double>(in_features)) : 0.0;
    init::uniform_(bias, -bound, bound);
  }
}

Tensor Linear::forward(const Tensor& x) const {
  return bias.defined() ? mote::linear(x, weight, bias) : mote::linear(x, weight);
}

std::string Linear::extra_repr() const {
  return fmt::format("in_features={}, out_features={}, bias={}", weight.size(1), weight.size(0), bias.defined());
}

}  // namespace mote::nn
