#include "trainer.h"

#include <fmt/format.h>
#include <mote/cuda.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "interrupt.h"
#include "plot.h"
#include "utilization.h"

namespace gpt {

namespace {

using Clock = std::chrono::steady_clock;

// Weight decay for matrices and embeddings, none for biases and LayerNorm weights.
std::vector<mote::optim::AdamW::ParamGroup> parameter_groups(const GPT& model) {
  std::vector<nn::Parameter> matrices, vectors;
  for (const nn::Parameter& parameter : model.parameters())
    (parameter.dim() >= 2 ? matrices : vectors).push_back(parameter);
  return {{.params = matrices, .weight_decay = kWeightDecay}, {.params = vectors, .weight_decay = 0.0}};
}

mote::optim::CosineWithWarmupOptions schedule_options(const Recipe& recipe) {
  return {.warmup_steps = std::min(kWarmupSteps, recipe.steps / 10),
          .total_steps = std::max<int64_t>(recipe.steps, 1),
          .min_lr = kFinalLrFraction * recipe.lr};
}

std::string subtitle(const Checkpoint& state, const GPT& model) {
  const std::string text =
      state.data.empty() ? "mote's documentation" : std::filesystem::path(state.data).filename().string();
  return fmt::format("{} · {} layers, {} heads, width {}, context {} · {:.2f} million parameters", text,
                     state.model.layers, state.model.heads, state.model.width, state.model.context,
                     static_cast<double>(model.num_parameters()) / 1e6);
}

}  // namespace

Trainer::Trainer(GPT& model, const Dataset& data, Checkpoint state, const std::string& dir, const mote::Device& device)
    : model_(model),
      data_(data),
      state_(std::move(state)),
      dir_(dir),
      device_(device),
      optimizer_(parameter_groups(model), {.lr = state_.recipe.lr, .betas = {kBeta1, kBeta2}}),
      schedule_(optimizer_, schedule_options(state_.recipe)),
      flops_per_token_(training_flops_per_token(model)),
      peak_flops_(peak_flops(device, state_.recipe.dtype)) {
  if (state_.weights.empty()) return;
  restore(model_, state_.weights, dir_);
  restore(optimizer_, state_.optimizer, dir_);
  mote::set_rng_state(state_.generator);
  if (!device_.is_cpu() && state_.device_generator.defined()) mote::set_rng_state(state_.device_generator, device_);
  schedule_.load_state_dict({{"last_step", mote::tensor(state_.step)}});
}

Trainer::Outcome Trainer::run(Log& log) {
  Progress progress(state_.step, state_.recipe.steps);
  model_.train();
  while (true) {
    const bool last = state_.step >= state_.recipe.steps;
    const bool due = last || state_.step % state_.recipe.eval_every == 0;
    if (due && !log.has(state_.step)) {
      finish_steps();
      save();
      if (!evaluate_and_log(log, progress)) return Outcome::Interrupted;
    }
    if (last) return Outcome::Finished;
    if (interrupted()) {
      save();
      return Outcome::Interrupted;
    }
    const Clock::time_point start = Clock::now();
    const Tensor loss = train_step();
    // Reading the loss waits for the device, so it is read only to be shown.
    const std::optional<double> shown = progress.due() ? std::optional(loss.item<double>()) : std::nullopt;
    training_time_ += Clock::now() - start;
    ++steps_timed_;
    if (shown) progress.show(state_.step, *shown, learning_rate(), speed());
  }
}

Tensor Trainer::train_step() {
  const Batch batch = data_.random_batch(state_.recipe.batch, device_);
  optimizer_.zero_grad();
  Tensor loss = loss_of(batch);
  loss.backward();
  nn::clip_grad_norm_(model_.parameters(), kGradientClip);
  optimizer_.step();
  schedule_.step();
  ++state_.step;
  return loss;
}

Tensor Trainer::loss_of(const Batch& batch) {
  const mote::AutocastGuard precision(device_, mote::bfloat16, state_.recipe.dtype == "bfloat16");
  return model_.loss(batch.inputs, batch.targets);
}

std::optional<double> Trainer::evaluate(Split split) {
  const mote::NoGradGuard no_grad;
  model_.eval();
  // Summed where it is computed, and read once.
  Tensor sum = mote::zeros({}, {.dtype = mote::float64, .device = device_});
  int64_t windows = 0;
  bool stopped = false;
  for (const Batch& batch : data_.evaluation_batches(split, device_)) {
    stopped = interrupted();
    if (stopped) break;
    sum += loss_of(batch).to(mote::float64) * batch.inputs.size(0);
    windows += batch.inputs.size(0);
  }
  model_.train();
  if (stopped) return std::nullopt;
  return sum.item<double>() / static_cast<double>(windows);
}

bool Trainer::evaluate_and_log(Log& log, Progress& progress) {
  const std::optional<double> train_loss = evaluate(Split::Train);
  const std::optional<double> val_loss = train_loss ? evaluate(Split::Validation) : std::nullopt;
  if (!val_loss) return false;
  log.add({state_.step, *train_loss, *val_loss, learning_rate(), tokens_per_second(), peak_share()});
  plot_losses((std::filesystem::path(dir_) / "loss.png").string(), log.rows(), subtitle(state_, model_));
  progress.note(fmt::format("step {:>{}}/{}: train loss {:.4f}, val loss {:.4f}, lr {:.2e}, {}{}", state_.step,
                            fmt::formatted_size("{}", state_.recipe.steps), state_.recipe.steps, *train_loss, *val_loss,
                            learning_rate(), speed(), progress.time_left(state_.step)));
  training_time_ = training_time_.zero();
  steps_timed_ = 0;
  return true;
}

void Trainer::save() {
  state_.weights = model_.state_dict();
  state_.optimizer = optimizer_.state_dict();
  state_.generator = mote::get_rng_state();
  if (!device_.is_cpu()) state_.device_generator = mote::get_rng_state(device_);
  save_checkpoint(dir_, state_);
}

double Trainer::learning_rate() const { return optimizer_.param_groups().front().lr; }

void Trainer::finish_steps() {
  if (!device_.is_cuda()) return;
  const Clock::time_point start = Clock::now();
  mote::cuda::synchronize(device_.index());
  training_time_ += Clock::now() - start;
}

double Trainer::tokens_per_second() const {
  if (steps_timed_ == 0) return 0;
  return static_cast<double>(steps_timed_ * state_.recipe.batch * state_.model.context) / training_time_.count();
}

std::optional<double> Trainer::peak_share() const {
  if (!peak_flops_) return std::nullopt;
  return tokens_per_second() * flops_per_token_ / *peak_flops_;
}

std::string Trainer::speed() const {
  const std::optional<double> share = peak_share();
  return fmt::format("{:.0f} tokens/s{}", tokens_per_second(),
                     share ? fmt::format(" ({:.1f} % of peak)", 100.0 * *share) : "");
}

}  // namespace gpt
