#include "mote/optim/sgd.h"

#include <fmt/format.h>

namespace mote::optim {

SGD::SGD(std::vector<nn::Parameter> params, const SGDOptions& options) : SGD(one_group(std::move(params)), options) {}

SGD::SGD(std::vector<ParamGroup> groups, const SGDOptions& options)
    : Optimizer("SGD", groups, options.lr, options.weight_decay, {"momentum_buffer"}, false), options_(options) {
  require(options.momentum >= 0.0, fmt::format("expected a momentum of 0 or more, but got {}", options.momentum));
  require(!options.nesterov || (options.momentum > 0.0 && options.dampening == 0.0),
          "Nesterov's form needs a momentum above 0 and no dampening");
}

void SGD::step() {
  each_parameter([&](const Group& group, const nn::Parameter& parameter, const Tensor& gradient, State& state) {
    Tensor direction = options_.maximize ? -gradient : gradient;
    if (group.weight_decay != 0.0) direction = mote::add(direction, parameter, group.weight_decay);
    if (options_.momentum != 0.0) {
      Tensor& velocity = state.tensors[0];
      if (velocity.defined())
        velocity.mul_(options_.momentum).add_(direction, 1.0 - options_.dampening);
      else
        velocity = direction.clone();
      direction = options_.nesterov ? mote::add(direction, velocity, options_.momentum) : velocity;
    }
    parameter.add_(direction, -group.lr);
  });
}

std::vector<Optimizer::Option> SGD::options_list() const {
  return {{"momentum", options_.momentum},
          {"dampening", options_.dampening},
          {"nesterov", options_.nesterov ? 1.0 : 0.0},
          {"maximize", options_.maximize ? 1.0 : 0.0}};
}

void SGD::set_options(const std::vector<Option>& options) {
  options_.momentum = options[0].second;
  options_.dampening = options[1].second;
  options_.nesterov = options[2].second != 0.0;
  options_.maximize = options[3].second != 0.0;
}

}  // namespace mote::optim
