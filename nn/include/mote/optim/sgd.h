// Stochastic gradient descent.
#pragma once

#include "mote/optim/optimizer.h"

namespace mote::optim {

struct SGDOptions {
  double lr = 1e-3;
  double momentum = 0.0;
  double dampening = 0.0;
  double weight_decay = 0.0;
  bool nesterov = false;  // needs momentum > 0 and dampening 0
  bool maximize = false;  // climb in place of descending

  friend bool operator==(const SGDOptions&, const SGDOptions&) = default;
};

// Parameters with options of their own; what is left out is that of the optimizer.
struct SGDParamGroup {
  std::vector<nn::Parameter> params;
  std::optional<double> lr = std::nullopt;
  std::optional<double> momentum = std::nullopt;
  std::optional<double> dampening = std::nullopt;
  std::optional<double> weight_decay = std::nullopt;
  std::optional<bool> nesterov = std::nullopt;
  std::optional<bool> maximize = std::nullopt;
};

// d = gradient + weight_decay * p;  v = momentum * v + (1 - dampening) * d;  p -= lr * v, or with Nesterov's momentum
// p -= lr * (d + momentum * v) (Sutskever et al. 2013). The first v is d.
class SGD : public OptimizerOf<SGDOptions> {
 public:
  using ParamGroup = SGDParamGroup;

  // ValueError for an empty list, a parameter given twice, or options out of their range.
  explicit SGD(std::vector<nn::Parameter> params, const SGDOptions& options = {});
  explicit SGD(std::vector<ParamGroup> groups, const SGDOptions& options = {});

  // In the capture of a CUDA graph (cuda_graph.h) the options become part of the graph: a replay throws StateError when
  // they have changed since. The step that makes the velocities cannot be captured.
  void step() override;
  // ValueError as for the constructor, in which case there is no new group.
  void add_param_group(const ParamGroup& group);

 private:
  void keep_to_recorded_options() const;
  std::vector<NamedOption> named_options(Group& group) const override;
  void check_options(const Group& group) const override;
  size_t tensors_needed(const Group&) const override { return 1; }

  SGDOptions defaults_;
};

}  // namespace mote::optim
