// Optimizer: the base of SGD, Adam and AdamW. It accepts parameters and nothing else; a buffer or a plain tensor is
// refused by the compiler. It holds the slots of the parameters, so that it stays valid when their module moves.
//
// A float16 or bfloat16 parameter has a float32 master copy in the state, and the rest of its state is float32 too. A
// step changes the master and rounds it once into the parameter, so that changes too small for 16 bits add up
// (Micikevicius et al. 2018). A parameter that was written since, by load_state_dict for example, starts a new master.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "mote/optim/param_group.h"
#include "mote/state_dict.h"

namespace mote::optim {

class StateReader;

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(Optimizer&&) = default;
  Optimizer& operator=(Optimizer&&) = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  // Changes every parameter that has a gradient, tied ones once. Not recorded by autograd.
  virtual void step() = 0;
  // Forgets the gradients, or sets them to zero in place.
  void zero_grad(bool set_to_none = true);

  // What is common to the groups of all optimizers; those of SGD and its like have `options` too.
  GroupRange<Group> param_groups() { return GroupRange<Group>(groups()); }
  GroupRange<const Group> param_groups() const { return GroupRange<const Group>(groups()); }

  // What save_safetensors needs to keep for an exact continuation: "state.<i>.<name>" for the i-th parameter, counted
  // through all groups, "state.<i>.master_param" for one of a 16-bit type, and "param_groups.<g>.<option>" (float64
  // without dimensions) for every option of each group.
  StateDict state_dict() const;
  // The reverse. Everything is checked first: where anything does not fit, a StateError lists it and the optimizer is
  // as it was. States move to the device of their parameter. Where there is no "master_param", as in files of float32
  // training, the master starts from the parameter.
  // State that is there already keeps its memory, so that a captured step (cuda_graph.h) goes on with what was loaded.
  void load_state_dict(const StateDict& state);

 protected:
  // What the optimizer keeps for one parameter; the names are PyTorch's ("momentum_buffer", "exp_avg").
  struct State {
    int64_t step = 0;
    Tensor count;                 // float32, no dimensions: where steps are counted on the device, in place of `step`
    std::vector<Tensor> tensors;  // in the order of the names given to the constructor; undefined before the first step
    Tensor master;                // float32, of a parameter of a 16-bit type; undefined for others
  };
  struct NamedOption {
    const char* name;
    std::variant<double*, bool*> value;
  };

  // Errors begin with `name`. A State has the tensors `state_names` and, where it counts steps, the number of them. The
  // constructor of the derived class adds the groups.
  Optimizer(const char* name, std::vector<std::string> state_names, bool counts_steps);
  // ValueError for a group without parameters, one with a parameter that this optimizer has already, or options that
  // check_options refuses.
  void add_group(std::unique_ptr<Group> group);

  // Of a group of this class of optimizer: a copy, the transfer of options, its options under their names in the state
  // dict, the test of their values (a ValueError by `require`), and how many of the state's tensors a step with these
  // options needs.
  virtual std::unique_ptr<Group> copy_of(const Group& group) const = 0;
  virtual void assign_options(Group& to, const Group& from) const noexcept = 0;
  virtual std::vector<NamedOption> named_options(Group& group) const = 0;
  virtual void check_options(const Group& group) const;
  virtual size_t tensors_needed(const Group& group) const = 0;

  // Throws ValueError "<name>: <what>" unless `ok`.
  void require(bool ok, const std::string& what) const;
  // Calls update(group, parameter, gradient, state) for each parameter with a gradient, without recording; the state's
  // tensors are on the parameter's device and of its state_dtype, and the master of a 16-bit parameter is there.
  using Update = std::function<void(const Group&, const nn::Parameter&, const Tensor&, State&)>;
  void each_parameter(const Update& update);
  // Throws what has been found wrong on the devices of the parameters, so that a step does not use gradients that came
  // of it: for steps written with operations. Waits for this thread's work there, but not while a graph is captured.
  void raise_pending_errors() const;
  // Throws StateError while a CUDA graph is captured: for the step that makes a parameter's state.
  void refuse_first_step() const;
  // Float32 for parameters of 16-bit types, their own for others.
  static DType state_dtype(const nn::Parameter& parameter);
  // For a step written with operations: calls change(value, gradient) with the tensors to change in place and to read,
  // which are the parameter's own, or the master and a float32 gradient, and then the parameter follows its master.
  using Change = std::function<void(const Tensor& value, const Tensor& gradient)>;
  static void change_value(const nn::Parameter& parameter, const Tensor& gradient, const State& state,
                           const Change& change);

  // StateError once the optimizer was moved from.
  std::vector<std::unique_ptr<Group>>& groups() const;
  // The groups, for what may outlive the optimizer.
  std::weak_ptr<std::vector<std::unique_ptr<Group>>> watched_groups() const { return groups_; }

 private:
  friend class GradScaler;
  friend class LRScheduler;

  void check_new_parameters(const std::vector<nn::Parameter>& params) const;
  std::unique_ptr<Group> read_group(StateReader& reader, size_t index) const;
  static void replace(State& state, State&& read);
  State read_state(StateReader& reader, size_t index, const nn::Parameter& parameter, size_t needed) const;

  const char* name_;
  std::vector<std::string> state_names_;
  bool counts_steps_;
  std::shared_ptr<std::vector<std::unique_ptr<Group>>> groups_;  // shared with the schedulers, and moved along
  std::vector<State> states_;                                    // one for each parameter, through all groups
};

// An optimizer whose groups have options of one type.
template <class Options>
class OptimizerOf : public Optimizer {
 public:
  GroupRange<GroupOf<Options>> param_groups() { return GroupRange<GroupOf<Options>>(groups()); }
  GroupRange<const GroupOf<Options>> param_groups() const { return GroupRange<const GroupOf<Options>>(groups()); }

 protected:
  using Optimizer::Optimizer;

  static Options& options_of(Group& group) { return static_cast<GroupOf<Options>&>(group).options; }
  static const Options& options_of(const Group& group) { return static_cast<const GroupOf<Options>&>(group).options; }
  std::unique_ptr<Group> copy_of(const Group& group) const override {
    return std::make_unique<GroupOf<Options>>(group.params, options_of(group));
  }
  void assign_options(Group& to, const Group& from) const noexcept override { options_of(to) = options_of(from); }
};

}  // namespace mote::optim
