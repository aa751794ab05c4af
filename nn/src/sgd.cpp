#include "mote/optim/sgd.h"

#include <fmt/format.h>

#include "mote/error.h"
#include "mote/recording.h"

namespace mote::optim {

SGD::SGD(std::vector<nn::Parameter> params, const SGDOptions& options)
    : SGD(std::vector<ParamGroup>{{.params = std::move(params)}}, options) {}

SGD::SGD(std::vector<ParamGroup> groups, const SGDOptions& options)
    : OptimizerOf("SGD", {"momentum_buffer"}, false), defaults_(options) {
  require(!groups.empty(), "got no parameters at all");
  for (const ParamGroup& group : groups) add_param_group(group);
}

void SGD::add_param_group(const ParamGroup& group) {
  add_group(std::make_unique<GroupOf<SGDOptions>>(
      group.params, SGDOptions{.lr = group.lr.value_or(defaults_.lr),
                               .momentum = group.momentum.value_or(defaults_.momentum),
                               .dampening = group.dampening.value_or(defaults_.dampening),
                               .weight_decay = group.weight_decay.value_or(defaults_.weight_decay),
                               .nesterov = group.nesterov.value_or(defaults_.nesterov),
                               .maximize = group.maximize.value_or(defaults_.maximize)}));
}

// A captured step has the options in its launches.
void SGD::keep_to_recorded_options() const {
  Recording* recording = Recording::current();
  if (!recording) return;
  std::vector<SGDOptions> recorded;
  for (const auto& group : groups()) recorded.push_back(options_of(*group));
  recording->before_each_replay([recorded, watched = watched_groups()] {
    const auto now = watched.lock();
    if (!now) return;
    for (size_t i = 0; i < recorded.size(); ++i) {
      const SGDOptions& options = options_of(*(*now)[i]);
      if (options == recorded[i]) continue;
      throw StateError(
          fmt::format("SGD: an option of group {} is no longer what it was when this step was captured (lr was {} and "
                      "is {}), and a replay would go on with the old one; capture the step again",
                      i, recorded[i].lr, options.lr));
    }
  });
}

void SGD::step() {
  keep_to_recorded_options();
  raise_pending_errors();
  each_parameter([&](const Group& group, const nn::Parameter& parameter, const Tensor& own_gradient, State& state) {
    const SGDOptions& options = options_of(group);
    change_value(parameter, own_gradient, state, [&](const Tensor& value, const Tensor& gradient) {
      Tensor direction = options.maximize ? -gradient : gradient;
      if (options.weight_decay != 0.0) direction = mote::add(direction, value, options.weight_decay);
      if (options.momentum != 0.0) {
        Tensor& velocity = state.tensors[0];
        if (velocity.defined()) {
          velocity.mul_(options.momentum).add_(direction, 1.0 - options.dampening);
        } else {
          refuse_first_step();
          velocity = direction.clone();
        }
        direction = options.nesterov ? mote::add(direction, velocity, options.momentum) : velocity;
      }
      value.add_(direction, -options.lr);
    });
  });
}

std::vector<Optimizer::NamedOption> SGD::named_options(Group& group) const {
  SGDOptions& options = options_of(group);
  return {{"lr", &options.lr},
          {"momentum", &options.momentum},
          {"dampening", &options.dampening},
          {"weight_decay", &options.weight_decay},
          {"nesterov", &options.nesterov},
          {"maximize", &options.maximize}};
}

void SGD::check_options(const Group& group) const {
  Optimizer::check_options(group);
  const SGDOptions& options = options_of(group);
  require(options.momentum >= 0.0, fmt::format("expected a momentum of 0 or more, but got {}", options.momentum));
  require(!options.nesterov || (options.momentum > 0.0 && options.dampening == 0.0),
          "Nesterov's form needs a momentum above 0 and no dampening");
}

}  // namespace mote::optim
