// Optimizer: the base of SGD, Adam and AdamW. It accepts parameters and nothing else; a buffer or a plain tensor is
// refused by the compiler. It holds the slots of the parameters, so that it stays valid when their module moves.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mote/nn/slot.h"
#include "mote/state_dict.h"

namespace mote::optim {

class StateReader;

// Parameters with a learning rate or a weight decay of their own; what is left out is that of the optimizer's options.
struct ParamGroup {
  std::vector<nn::Parameter> params;
  std::optional<double> lr = std::nullopt;
  std::optional<double> weight_decay = std::nullopt;
};

// A group as the optimizer keeps it. lr and weight_decay may be changed between steps.
struct Group {
  std::vector<nn::Parameter> params;
  double lr;
  double weight_decay;
  double initial_lr;  // what a scheduler starts from
};

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(Optimizer&&) = default;
  Optimizer& operator=(Optimizer&&) = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  // Changes every parameter that has a gradient. Not recorded by autograd.
  virtual void step() = 0;
  // Forgets the gradients, or sets them to zero in place.
  void zero_grad(bool set_to_none = true);

  std::vector<Group>& param_groups() { return *groups_; }
  const std::vector<Group>& param_groups() const { return *groups_; }
  // ValueError for a group without parameters, or one with a parameter that this optimizer has already.
  void add_param_group(const ParamGroup& group);

  // What save_safetensors needs to keep for an exact continuation: "state.<i>.<name>" for the i-th parameter, counted
  // through all groups, "param_groups.<g>.lr" and the like, and "options.<name>" (float64 without dimensions).
  StateDict state_dict() const;
  // The reverse. Everything is checked first: where anything does not fit, a StateError lists it and the optimizer is
  // as it was. States move to the device of their parameter.
  void load_state_dict(const StateDict& state);

 protected:
  // What the optimizer keeps for one parameter; the names are PyTorch's ("momentum_buffer", "exp_avg").
  struct State {
    int64_t step = 0;
    std::vector<Tensor> tensors;  // in the order of state_names(); undefined before the first step
  };
  using Option = std::pair<std::string, double>;

  // ValueError for an empty list, a parameter given twice, or a negative rate. Errors begin with `name`. A State has
  // the tensors `state_names` and, where it counts steps, the number of them.
  Optimizer(const char* name, const std::vector<ParamGroup>& groups, double lr, double weight_decay,
            std::vector<std::string> state_names, bool counts_steps);
  static std::vector<ParamGroup> one_group(std::vector<nn::Parameter> params);

  // The options that hold for all groups, for the state dict, and back.
  virtual std::vector<Option> options_list() const = 0;
  virtual void set_options(const std::vector<Option>& options) = 0;

  // Throws ValueError "<name>: <what>" unless `ok`.
  void require(bool ok, const std::string& what) const;
  // Calls update(group, parameter, gradient, state) for each parameter with a gradient, without recording; the state's
  // tensors are on the parameter's device.
  using Update = std::function<void(const Group&, const nn::Parameter&, const Tensor&, State&)>;
  void each_parameter(const Update& update);

 private:
  friend class LRScheduler;

  void check_new_parameters(const std::vector<nn::Parameter>& params) const;
  State read_state(StateReader& reader, size_t index, const nn::Parameter& parameter) const;

  const char* name_;
  double default_lr_;
  double default_weight_decay_;
  std::vector<std::string> state_names_;
  bool counts_steps_;
  std::shared_ptr<std::vector<Group>> groups_;  // shared with the schedulers
  std::vector<State> states_;                   // one for each parameter, through all groups
};

}  // namespace mote::optim
