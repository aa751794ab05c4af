// Schedules of the learning rate. Each is a function of the number of steps taken and of each group's initial rate;
// call step() after the optimizer's. The initial rate is the one that a group has when its first schedule is made. A
// scheduler writes the rates of its optimizer's groups, and may outlive it.
//
// Several schedules on one optimizer multiply: the rate is the initial one times each schedule's rate / initial rate. A
// warm-up is so put before any other schedule. That is PyTorch's chaining, but for a LambdaLR, which there replaces
// what the others did, and a CosineAnnealingLR whose eta_min is not 0. Restore their states in the order in which they
// step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "mote/optim/optimizer.h"

namespace mote::optim {

// What a scheduler has made of the rates stays when it is destroyed; a later one multiplies it.
class LRScheduler {
 public:
  virtual ~LRScheduler() = default;

  // Moves on by one step and sets the rates.
  void step();
  // The rates now, one for each group.
  std::vector<double> last_lr() const;
  int64_t last_step() const { return step_; }

  // The number of steps taken, under "last_step"; load_state_dict sets the rates too.
  StateDict state_dict() const;
  void load_state_dict(const StateDict& state);

 protected:
  explicit LRScheduler(Optimizer& optimizer);

  // The rate of a group whose initial one is `initial`, after `step` steps.
  virtual double rate(int64_t step, double initial) const = 0;
  // Sets the rates of this step; a derived class calls it once its options are set.
  void apply();

 private:
  std::shared_ptr<std::vector<std::unique_ptr<Group>>> groups_;
  size_t place_ = 0;  // in Group::lr_factors
  int64_t step_ = 0;
};

// Times `gamma` every `step_size` steps.
class StepLR : public LRScheduler {
 public:
  StepLR(Optimizer& optimizer, int64_t step_size, double gamma = 0.1);

 private:
  double rate(int64_t step, double initial) const override;
  int64_t step_size_;
  double gamma_;
};

// Times `gamma` at each of the milestones.
class MultiStepLR : public LRScheduler {
 public:
  MultiStepLR(Optimizer& optimizer, std::vector<int64_t> milestones, double gamma = 0.1);

 private:
  double rate(int64_t step, double initial) const override;
  std::vector<int64_t> milestones_;
  double gamma_;
};

// Times `gamma` every step.
class ExponentialLR : public LRScheduler {
 public:
  ExponentialLR(Optimizer& optimizer, double gamma);

 private:
  double rate(int64_t step, double initial) const override;
  double gamma_;
};

struct LinearLROptions {
  double start_factor = 1.0 / 3.0;
  double end_factor = 1.0;
  int64_t total_iters = 5;
};

// Times a factor that goes in a straight line from start_factor to end_factor, reached after total_iters steps.
class LinearLR : public LRScheduler {
 public:
  explicit LinearLR(Optimizer& optimizer, const LinearLROptions& options = {});

 private:
  double rate(int64_t step, double initial) const override;
  LinearLROptions options_;
};

// Half a cosine from the initial rate down to eta_min in t_max steps, and up again (Loshchilov and Hutter 2017).
class CosineAnnealingLR : public LRScheduler {
 public:
  CosineAnnealingLR(Optimizer& optimizer, int64_t t_max, double eta_min = 0.0);

 private:
  double rate(int64_t step, double initial) const override;
  int64_t t_max_;
  double eta_min_;
};

// The initial rate times factor(step).
class LambdaLR : public LRScheduler {
 public:
  LambdaLR(Optimizer& optimizer, std::function<double(int64_t)> factor);

 private:
  double rate(int64_t step, double initial) const override;
  std::function<double(int64_t)> factor_;
};

struct CosineWithWarmupOptions {
  int64_t warmup_steps = 0;
  int64_t total_steps = 0;  // the warm-up included
  double min_lr = 0.0;
};

// initial * step / warmup_steps while warming up, then half a cosine down to min_lr at total_steps, then min_lr.
class CosineWithWarmup : public LRScheduler {
 public:
  CosineWithWarmup(Optimizer& optimizer, const CosineWithWarmupOptions& options);

 private:
  double rate(int64_t step, double initial) const override;
  CosineWithWarmupOptions options_;
};

}  // namespace mote::optim
