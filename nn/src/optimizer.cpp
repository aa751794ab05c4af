#include "mote/optim/optimizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "mote/autograd.h"
#include "mote/backend.h"
#include "mote/creation.h"
#include "mote/error.h"
#include "mote/node.h"
#include "mote/recording.h"

namespace mote::optim {

namespace {

// Null where there is none. No handle of it is made: with many parameters the caches have lost all their counts since
// the last step, and the processor would wait for each that changes before it reads on.
const Tensor* gradient_of(const TensorImpl& parameter) {
  return parameter.leaf && parameter.leaf->grad.defined() ? &parameter.leaf->grad : nullptr;
}

}  // namespace

Optimizer::Optimizer(const char* name, std::vector<std::string> state_names, bool counts_steps)
    : name_(name),
      state_names_(std::move(state_names)),
      counts_steps_(counts_steps),
      groups_(std::make_shared<std::vector<std::unique_ptr<Group>>>()) {}

std::vector<std::unique_ptr<Group>>& Optimizer::groups() const {
  if (!groups_) throw StateError(fmt::format("{}: used after it was moved from", name_));
  return *groups_;
}

void Optimizer::require(bool ok, const std::string& what) const {
  if (!ok) throw ValueError(fmt::format("{}: {}", name_, what));
}

void Optimizer::check_new_parameters(const std::vector<nn::Parameter>& params) const {
  std::unordered_set<const TensorImpl*> known;
  for (const auto& group : groups())
    for (const nn::Parameter& parameter : group->params) known.insert(parameter.tensor().impl());
  for (const nn::Parameter& parameter : params) {
    require(parameter.defined(), "got a parameter without a tensor");
    require(known.insert(parameter.tensor().impl()).second,
            fmt::format("{} is given twice, and would be changed twice in each step", parameter.label()));
  }
}

void Optimizer::check_options(const Group& group) const {
  require(group.lr >= 0.0, fmt::format("expected a learning rate of 0 or more, but got {}", group.lr));
  require(group.weight_decay >= 0.0,
          fmt::format("expected a weight decay of 0 or more, but got {}", group.weight_decay));
}

void Optimizer::add_group(std::unique_ptr<Group> group) {
  require(!group->params.empty(), "got a group without parameters");
  check_options(*group);
  check_new_parameters(group->params);
  groups().reserve(groups().size() + 1);
  states_.resize(states_.size() + group->params.size());
  groups().push_back(std::move(group));
}

void Optimizer::zero_grad(bool set_to_none) {
  const NoGradGuard no_grad;
  for (const Group& group : param_groups())
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
  std::unordered_set<const TensorImpl*> seen;  // parameters may have been tied since
  auto state = states_.begin();
  for (const Group& group : param_groups())
    for (const nn::Parameter& parameter : group.params) {
      State& own = *state++;
      const TensorImpl& impl = parameter.tensor().get();
      const Tensor* const gradient = gradient_of(impl);
      if (!gradient) continue;
      if (impl.use_count() > 1 && !seen.insert(&impl).second) continue;  // each slot that has it is a use
      const DType dtype = state_dtype(parameter);
      const Device device = parameter.device();
      if (dtype != parameter.dtype() && !own.master.defined()) refuse_first_step();
      const auto follow = [&](Tensor& x) {
        if (x.defined() && (x.dtype() != dtype || x.device() != device)) x = x.to(device, dtype);
      };
      own.tensors.resize(state_names_.size());
      for (Tensor& tensor : own.tensors) follow(tensor);
      if (dtype == parameter.dtype())
        own.master = Tensor();
      else if (!own.master.defined())
        own.master = parameter;
      follow(own.master);
      update(group, parameter, *gradient, own);
    }
}

void Optimizer::raise_pending_errors() const {
  std::vector<Device> devices;
  for (const auto& group : groups())
    for (const nn::Parameter& parameter : group->params) {
      const Device device = parameter.device();
      if (!parameter.grad().defined() || std::find(devices.begin(), devices.end(), device) != devices.end()) continue;
      devices.push_back(device);
      backend_of(device).raise_pending_errors(device.index());
    }
}

void Optimizer::refuse_first_step() const {
  refuse_to_record(name_,
                   "the first step makes the optimizer's state, and a replay would make it anew; take a step "
                   "before the capture");
}

DType Optimizer::state_dtype(const nn::Parameter& parameter) {
  return is_reduced_floating_point(parameter.dtype()) ? float32 : parameter.dtype();
}

void Optimizer::change_value(const nn::Parameter& parameter, const Tensor& gradient, const State& state,
                             const Change& change) {
  if (!state.master.defined()) return change(parameter, gradient);
  const Tensor untouched = state.master.to(parameter.dtype()) == parameter.tensor();
  state.master.copy_(mote::where(untouched, state.master, parameter.to(float32)));
  change(state.master, gradient.to(float32));
  parameter.copy_(state.master);
}

// --- state dicts -----------------------------------------------------------------------------------------------------

// Reads a state dict and writes down everything that does not fit.
class StateReader {
 public:
  explicit StateReader(const StateDict& state) : state_(state) {}

