#include "mote/nn/norm_layers.h"

#include <fmt/format.h>

#include "mote/creation.h"
#include "mote/normalization.h"

namespace mote::nn {

LayerNorm::LayerNorm(int64_t width, const LayerNormOptions& options) : LayerNorm(Shape({width}), options) {}

LayerNorm::LayerNorm(const Shape& normalized_shape, const LayerNormOptions& options)
    : normalized_shape_(normalized_shape), eps_(options.eps) {
  const TensorOptions tensor_options{.dtype = options.dtype, .device = options.device};
  const bool affine = options.elementwise_affine;
  weight = register_parameter("weight", affine ? mote::ones(normalized_shape, tensor_options) : Tensor());
  bias = register_parameter("bias", affine && options.bias ? mote::zeros(normalized_shape, tensor_options) : Tensor());
}

Tensor LayerNorm::forward(const Tensor& x) const { return mote::layer_norm(x, normalized_shape_, weight, bias, eps_); }

std::string LayerNorm::extra_repr() const {
  return fmt::format("{}, eps={}, elementwise_affine={}", normalized_shape_.str(), eps_, weight.defined());
}

RMSNorm::RMSNorm(int64_t width, const RMSNormOptions& options) : RMSNorm(Shape({width}), options) {}

RMSNorm::RMSNorm(const Shape& normalized_shape, const RMSNormOptions& options)
    : normalized_shape_(normalized_shape), eps_(options.eps) {
  weight = register_parameter("weight",
                              options.elementwise_affine
                                  ? mote::ones(normalized_shape, {.dtype = options.dtype, .device = options.device})
                                  : Tensor());
}

Tensor RMSNorm::forward(const Tensor& x) const { return mote::rms_norm(x, normalized_shape_, weight, eps_); }

std::string RMSNorm::extra_repr() const {
  return fmt::format("{}, eps={}, elementwise_affine={}", normalized_shape_.str(),
                     eps_ ? fmt::to_string(*eps_) : "None", weight.defined());
}

}  // namespace mote::nn
