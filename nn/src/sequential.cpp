#include "mote/nn/sequential.h"

#include <fmt/format.h>

#include "module_state.h"
#include "mote/error.h"

namespace mote::nn {

Tensor Sequential::forward(const Tensor& x) const {
  Tensor y = x;
  for (const auto& layer : layers_) y = layer->forward(y);
  return y;
}

Sequential::Layer& Sequential::layer(size_t index) const {
  if (index >= layers_.size())
    throw IndexError(fmt::format("Sequential: index {} is outside its {} modules", index, layers_.size()));
  return *layers_[index];
}

void Sequential::throw_wrong_class(size_t index, const std::type_info& wanted) const {
  throw StateError(fmt::format("Sequential: module {} is a {}, not a {}", index, layer(index).module().class_name(),
                               detail::unqualified_name(wanted)));
}

}  // namespace mote::nn