  bool contains(const std::string& name) const { return state_.contains(name); }

  Tensor tensor(const std::string& name) {
    known_.insert(name);
    const Tensor* found = state_.find(name);
    if (found && found->defined()) return *found;
    problem(fmt::format("'{}' is {}", name, found ? "undefined" : "missing"));
    return {};
  }

  std::optional<double> number(const std::string& name) {
    const Tensor x = tensor(name);
    if (!x.defined()) return std::nullopt;
    if (x.numel() == 1) return x.item<double>();
    problem(fmt::format("'{}' should be one number, but has shape {}", name, x.shape().str()));
    return std::nullopt;
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

constexpr const char* kMasterName = "master_param";

Tensor number(double value) { return mote::full({}, value, {.dtype = float64}); }

std::string key(const char* list, size_t index, const std::string& name) {
  return fmt::format("{}.{}.{}", list, index, name);
}

}  // namespace

StateDict Optimizer::state_dict() const {
  StateDict result;
  for (size_t i = 0; i < states_.size(); ++i) {
    const State& state = states_[i];
    if (state.count.defined())
      result.insert(key("state", i, "step"), state.count);
    else if (counts_steps_ && !state.tensors.empty() && state.tensors[0].defined())
      result.insert(key("state", i, "step"), number(static_cast<double>(state.step)));
    for (size_t k = 0; k < state.tensors.size(); ++k)
      if (state.tensors[k].defined()) result.insert(key("state", i, state_names_[k]), state.tensors[k]);
    if (state.master.defined()) result.insert(key("state", i, kMasterName), state.master);
  }
  int64_t first = 0;
  for (size_t g = 0; g < groups().size(); ++g) {
    Group& group = *groups()[g];
    const int64_t end = first + static_cast<int64_t>(group.params.size());
    for (const auto& [name, value] : named_options(group))
      result.insert(key("param_groups", g, name), std::visit([](auto* x) { return number(*x); }, value));
    if (group.initial_lr) result.insert(key("param_groups", g, "initial_lr"), number(*group.initial_lr));
    result.insert(key("param_groups", g, "params"), mote::arange(first, end));
    first = end;
  }
  return result;
}

// A group with the options of the state dict.
std::unique_ptr<Group> Optimizer::read_group(StateReader& reader, size_t index) const {
  std::unique_ptr<Group> group = copy_of(*groups()[index]);
  const auto number_of = [&](const std::string& name) { return reader.number(key("param_groups", index, name)); };
  bool complete = true;
  for (const auto& [name, value] : named_options(*group)) {
    const std::optional<double> read = number_of(name);
    complete = complete && read;
    if (read) std::visit([&](auto* x) { *x = static_cast<std::remove_pointer_t<decltype(x)>>(*read); }, value);
  }
  group->initial_lr =
      reader.contains(key("param_groups", index, "initial_lr")) ? number_of("initial_lr") : groups()[index]->initial_lr;
  const Tensor listed = reader.tensor(key("param_groups", index, "params"));
  if (listed.defined() && listed.numel() != static_cast<int64_t>(group->params.size()))
    reader.problem(
        fmt::format("group {} has {} parameters there, but {} here", index, listed.numel(), group->params.size()));
  try {
    if (complete) check_options(*group);
  } catch (const ValueError& error) {
    reader.problem(fmt::format("group {}: {}", index, error.what()));
  }
  return group;
}

// The state of the index-th parameter: all of it is there, or nothing, before its first step.
Optimizer::State Optimizer::read_state(StateReader& reader, size_t index, const nn::Parameter& parameter,
                                       size_t needed) const {
  State state;
  const auto present = [&](const std::string& name) { return reader.contains(key("state", index, name)); };
  const auto read = [&](const std::string& name) {
    const Tensor tensor = reader.tensor(key("state", index, name));
    if (!tensor.defined()) return tensor;
    if (tensor.shape() == parameter.shape()) return tensor.to(parameter.device(), state_dtype(parameter), true);
    reader.problem(fmt::format("'{}' has shape {}, but {} has {}", key("state", index, name), tensor.shape().str(),
                               parameter.label(), parameter.shape().str()));
    return Tensor();
  };
  // A float32 parameter is its own master, and has no use for another.
  if (present(kMasterName)) {
    const Tensor master = read(kMasterName);
    if (is_reduced_floating_point(parameter.dtype())) state.master = master;
  }
  if (!present("step") && std::none_of(state_names_.begin(), state_names_.end(), present)) return state;
  if (counts_steps_) {
    const double step = reader.number(key("state", index, "step")).value_or(1.0);
    if (step >= 0.0 && step < 9e15)  // 0 where the device has refused the first one
      state.step = static_cast<int64_t>(step);
    else
      reader.problem(fmt::format("'{}' should be 0 or more, but is {}", key("state", index, "step"), step));
  }
  for (size_t k = 0; k < state_names_.size(); ++k)
    if (k < needed || present(state_names_[k])) state.tensors.push_back(read(state_names_[k]));
  return state;
}

void Optimizer::replace(State& state, State&& read) {
  const auto take = [](Tensor& old, Tensor& now) {
    const bool fits = old.defined() && now.defined() && old.shape() == now.shape() && old.dtype() == now.dtype() &&
                      old.device() == now.device();
    if (fits) now = old.copy_(now);
  };
  for (size_t i = 0; i < std::min(state.tensors.size(), read.tensors.size()); ++i)
    take(state.tensors[i], read.tensors[i]);
  take(state.master, read.master);
  if (state.count.defined() && !read.tensors.empty()) read.count = state.count.fill_(read.step);
  state = std::move(read);
}

void Optimizer::load_state_dict(const StateDict& dict) {
  const NoGradGuard no_grad;
  StateReader reader(dict);
  std::vector<std::unique_ptr<Group>> read;
  std::vector<State> states;
  for (size_t g = 0; g < groups().size(); ++g) {
    read.push_back(read_group(reader, g));
    const size_t needed = tensors_needed(*read.back());
    for (const nn::Parameter& parameter : read.back()->params)
      states.push_back(read_state(reader, states.size(), parameter, needed));
  }
  if (const std::string problems = reader.problems(); !problems.empty())
    throw StateError(fmt::format("load_state_dict: the state dict does not fit this {}, which is left as it was:{}",
                                 name_, problems));
  for (size_t g = 0; g < read.size(); ++g) {
    assign_options(*groups()[g], *read[g]);
    groups()[g]->initial_lr = read[g]->initial_lr;
  }
  for (size_t i = 0; i < states.size(); ++i) replace(states_[i], std::move(states[i]));
}

}  // namespace mote::optim
