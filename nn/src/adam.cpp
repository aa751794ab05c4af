#include "mote/optim/adam.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "mote/autograd.h"
#include "mote/backend.h"
#include "mote/creation.h"
#include "mote/error.h"
#include "mote/recording.h"

namespace mote::optim {

namespace {

View view_of(const Tensor& x) { return {x.data_ptr(), x.dtype(), x.shape(), x.strides(), x.device().index()}; }

AdamOptions as_adam(const AdamWOptions& options) {
  return {options.lr,      options.betas,    options.eps,       options.weight_decay,
          options.amsgrad, options.maximize, options.capturable};
}

std::vector<AdamParamGroup> one_group(std::vector<nn::Parameter> params) { return {{.params = std::move(params)}}; }

}  // namespace

namespace detail {

// What one backend call updates: parameters of one group, on one device, of one dtype, that took as many steps, unless
// the device counts them.
struct AdamBase::BatchKey {
  const Group* group;
  Device device;
  DType dtype;
  int64_t step;  // 0 where the device counts

  friend bool operator==(const BatchKey&, const BatchKey&) = default;
};

struct AdamBase::Batch {
  BatchKey key;
  std::vector<Tensor> gradients_held;  // those that no parameter holds
  std::vector<View> values, gradients, exp_avg, exp_avg_sq, masters, counts;

  void add(const nn::Parameter& parameter, const Tensor& gradient, const State& state) {
    gradients.push_back(view_of(gradient));
    add_written(values, parameter);
    add_written(exp_avg, state.tensors[0]);
    add_written(exp_avg_sq, state.tensors[1]);
    if (state.master.defined()) add_written(masters, state.master);
    if (state.count.defined()) add_written(counts, state.count);
  }
  // The memory of the lists stays: the system would take it back, and give it page by page again in the next step.
  void clear() {
    gradients_held.clear();
    for (auto* views : {&values, &gradients, &exp_avg, &exp_avg_sq, &masters, &counts}) views->clear();
  }

 private:
  // Counts the change before it happens: afterwards the caches hold none of this any more.
  static void add_written(std::vector<View>& views, const Tensor& x) {
    views.push_back(view_of(x));
    x.get().storage->bump_version();
  }
};

// The learning rates of capturable groups, float64 without dimensions, on the devices of their parameters.
class AdamBase::Rates {
 public:
  // That of `group` on `device`; null where there is none yet.
  const Tensor* find(const Group& group, Device device) const {
    for (const Rate& rate : rates_)
      if (rate.group == &group && rate.value.device() == device) return &rate.value;
    return nullptr;
  }
  const Tensor& make(const Group& group, Device device) {
    rates_.push_back({&group, mote::full({}, group.lr, {.dtype = float64, .device = device}), group.lr});
    return rates_.back().value;
  }
  // Makes all of them what their groups say.
  void refresh() {
    const NoGradGuard no_grad;
    for (Rate& rate : rates_)
      if (rate.written != rate.group->lr) rate.value.fill_(rate.written = rate.group->lr);
  }

