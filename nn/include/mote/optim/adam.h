// Adam and AdamW.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "mote/optim/optimizer.h"

namespace mote::optim {

struct AdamOptions {
  double lr = 1e-3;
  std::array<double, 2> betas = {0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 0.0;
  bool amsgrad = false;   // divide by the largest second moment so far (Reddi et al. 2018)
  bool maximize = false;  // climb in place of descending
  // The numbers of the steps and the learning rate lie on the device, so that a step can be captured in a CUDA graph
  // (cuda_graph.h). Not with amsgrad. No part of the state dict, since it changes nothing of what is computed.
  bool capturable = false;

  friend bool operator==(const AdamOptions&, const AdamOptions&) = default;
};

struct AdamWOptions {
  double lr = 1e-3;
  std::array<double, 2> betas = {0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 1e-2;
  bool amsgrad = false;
  bool maximize = false;
  bool capturable = false;
};

// Parameters with options of their own; what is left out is that of the optimizer.
struct AdamParamGroup {
  std::vector<nn::Parameter> params;
  std::optional<double> lr = std::nullopt;
  std::optional<std::array<double, 2>> betas = std::nullopt;
  std::optional<double> eps = std::nullopt;
  std::optional<double> weight_decay = std::nullopt;
  std::optional<bool> amsgrad = std::nullopt;
  std::optional<bool> maximize = std::nullopt;
  std::optional<bool> capturable = std::nullopt;
};

namespace detail {

// Both, which differ in what weight decay does.
class AdamBase : public OptimizerOf<AdamOptions> {
 public:
  using ParamGroup = AdamParamGroup;

  // With `capturable`, a step can be captured, but for the first one. Replays go on counting, and take the learning
  // rates that the groups have then; where another option has changed, a replay throws StateError.
  void step() override;
  // ValueError as for the constructor, in which case there is no new group.
  void add_param_group(const ParamGroup& group);

 protected:
  AdamBase(const char* name, const std::vector<ParamGroup>& groups, const AdamOptions& options, bool decoupled);

 private:
  std::vector<NamedOption> named_options(Group& group) const override;
  void check_options(const Group& group) const override;
  size_t tensors_needed(const Group& group) const override { return options_of(group).amsgrad ? 3 : 2; }
  struct BatchKey;
  struct Batch;
  class Rates;
  void check_recordable() const;
  void keep_to_recorded_options() const;
  void count_step(const AdamOptions& options, const nn::Parameter& parameter, State& state) const;
  Batch& batch_of(const BatchKey& key);
  void run(const Batch& batch);
  void step_amsgrad(const AdamOptions& options, const Tensor& value, const Tensor& gradient, const State& state) const;

  AdamOptions defaults_;
  bool decoupled_;
  std::shared_ptr<std::vector<Batch>> batches_;  // keep their memory; a step that throws leaves some
  std::shared_ptr<Rates> rates_;                 // learning rates on devices; captured steps look there too
};

}  // namespace detail

// m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;  p -= lr * m' / (sqrt(v') + eps), where m' and v' are
// corrected for their start at zero (Kingma and Ba 2015). Weight decay is added to g. One backend call updates all
// parameters of a group. ValueError for an empty list, a parameter given twice, or options out of their range.
class Adam : public detail::AdamBase {
 public:
  explicit Adam(std::vector<nn::Parameter> params, const AdamOptions& options = {});
  explicit Adam(std::vector<ParamGroup> groups, const AdamOptions& options = {});
};

// The same with weight decay taken off p itself, p -= lr * weight_decay * p (Loshchilov and Hutter 2019).
class AdamW : public detail::AdamBase {
 public:
  explicit AdamW(std::vector<nn::Parameter> params, const AdamWOptions& options = {});
  explicit AdamW(std::vector<ParamGroup> groups, const AdamWOptions& options = {});
};

}  // namespace mote::optim
