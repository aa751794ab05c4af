#include "mote/optim/grad_scaler.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "mote/autograd.h"
#include "mote/creation.h"
#include "mote/error.h"
#include "mote/join.h"
#include "mote/recording.h"

namespace mote::optim {

namespace {

void check(const GradScalerOptions& options, double scale) {
  const auto require = [](bool ok, const char* what, double got) {
    if (!ok) throw ValueError(fmt::format("GradScaler: expected {}, but got {}", what, got));
  };
  require(scale > 0.0 && std::isfinite(scale), "a positive scale", scale);
  require(options.growth_factor > 1.0, "a growth_factor above 1", options.growth_factor);
  require(options.backoff_factor > 0.0 && options.backoff_factor < 1.0, "a backoff_factor between 0 and 1",
          options.backoff_factor);
  require(options.growth_interval >= 1, "a growth_interval of at least 1",
          static_cast<double>(options.growth_interval));
}

// The gradients of the optimizer's parameters, each once, by device.
std::vector<std::vector<Tensor>> gradients_by_device(Optimizer& optimizer) {
  std::vector<std::vector<Tensor>> lists;
  std::vector<const TensorImpl*> seen;
  for (const Group& group : optimizer.param_groups())
    for (const nn::Parameter& parameter : group.params) {
      const Tensor gradient = parameter.grad();
      if (!gradient.defined() || std::find(seen.begin(), seen.end(), gradient.impl()) != seen.end()) continue;
      if (gradient.dtype() == float16)
        throw DTypeError(fmt::format(
            "unscale_: the gradient of {} is float16, where it would vanish without its scale; keep parameters in "
            "float32 and run forward under a mote::AutocastGuard",
            parameter.label()));
      seen.push_back(gradient.impl());
      const auto list = std::find_if(lists.begin(), lists.end(), [&](const std::vector<Tensor>& others) {
        return others[0].device() == gradient.device();
      });
      if (list == lists.end())
        lists.push_back({gradient});
      else
        list->push_back(gradient);
    }
  return lists;
}

}  // namespace

GradScaler::GradScaler(const GradScalerOptions& options) : options_(options), scale_(options.init_scale) {
  check(options_, scale_);
}

Tensor GradScaler::scale(const Tensor& loss) const {
  if (!options_.enabled) return loss;
  refuse_to_record("GradScaler",
                   "the scale is the host's, and a replay would go on with this one; capture in bfloat16");
  // A tensor, not a number: the product of a float16 number with it is float32, where the scale has room.
  return loss * mote::full({}, scale_, {.dtype = float32, .device = loss.device()});
}

GradScaler::Identity GradScaler::identity_of(const Optimizer& optimizer) {
  optimizer.groups();  // it was not moved from
  return optimizer.watched_groups();
}

GradScaler::Progress& GradScaler::unscaled(Optimizer& optimizer, const char* op) {
  const auto [found, is_new] = progress_.try_emplace(identity_of(optimizer));
  Progress& progress = found->second;
  if (progress.stepped) throw StateError(fmt::format("{}: this optimizer has stepped since the last update()", op));
  if (!is_new) return progress;
  try {
    const NoGradGuard no_grad;
    const std::vector<std::vector<Tensor>> lists = gradients_by_device(optimizer);
    for (const std::vector<Tensor>& gradients : lists) {
      std::vector<Tensor> finite;
      for (const Tensor& gradient : gradients) finite.push_back(mote::isfinite(gradient).all());
      progress.finite.push_back(mote::stack(finite).all());
    }
    for (const std::vector<Tensor>& gradients : lists)  // last, since nothing is allocated that could fail half-way
      for (const Tensor& gradient : gradients) gradient.mul_(1.0 / scale_);
  } catch (...) {
    progress_.erase(found);
    throw;
  }
  return progress;
}

// Reading waits for the device.
bool GradScaler::read(Progress& progress) {
  if (!progress.all_finite)
    progress.all_finite = std::all_of(progress.finite.begin(), progress.finite.end(),
                                      [](const Tensor& finite) { return finite.item<bool>(); });
  return *progress.all_finite;
}

void GradScaler::unscale_(Optimizer& optimizer) {
  if (!options_.enabled) return;
  const auto found = progress_.find(identity_of(optimizer));
  if (found != progress_.end() && !found->second.stepped)
    throw StateError("unscale_: this optimizer's gradients were divided by the scale since the last update()");
  unscaled(optimizer, "unscale_");
}

bool GradScaler::step(Optimizer& optimizer) {
  if (!options_.enabled) {
    optimizer.step();
    return true;
  }
  Progress& progress = unscaled(optimizer, "step");
  if (progress.finite.empty())
    throw StateError("step: no parameter of this optimizer has a gradient; call scale(loss).backward() first");
  const bool steps = read(progress);
  if (steps) optimizer.step();
  progress.stepped = true;
  return steps;
}

void GradScaler::update() {
  if (!options_.enabled) return;
  bool looked = false, all_finite = true;
  for (auto& [optimizer, progress] : progress_) {
    looked |= !progress.finite.empty();
    all_finite &= read(progress);
  }
  if (!looked) throw StateError("update: no gradients were looked at since the last update(); call step() first");
  progress_.clear();
  if (!all_finite) {
    scale_ *= options_.backoff_factor;
    growth_tracker_ = 0;
  } else if (++growth_tracker_ >= options_.growth_interval) {
    const double grown = scale_ * options_.growth_factor;
    if (grown <= std::numeric_limits<float>::max()) scale_ = grown;  // else the loss times the scale is infinite
    growth_tracker_ = 0;
  }
}

void GradScaler::update(double new_scale) {
  if (!options_.enabled) return;
  check(options_, new_scale);
  scale_ = new_scale;
  progress_.clear();
}

void GradScaler::set_growth_factor(double factor) {
  GradScalerOptions options = options_;
  options.growth_factor = factor;
  check(options, scale_);
  options_ = options;
}

void GradScaler::set_backoff_factor(double factor) {
  GradScalerOptions options = options_;
  options.backoff_factor = factor;
  check(options, scale_);
  options_ = options;
}

void GradScaler::set_growth_interval(int64_t steps) {
  GradScalerOptions options = options_;
  options.growth_interval = steps;
  check(options, scale_);
  options_ = options;
}

StateDict GradScaler::state_dict() const {
  if (!options_.enabled) return {};
  const auto number = [](double value) { return mote::full({}, value, {.dtype = float64}); };
  return {{"scale", number(scale_)},
          {"growth_factor", number(options_.growth_factor)},
          {"backoff_factor", number(options_.backoff_factor)},
          {"growth_interval", number(static_cast<double>(options_.growth_interval))},
          {"_growth_tracker", number(static_cast<double>(growth_tracker_))}};
}

void GradScaler::load_state_dict(const StateDict& state) {
  if (!options_.enabled) return;
  const auto number = [&](const char* name) {
    const Tensor* found = state.find(name);
    if (found && found->defined() && found->numel() == 1) return found->item<double>();
    throw StateError(fmt::format("GradScaler: load_state_dict: expected one number as '{}'", name));
  };
  GradScalerOptions options = options_;
  options.growth_factor = number("growth_factor");
  options.backoff_factor = number("backoff_factor");
  options.growth_interval = static_cast<int64_t>(number("growth_interval"));
  const double scale = number("scale"), tracker = number("_growth_tracker");
  if (!(tracker >= 0.0))
    throw StateError(
        fmt::format("GradScaler: load_state_dict: expected a '_growth_tracker' of at least 0, but got {}", tracker));
  try {
    check(options, scale);
  } catch (const ValueError& error) {
    throw StateError(fmt::format("load_state_dict: {}", error.what()));
  }
  options_ = options;
  scale_ = scale;
  growth_tracker_ = static_cast<int64_t>(tracker);
}

}  // namespace mote::optim
