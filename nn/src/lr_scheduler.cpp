#include "mote/optim/lr_scheduler.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "mote/creation.h"
#include "mote/error.h"

namespace mote::optim {

LRScheduler::LRScheduler(Optimizer& optimizer) : groups_(optimizer.groups_) {
  for (const auto& group : optimizer.groups()) place_ = std::max(place_, group->lr_factors.size());
}

void LRScheduler::apply() {
  for (const auto& group : *groups_) {
    if (!group->initial_lr) group->initial_lr = group->lr;
    const double initial = *group->initial_lr;
    double lr = rate(step_, initial);
    std::vector<double>& factors = group->lr_factors;
    if (factors.size() <= place_) factors.resize(place_ + 1, 1.0);
    factors[place_] = initial == 0.0 ? 1.0 : lr / initial;
    for (size_t i = 0; i < factors.size(); ++i)
      if (i != place_) lr *= factors[i];
    group->lr = lr;
  }
}

void LRScheduler::step() {
  ++step_;
  apply();
}

std::vector<double> LRScheduler::last_lr() const {
  std::vector<double> rates;
  for (const auto& group : *groups_) rates.push_back(group->lr);
  return rates;
}

StateDict LRScheduler::state_dict() const { return {{"last_step", mote::full({}, step_, {.dtype = int64})}}; }

void LRScheduler::load_state_dict(const StateDict& state) {
  const Tensor* step = state.find("last_step");
  if (!step || state.size() != 1 || step->numel() != 1)
    throw StateError("load_state_dict: expected the one number 'last_step' of a scheduler");
  step_ = step->item<int64_t>();
  apply();
}

namespace {

void require_positive(const char* name, const char* what, int64_t value) {
  if (value <= 0) throw ValueError(fmt::format("{}: expected {} to be 1 or more, but got {}", name, what, value));
}

// From `high` at 0 down to `low` at 1.
double half_cosine(double high, double low, double progress) {
  return low + (high - low) * (1.0 + std::cos(std::numbers::pi * progress)) / 2.0;
}

}  // namespace

StepLR::StepLR(Optimizer& optimizer, int64_t step_size, double gamma)
    : LRScheduler(optimizer), step_size_(step_size), gamma_(gamma) {
  require_positive("StepLR", "step_size", step_size);
  apply();
}

double StepLR::rate(int64_t step, double initial) const {
  return initial * std::pow(gamma_, static_cast<double>(step / step_size_));
}

MultiStepLR::MultiStepLR(Optimizer& optimizer, std::vector<int64_t> milestones, double gamma)
    : LRScheduler(optimizer), milestones_(std::move(milestones)), gamma_(gamma) {
  std::sort(milestones_.begin(), milestones_.end());
  apply();
}

double MultiStepLR::rate(int64_t step, double initial) const {
  const auto passed = std::upper_bound(milestones_.begin(), milestones_.end(), step) - milestones_.begin();
  return initial * std::pow(gamma_, static_cast<double>(passed));
}

ExponentialLR::ExponentialLR(Optimizer& optimizer, double gamma) : LRScheduler(optimizer), gamma_(gamma) { apply(); }

double ExponentialLR::rate(int64_t step, double initial) const {
  return initial * std::pow(gamma_, static_cast<double>(step));
}

LinearLR::LinearLR(Optimizer& optimizer, const LinearLROptions& options) : LRScheduler(optimizer), options_(options) {
  require_positive("LinearLR", "total_iters", options.total_iters);
  apply();
}

double LinearLR::rate(int64_t step, double initial) const {
  const double progress =
      static_cast<double>(std::min(step, options_.total_iters)) / static_cast<double>(options_.total_iters);
  return initial * (options_.start_factor + (options_.end_factor - options_.start_factor) * progress);
}

CosineAnnealingLR::CosineAnnealingLR(Optimizer& optimizer, int64_t t_max, double eta_min)
    : LRScheduler(optimizer), t_max_(t_max), eta_min_(eta_min) {
  require_positive("CosineAnnealingLR", "t_max", t_max);
  apply();
}

double CosineAnnealingLR::rate(int64_t step, double initial) const {
  return half_cosine(initial, eta_min_, static_cast<double>(step) / static_cast<double>(t_max_));
}

LambdaLR::LambdaLR(Optimizer& optimizer, std::function<double(int64_t)> factor)
    : LRScheduler(optimizer), factor_(std::move(factor)) {
  apply();
}

double LambdaLR::rate(int64_t step, double initial) const { return initial * factor_(step); }

CosineWithWarmup::CosineWithWarmup(Optimizer& optimizer, const CosineWithWarmupOptions& options)
    : LRScheduler(optimizer), options_(options) {
  if (options.warmup_steps < 0 || options.total_steps < options.warmup_steps)
    throw ValueError(fmt::format("CosineWithWarmup: expected 0 <= warmup_steps <= total_steps, but got {} and {}",
                                 options.warmup_steps, options.total_steps));
  apply();
}

double CosineWithWarmup::rate(int64_t step, double initial) const {
  const auto [warmup, total, min_lr] = options_;
  if (step < warmup) return initial * (static_cast<double>(step) / static_cast<double>(warmup));
  if (step >= total) return min_lr;
  return half_cosine(initial, min_lr, static_cast<double>(step - warmup) / static_cast<double>(total - warmup));
}

}  // namespace mote::optim
