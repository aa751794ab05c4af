#include "mote/optim/optimizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "mote/autograd.h"
#include "mote/creation.h"
#include "mote/error.h"

namespace mote::optim {

Optimizer::Optimizer(const char* name, const std::vector<ParamGroup>& groups, double lr, double weight_decay,
                     std::vector<std::string> state_names, bool counts_steps)
    : name_(name),
      default_lr_(lr),
      default_weight_decay_(weight_decay),
      state_names_(std::move(state_names)),
      counts_steps_(counts_steps),
      groups_(std::make_shared<std::vector<Group>>()) {
  require(!groups.empty(), "got no parameters at all");
  for (const ParamGroup& group : groups) add_param_group(group);
}

std::vector<ParamGroup> Optimizer::one_group(std::vector<nn::Parameter> params) {
  std::vector<ParamGroup> groups(1);
  groups[0].params = std::move(params);
  return groups;
}

void Optimizer::require(bool ok, const std::string& what) const {
  if (!ok) throw ValueError(fmt::format("{}: {}", name_, what));
}

void Optimizer::check_new_parameters(const std::vector<nn::Parameter>& params) const {
  std::unordered_set<const TensorImpl*> known;
  for (const Group& group : *groups_)
    for (const nn::Parameter& parameter : group.params) known.insert(parameter.tensor().impl());
  for (const nn::Parameter& parameter : params) {
    require(parameter.defined(), "got a parameter without a tensor");
    require(known.insert(parameter.tensor().impl()).second,
            fmt::format("{} is given twice, and would be changed twice in each step", parameter.label()));
  }
}

void Optimizer::add_param_group(const ParamGroup& group) {
  const double lr = group.lr.value_or(default_lr_);
  const double weight_decay = group.weight_decay.value_or(default_weight_decay_);
  require(!group.params.empty(), "got a group without parameters");
  require(lr >= 0.0, fmt::format("expected a learning rate of 0 or more, but got {}", lr));
  require(weight_decay >= 0.0, fmt::format("expected a weight decay of 0 or more, but got {}", weight_decay));
  check_new_parameters(group.params);
  states_.resize(states_.size() + group.params.size());
  groups_->push_back({group.params, lr, weight_decay, lr});
}

void Optimizer::zero_grad(bool set_to_none) {
  const NoGradGuard no_grad;
  for (const Group& group : *groups_)
    for (const nn::Parameter& parameter : group.params) {
      if (!parameter.grad().defined()) continue;
      if (set_to_none)
        parameter.set_grad(Tensor());
      else
        parameter.grad().zero_();
    }
}

void Optimizer::each_parameter(const Update& update) {
  const NoGradGuard no_grad;
  auto state = states_.begin();
  for (const Group& group : *groups_)
    for (const nn::Parameter& parameter : group.params) {
      State& own = *state++;
      const Tensor gradient = parameter.grad();
      if (!gradient.defined()) continue;
      own.tensors.resize(state_names_.size());
      for (Tensor& tensor : own.tensors)
        if (tensor.defined()) tensor = tensor.to(parameter.device(), parameter.dtype());
      update(group, parameter, gradient, own);
    }
}

// --- state dicts -----------------------------------------------------------------------------------------------------

// Reads a state dict and writes down everything that does not fit.
class StateReader {
 public:
  explicit StateReader(const StateDict& state) : state_(state) {}

  bool contains(const std::string& name) const { return state_.contains(name); }

  Tensor tensor(const std::string& name) {
    known_.insert(name);
    if (const Tensor* found = state_.find(name)) return *found;
    problem(fmt::format("'{}' is missing", name));
    return {};
  }

  double number(const std::string& name) {
    const Tensor x = tensor(name);
    if (!x.defined()) return 0.0;
    if (x.numel() == 1) return x.item<double>();
    problem(fmt::format("'{}' should be one number, but has shape {}", name, x.shape().str()));
    return 0.0;
  }

  void problem(const std::string& text) { problems_ += "\n  " + text + "."; }