 private:
  struct Rate {
    const Group* group;
    Tensor value;
    double written;
  };
  std::vector<Rate> rates_;
};

AdamBase::AdamBase(const char* name, const std::vector<ParamGroup>& groups, const AdamOptions& options, bool decoupled)
    : OptimizerOf(name, {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"}, true),
      defaults_(options),
      decoupled_(decoupled),
      batches_(std::make_shared<std::vector<Batch>>()),
      rates_(std::make_shared<Rates>()) {
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
                                .maximize = group.maximize.value_or(defaults_.maximize),
                                .capturable = group.capturable.value_or(defaults_.capturable)}));
}

void AdamBase::check_recordable() const {
  for (const auto& group : groups())
    if (!options_of(*group).capturable)
      refuse_to_record(decoupled_ ? "AdamW" : "Adam",
                       "the number of the step is the host's, and a replay would repeat this one; make the optimizer "
                       "with {.capturable = true}");
}

// A captured step has the options in its launches, but for the learning rates.
void AdamBase::keep_to_recorded_options() const {
  Recording* recording = Recording::current();
  if (!recording) return;
  std::vector<AdamOptions> recorded;
  for (const auto& group : groups()) recorded.push_back(options_of(*group));
  recording->before_each_replay(
      [name = decoupled_ ? "AdamW" : "Adam", recorded, rates = rates_, watched = watched_groups()] {
        const auto now = watched.lock();
        if (!now) return;
        for (size_t i = 0; i < recorded.size(); ++i) {
          AdamOptions options = options_of(*(*now)[i]);
          options.lr = recorded[i].lr;
          if (options == recorded[i]) continue;
          throw StateError(fmt::format(
              "{}: an option of group {} other than lr is no longer what it was when this step was captured, "
              "and a replay would go on with the old one; capture the step again",
              name, i));
        }
        rates->refresh();
      });
}

void AdamBase::count_step(const AdamOptions& options, const nn::Parameter& parameter, State& state) const {
  if (options.capturable) {
    if (!state.count.defined()) {
      refuse_first_step();
      state.count = mote::full({}, state.step, {.dtype = float32, .device = parameter.device()});
    }
    state.count = state.count.to(parameter.device());
    return;
  }
  if (state.count.defined()) {  // it was capturable
    state.step = static_cast<int64_t>(state.count.item<float>());
    state.count = Tensor();
  }
  ++state.step;
}

void AdamBase::step() {
  check_recordable();
  keep_to_recorded_options();
  bool composed = false;
  for (const auto& group : groups()) composed |= options_of(*group).amsgrad;
  if (composed) raise_pending_errors();  // the backend's step looks itself
  if (!Recording::current()) rates_->refresh();
  for (Batch& batch : *batches_) batch.clear();  // a step that threw may have left them
  each_parameter([&](const Group& group, const nn::Parameter& parameter, const Tensor& grad, State& state) {
    const AdamOptions& options = options_of(group);
    for (size_t i = 0; i < tensors_needed(group); ++i)
      if (!state.tensors[i].defined()) {
        refuse_first_step();
        state.tensors[i] = mote::zeros_like(parameter, {.dtype = state_dtype(parameter)});
      }
    const Tensor negated = options.maximize ? -grad : Tensor();
    const Tensor& gradient = options.maximize ? negated : grad;
    count_step(options, parameter, state);
    if (options.amsgrad)
      return change_value(parameter, gradient, state, [&](const Tensor& value, const Tensor& wide_gradient) {
        step_amsgrad(options, value, wide_gradient, state);
      });
    const int64_t step = state.count.defined() ? 0 : state.step;
    Batch& batch = batch_of({&group, parameter.device(), parameter.dtype(), step});
    batch.add(parameter, gradient, state);
    if (options.maximize) batch.gradients_held.push_back(negated);
  });
  for (Batch& batch : *batches_) {
    if (!batch.values.empty()) run(batch);
    batch.clear();
  }
}

AdamBase::Batch& AdamBase::batch_of(const BatchKey& key) {
  const auto has_key = [&](const Batch& batch) { return batch.key == key; };
  auto found = std::find_if(batches_->begin(), batches_->end(), has_key);
  if (found != batches_->end()) return *found;
  found = std::find_if(batches_->begin(), batches_->end(), [](const Batch& batch) { return batch.values.empty(); });
  if (found == batches_->end()) found = batches_->emplace(found);
  found->key = key;
  return *found;
}

void AdamBase::run(const Batch& batch) {
  const auto& [group, device, dtype, step] = batch.key;
  const AdamOptions& options = options_of(*group);
  AdamWArgs args{.lr = options.lr,
                 .beta1 = options.betas[0],
                 .beta2 = options.betas[1],
                 .eps = options.eps,
                 .weight_decay = options.weight_decay,
                 .decoupled = decoupled_,
                 .step = step};
  View lr;
  if (options.capturable) {
    const Tensor* rate = rates_->find(*group, device);
    if (!rate) refuse_first_step();
    lr = view_of(rate ? *rate : rates_->make(*group, device));
    args.steps = batch.counts;
    args.device_lr = &lr;
  }
  backend_of(device).adamw(batch.values, batch.gradients, batch.exp_avg, batch.exp_avg_sq, batch.masters, args);
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
  require(!options.capturable || !options.amsgrad, "amsgrad counts its steps on the host, and cannot be capturable");
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
