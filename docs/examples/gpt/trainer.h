// The training loop: AdamW with warm-up and cosine decay, evaluations, checkpoints.
#pragma once

#include <mote/mote.h>

#include <chrono>
#include <optional>
#include <string>

#include "checkpoint.h"
#include "data.h"
#include "log.h"
#include "model.h"
#include "progress.h"

namespace gpt {

// All that a step depends on lives in three places: the model, the optimizer and the default random generators. A
// checkpoint holds these three and the number of steps, and so a resumed run takes the same steps.
class Trainer {
 public:
  // `state` describes the run, and where it holds weights, training goes on from there. `model` has the shape that it
  // describes.
  Trainer(GPT& model, const Dataset& data, Checkpoint state, const std::string& dir, const mote::Device& device);

  enum class Outcome { Finished, Interrupted };
  // Trains until the last step of the recipe, or until interrupted(). Saves at every evaluation and when it stops.
  Outcome run(Log& log);

  int64_t step() const { return state_.step; }

 private:
  Tensor train_step();
  // The loss with matrix products in the recipe's dtype.
  Tensor loss_of(const Batch& batch);
  // The mean loss over a fixed part of the split, or nothing where interrupted() becomes true.
  std::optional<double> evaluate(Split split);
  // False where interrupted() becomes true.
  bool evaluate_and_log(Log& log, Progress& progress);
  void save();
  double learning_rate() const;
  // Waits for the steps that a GPU was given, so that their time is known.
  void finish_steps();
  double tokens_per_second() const;
  // The share of the card's peak, where that is known.
  std::optional<double> peak_share() const;
  std::string speed() const;

  GPT& model_;
  const Dataset& data_;
  Checkpoint state_;
  std::string dir_;
  mote::Device device_;
  mote::optim::AdamW optimizer_;
  mote::optim::CosineWithWarmup schedule_;
  double flops_per_token_;
  std::optional<double> peak_flops_;
  std::chrono::duration<double> training_time_{0};  // since the last evaluation
  int64_t steps_timed_ = 0;
};

}  // namespace gpt
