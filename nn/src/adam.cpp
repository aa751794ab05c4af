#include "mote/optim/adam.h"

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <tuple>

#include "mote/backend.h"
#include "mote/creation.h"

namespace mote::optim {

namespace {

View view_of(const Tensor& x) { return {x.data_ptr(), x.dtype(), x.shape(), x.strides()}; }

AdamOptions as_adam(const AdamWOptions& options) {
  return {options.lr, options.betas, options.eps, options.weight_decay, options.amsgrad};
}

// What one backend call updates: parameters of one group, on one device, of one dtype, that took as many steps.
struct Batch {
  const Group* group;
  std::vector<nn::Parameter> parameters;
  std::vector<View> values, gradients, exp_avg, exp_avg_sq;
};

}  // namespace

namespace detail {

AdamBase::AdamBase(const char* name, const std::vector<ParamGroup>& groups, const AdamOptions& options, bool decoupled)
    : Optimizer(name, groups, options.lr, options.weight_decay,
                options.amsgrad ? std::vector<std::string>{"exp_avg", "exp_avg_sq", "max_exp_avg_sq"}
                                : std::vector<std::string>{"exp_avg", "exp_avg_sq"},
                true),
      options_(options),
      decoupled_(decoupled) {
  for (const double beta : options.betas)
    require(beta >= 0.0 && beta < 1.0, fmt::format("expected betas in [0, 1), but got {}", beta));
  require(options.eps >= 0.0, fmt::format("expected an eps of 0 or more, but got {}", options.eps));
}

void AdamBase::step() {
  using Key = std::tuple<const Group*, DeviceType, int, DType, int64_t>;
  std::map<Key, Batch> batches;
  each_parameter([&](const Group& group, const nn::Parameter& parameter, const Tensor& gradient, State& state) {
    for (Tensor& tensor : state.tensors)
      if (!tensor.defined()) tensor = mote::zeros_like(parameter);
    ++state.step;
    if (options_.amsgrad) return step_amsgrad(group, parameter, gradient, state);
    const Device device = parameter.device();
    Batch& batch = batches[{&group, device.type(), device.index(), parameter.dtype(), state.step}];
    batch.group = &group;
    batch.parameters.push_back(parameter);
    batch.values.push_back(view_of(parameter));
    batch.gradients.push_back(view_of(gradient));
    batch.exp_avg.push_back(view_of(state.tensors[0]));
    batch.exp_avg_sq.push_back(view_of(state.tensors[1]));
  });
  for (const auto& [key, batch] : batches) {
    const AdamWArgs args{.lr = batch.group->lr,
                         .beta1 = options_.betas[0],
                         .beta2 = options_.betas[1],
                         .eps = options_.eps,
                         .weight_decay = batch.group->weight_decay,
                         .decoupled = decoupled_,
                         .step = std::get<int64_t>(key)};
    backend_of(batch.parameters[0].device())
        .adamw(batch.values, batch.gradients, batch.exp_avg, batch.exp_avg_sq, args);
    for (const nn::Parameter& parameter : batch.parameters) parameter.tensor().get().storage->bump_version();
  }
}

// No backend call has the running maximum, so this form is composed.
void AdamBase::step_amsgrad(const Group& group, const nn::Parameter& parameter, const Tensor& gradient,
                            State& state) const {
  const auto [beta1, beta2] = options_.betas;
  Tensor direction = gradient;
  if (decoupled_)
    parameter.mul_(1.0 - group.lr * group.weight_decay);
  else if (group.weight_decay != 0.0)
    direction = mote::add(gradient, parameter, group.weight_decay);
  const Tensor &exp_avg = state.tensors[0], &exp_avg_sq = state.tensors[1], &largest = state.tensors[2];
  exp_avg.mul_(beta1).add_(direction, 1.0 - beta1);
  exp_avg_sq.mul_(beta2).addcmul_(direction, direction, 1.0 - beta2);
  largest.copy_(mote::maximum(largest, exp_avg_sq));
  const double correction1 = 1.0 - std::pow(beta1, static_cast<double>(state.step));
  const double correction2 = 1.0 - std::pow(beta2, static_cast<double>(state.step));
  const Tensor denominator = (mote::sqrt(largest) / std::sqrt(correction2)).add_(options_.eps);
  parameter.addcdiv_(exp_avg, denominator, -group.lr / correction1);
}

std::vector<Optimizer::Option> AdamBase::options_list() const {
  return {{"beta1", options_.betas[0]}, {"beta2", options_.betas[1]}, {"eps", options_.eps}};
}

void AdamBase::set_options(const std::vector<Option>& options) {
  options_.betas = {options[0].second, options[1].second};
  options_.eps = options[2].second;
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
