// Loss scaling for training in float16, whose gradients would otherwise vanish below 6e-8 (Micikevicius et al. 2018).
#pragma once

#include <map>
#include <memory>

#include "mote/optim/optimizer.h"

namespace mote::optim {

struct GradScalerOptions {
  double init_scale = 65536.0;
  double growth_factor = 2.0;      // above 1
  double backoff_factor = 0.5;     // between 0 and 1
  int64_t growth_interval = 2000;  // steps in a row with finite gradients before the scale grows
  bool enabled = true;             // otherwise scale() gives the loss, step() steps, and nothing else happens
};

// Multiplies the loss by a scale, so that small gradients are numbers in float16, divides the gradients by it before
// the step, and leaves a step out where a gradient came out infinite or NaN. The scale adapts: down after such a step,
// up after many good ones.
//
//   scaler.scale(loss).backward();
//   scaler.unscale_(optimizer);  // only where the gradients are looked at, by clip_grad_norm_ for example
//   scaler.step(optimizer);
//   scaler.update();
class GradScaler {
 public:
  // ValueError for options out of their range.
  explicit GradScaler(const GradScalerOptions& options = {});

  // loss times the scale, in float32 where the loss is a 16-bit number. Differentiable.
  Tensor scale(const Tensor& loss) const;
  // Divides the gradients of the optimizer's parameters by the scale, in place. StateError where that was done already
  // since the last update, or the step is over; DTypeError for float16 gradients, which divided by the scale would
  // vanish: with a GradScaler, parameters stay in float32 and forward runs under an AutocastGuard.
  void unscale_(Optimizer& optimizer);
  // Unscales where unscale_ did not, then steps unless a gradient is infinite or NaN. Whether it stepped. Waits for the
  // device once, however many parameters there are. StateError for a second step without update() in between.
  bool step(Optimizer& optimizer);
  // After the steps of all optimizers: takes the scale down if any of them was left out, or up if it is time.
  // StateError where no gradients were looked at.
  void update();
  // The same, with a new scale.
  void update(double new_scale);

  double get_scale() const { return options_.enabled ? scale_ : 1.0; }
  double get_growth_factor() const { return options_.growth_factor; }
  double get_backoff_factor() const { return options_.backoff_factor; }
  int64_t get_growth_interval() const { return options_.growth_interval; }
  bool is_enabled() const { return options_.enabled; }
  // ValueError for values out of their range.
  void set_growth_factor(double factor);
  void set_backoff_factor(double factor);
  void set_growth_interval(int64_t steps);

  // "scale", "growth_factor", "backoff_factor", "growth_interval" and "_growth_tracker" (float64 without dimensions),
  // as after update(); nothing where scaling is not enabled.
  StateDict state_dict() const;
  // The reverse; nothing happens where scaling is not enabled. StateError where something is missing or impossible.
  void load_state_dict(const StateDict& state);

 private:
  // What has happened to an optimizer's gradients since the last update.
  struct Progress {
    std::vector<Tensor> finite;      // one bool for each device that has gradients: whether all are finite
    std::optional<bool> all_finite;  // what they say, once they were read
    bool stepped = false;
  };

  // Of an optimizer wherever it is moved to: its groups, which no other has.
  using Identity = std::weak_ptr<const void>;
  static Identity identity_of(const Optimizer& optimizer);

  Progress& unscaled(Optimizer& optimizer, const char* op);
  static bool read(Progress& progress);

  GradScalerOptions options_;
  double scale_;
  int64_t growth_tracker_ = 0;  // good steps since the scale changed
  std::map<Identity, Progress, std::owner_less<Identity>> progress_;
};

}  // namespace mote::optim