  // All problems, unknown names among them.
  std::string problems() const {
    std::string text = problems_;
    for (const auto& [name, tensor] : state_)
      if (!known_.contains(name)) text += fmt::format("\n  '{}' is of no use here.", name);
    return text;
  }

 private:
  const StateDict& state_;
  std::unordered_set<std::string> known_;
  std::string problems_;
};

namespace {

Tensor number(double value) { return mote::full({}, value, {.dtype = float64}); }

std::string key(const char* list, size_t index, const std::string& name) {
  return fmt::format("{}.{}.{}", list, index, name);
}

}  // namespace

StateDict Optimizer::state_dict() const {
  StateDict result;
  for (size_t i = 0; i < states_.size(); ++i) {
    const State& state = states_[i];
    if (state.step > 0) result.insert(key("state", i, "step"), number(static_cast<double>(state.step)));
    for (size_t k = 0; k < state.tensors.size(); ++k)
      if (state.tensors[k].defined()) result.insert(key("state", i, state_names_[k]), state.tensors[k]);
  }
  int64_t first = 0;
  for (size_t g = 0; g < groups_->size(); ++g) {
    const Group& group = (*groups_)[g];
    const int64_t end = first + static_cast<int64_t>(group.params.size());
    result.insert(key("param_groups", g, "lr"), number(group.lr));
    result.insert(key("param_groups", g, "weight_decay"), number(group.weight_decay));
    result.insert(key("param_groups", g, "initial_lr"), number(group.initial_lr));
    result.insert(key("param_groups", g, "params"), mote::arange(first, end));
    first = end;
  }
  for (const auto& [name, value] : options_list()) result.insert("options." + name, number(value));
  return result;
}

// The state of the index-th parameter: all of it is there, or nothing, before its first step.
Optimizer::State Optimizer::read_state(StateReader& reader, size_t index, const nn::Parameter& parameter) const {
  State state;
  const auto present = [&](const std::string& name) { return reader.contains(key("state", index, name)); };
  if (!present("step") && std::none_of(state_names_.begin(), state_names_.end(), present)) return state;
  if (counts_steps_) state.step = static_cast<int64_t>(reader.number(key("state", index, "step")));
  for (const std::string& name : state_names_) {
    const Tensor tensor = reader.tensor(key("state", index, name));
    if (tensor.defined() && tensor.shape() == parameter.shape())
      state.tensors.push_back(tensor.to(parameter.device(), parameter.dtype(), true));
    else if (tensor.defined())
      reader.problem(fmt::format("'{}' has shape {}, but {} has {}", key("state", index, name), tensor.shape().str(),
                                 parameter.label(), parameter.shape().str()));
  }
  return state;
}

void Optimizer::load_state_dict(const StateDict& dict) {
  const NoGradGuard no_grad;
  StateReader reader(dict);
  std::vector<Group> groups = *groups_;
  std::vector<State> states;
  for (size_t g = 0; g < groups.size(); ++g) {
    Group& group = groups[g];
    group.lr = reader.number(key("param_groups", g, "lr"));
    group.weight_decay = reader.number(key("param_groups", g, "weight_decay"));
    group.initial_lr = reader.number(key("param_groups", g, "initial_lr"));
    const Tensor listed = reader.tensor(key("param_groups", g, "params"));
    if (listed.defined() && listed.numel() != static_cast<int64_t>(group.params.size()))
      reader.problem(
          fmt::format("group {} has {} parameters there, but {} here", g, listed.numel(), group.params.size()));
    for (const nn::Parameter& parameter : group.params) states.push_back(read_state(reader, states.size(), parameter));
  }
  std::vector<Option> options = options_list();
  for (auto& [name, value] : options) value = reader.number("options." + name);
  if (const std::string problems = reader.problems(); !problems.empty())
    throw StateError(fmt::format("load_state_dict: the state dict does not fit this {}, which is left as it was:{}",
                                 name_, problems));
  set_options(options);
  *groups_ = std::move(groups);
  states_ = std::move(states);
}

}  // namespace mote::optim
