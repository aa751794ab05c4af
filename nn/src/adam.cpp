#include "mote/optim/adam.h"

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <tuple>

#include "mote/backend.h"
#include "mote/creation.h"
#include "mote/recording.h"

namespace mote::optim {

namespace {

View view_of(const Tensor& x) { return {x.data_ptr(), x.dtype(), x.shape(), x.strides(), x.device().index()}; }

AdamOptions as_adam(const AdamWOptions& options) {
  return {options.lr, options.betas, options.eps, options.weight_decay, options.amsgrad, options.maximize};
}

std::vector<AdamParamGroup> one_group(std::vector<nn::Parameter> params) { return {{.params = std::move(params)}}; }

// What one backend call updates: parameters of one group, on one device, of one dtype, that took as many steps.
struct Batch {
  const AdamOptions* options;
  std::vector<nn::Parameter> parameters;
  std::vector<Tensor> gradients_held;
  std::vector<View> values, gradients, exp_avg, exp_avg_sq, masters;
};

}  // namespace

namespace detail {

AdamBase::AdamBase(const char* name, const std::vector<ParamGroup>& groups, const AdamOptions& options, bool decoupled)
    : OptimizerOf(name, {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"}, true), defaults_(options), decoupled_(decoupled) {
  require(!groups.empty(), "got no parameters at all");
  for (const ParamGroup& group : groups) add_param_group(group);
}

void AdamBase::add_param_group(const ParamGroup& group) {
  add_group(std::make_unique<GroupOf<AdamOptions>>(
      group.params, AdamOptions{.lr = group.lr.value_or(defaults_.lr),
                                .betas = group.betas.value_or(defaults_.betas),
                                .eps = group.eps.value_or(defaults_.eps),
                                .weight_decay = group.weight_decay.value_or(defaults_.weight_decay),
                                .amsgrad = group.amsgrad.value_or(defaults_.amsgrad),
                                .maximize = group.maximize.value_or(defaults_.maximize)}));
}

void AdamBase::step() {
  refuse_to_record(decoupled_ ? "AdamW" : "Adam",
                   "the number of the step is the host's, and a replay would repeat this one; step after replay(), or "
                   "use SGD");
  using Key = std::tuple<const Group*, DeviceType, int, DType, int64_t>;
  std::map<Key, Batch> batches;
  each_parameter([&](const Group& group, const nn::Parameter& parameter, const Tensor& grad, State& state) {
    const AdamOptions& options = options_of(group);
    for (size_t i = 0; i < tensors_needed(group); ++i)
      if (!state.tensors[i].defined())
        state.tensors[i] = mote::zeros_like(parameter, {.dtype = state_dtype(parameter)});
    const Tensor gradient = options.maximize ? -grad : grad;
    ++state.step;
    if (options.amsgrad)
      return change_value(parameter, gradient, state, [&](const Tensor& value, const Tensor& wide_gradient) {
        step_amsgrad(options, value, wide_gradient, state);
      });
    const Device device = parameter.device();
    Batch& batch = batches[{&group, device.type(), device.index(), parameter.dtype(), state.step}];
    batch.options = &options;
    batch.parameters.push_back(parameter);
    batch.gradients_held.push_back(gradient);
    batch.values.push_back(view_of(parameter));
    batch.gradients.push_back(view_of(gradient));
    batch.exp_avg.push_back(view_of(state.tensors[0]));
    batch.exp_avg_sq.push_back(view_of(state.tensors[1]));
    if (state.master.defined()) batch.masters.push_back(view_of(state.master));
  });
  for (const auto& [key, batch] : batches) {
    const AdamOptions& options = *batch.options;
    const AdamWArgs args{.lr = options.lr,
                         .beta1 = options.betas[0],
                         .beta2 = options.betas[1],
                         .eps = options.eps,
                         .weight_decay = options.weight_decay,
                         .decoupled = decoupled_,
                         .step = std::get<int64_t>(key)};
    backend_of(batch.parameters[0].device())
        .adamw(batch.values, batch.gradients, batch.exp_avg, batch.exp_avg_sq, batch.masters, args);
    for (const nn::Parameter& parameter : batch.parameters) parameter.tensor().get().storage->bump_version();
  }
}

// No backend call has the running maximum, so this form is composed.
void AdamBase::step_amsgrad(const AdamOptions& options, const Tensor& value, const Tensor& gradient,
                            const State& state) const {
  const auto [beta1, beta2] = options.betas;
  Tensor direction = gradient;
  if (decoupled_)
    value.mul_(1.0 - options.lr * options.weight_decay);
  else if (options.weight_decay != 0.0)
    direction = mote::add(gradient, value, options.weight_decay);
  const Tensor &exp_avg = state.tensors[0], &exp_avg_sq = state.tensors[1], &largest = state.tensors[2];
  exp_avg.mul_(beta1).add_(direction, 1.0 - beta1);
  exp_avg_sq.mul_(beta2).addcmul_(direction, direction, 1.0 - beta2);
  largest.copy_(mote::maximum(largest, exp_avg_sq));
  const double correction1 = 1.0 - std::pow(beta1, static_cast<double>(state.step));
  const double correction2 = 1.0 - std::pow(beta2, static_cast<double>(state.step));
  const Tensor denominator = (mote::sqrt(largest) / std::sqrt(correction2)).add_(options.eps);
  value.addcdiv_(exp_avg, denominator, -options.lr / correction1);
}

std::vector<Optimizer::NamedOption> AdamBase::named_options(Group& group) const {
  AdamOptions& options = options_of(group);
  return {{"lr", &options.lr},
          {"beta1", &options.betas[0]},
          {"beta2", &options.betas[1]},
          {"eps", &options.eps},
          {"weight_decay", &options.weight_decay},
          {"amsgrad", &options.amsgrad},
          {"maximize", &options.maximize}};
}

void AdamBase::check_options(const Group& group) const {
  Optimizer::check_options(group);
  const AdamOptions& options = options_of(group);
  for (const double beta : options.betas)
    require(beta >= 0.0 && beta < 1.0, fmt::format("expected betas in [0, 1), but got {}", beta));
  require(options.eps >= 0.0, fmt::format("expected an eps of 0 or more, but got {}", options.eps));
}

}  // namespace detail

Adam::Adam(std::vector<nn::Parameter> params, const AdamOptions& options)
    : AdamBase("Adam", one_group(std::move(params)), options, false) {}
Adam::Adam(std::vector<ParamGroup> groups, const AdamOptions& options) : AdamBase("Adam", groups, options, false) {}

AdamW::AdamW(std::vector<nn::Parameter> params, const AdamWOptions& options)
    : AdamBase("AdamW", one_group(std::move(params)), as_adam(options), true) {}
AdamW::AdamW(std::vector<ParamGroup> groups, const AdamWOptions& options)
    : AdamBase("AdamW", groups, as_adam(options), true) {}

}  // namespace mote::optim
