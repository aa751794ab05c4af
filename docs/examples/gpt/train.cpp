// mote-gpt train
#include <fmt/format.h>
#include <mote/error.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "interrupt.h"
#include "options.h"
#include "run.h"
#include "trainer.h"
#include "user_error.h"

namespace gpt {

namespace {

namespace fs = std::filesystem;

void check_at_least(const char* name, const std::optional<int64_t>& value, int64_t smallest) {
  if (value && *value < smallest)
    throw UserError(fmt::format("{} must be at least {}, but is {}", name, smallest, *value));
}

void check(const TrainOptions& options) {
  check_at_least("--layers", options.layers, 1);
  check_at_least("--heads", options.heads, 1);
  check_at_least("--width", options.width, 1);
  check_at_least("--context", options.context, 1);
  check_at_least("--batch", options.batch, 1);
  check_at_least("--steps", options.steps, 0);
  check_at_least("--eval-every", options.eval_every, 1);
  check_at_least("--seed", options.seed, 0);
  if (options.dropout && !(*options.dropout >= 0 && *options.dropout < 1))
    throw UserError(fmt::format("--dropout must be at least 0 and less than 1, but is {}", *options.dropout));
  if (options.dtype && std::ranges::find(kDtypes, *options.dtype) == std::end(kDtypes))
    throw UserError(fmt::format("--dtype must be float32 or bfloat16, but is '{}'", *options.dtype));
  if (options.lr && !(*options.lr > 0 && std::isfinite(*options.lr)))
    throw UserError(fmt::format("--lr must be a positive number, but is {}", *options.lr));
}

// The absolute path of the text, so that --resume finds it from anywhere; empty for the documentation.
std::string data_path(const TrainOptions& options) {
  return options.data ? fs::absolute(*options.data).lexically_normal().string() : std::string();
}

// A new run as the options describe it.
Checkpoint new_run(const TrainOptions& options, const Source& source, const Tokenizer& tokenizer) {
  Checkpoint run;
  run.data = data_path(options);
  run.fingerprint = fingerprint(source.text);
  run.characters = tokenizer.characters();
  ModelConfig& model = run.model;
  model.vocabulary = tokenizer.size();
  model.context = options.context.value_or(model.context);
  model.layers = options.layers.value_or(model.layers);
  model.heads = options.heads.value_or(model.heads);
  model.width = options.width.value_or(model.width);
  model.dropout = options.dropout.value_or(model.dropout);
  if (model.width % model.heads != 0)
    throw UserError(fmt::format("--heads must divide --width, but {} is no multiple of {}", model.width, model.heads));
  run.recipe.batch = options.batch.value_or(run.recipe.batch);
  run.recipe.steps = options.steps.value_or(run.recipe.steps);
  run.recipe.lr = options.lr.value_or(run.recipe.lr);
  run.recipe.seed = options.seed.value_or(run.recipe.seed);
  run.recipe.eval_every = options.eval_every.value_or(run.recipe.eval_every);
  run.recipe.dtype = options.dtype.value_or(run.recipe.dtype);
  return run;
}

// An option that is given again must say what the run was begun with.
template <class T>
void check_unchanged(const TrainOptions& options, const char* name, const std::optional<T>& given,
                     const T& of_the_run) {
  if (given && *given != of_the_run)
    throw UserError(
        fmt::format("{} was begun with {} {}, not {}: leave it out to go on, or begin a new run in another --out",
                    checkpoint_path(options.out), name, of_the_run, *given));
}

// The run in --out, for options that do not contradict it.
Checkpoint old_run(const TrainOptions& options) {
  Checkpoint run = load_checkpoint(options.out);
  check_unchanged(options, "--layers", options.layers, run.model.layers);
  check_unchanged(options, "--heads", options.heads, run.model.heads);
  check_unchanged(options, "--width", options.width, run.model.width);
  check_unchanged(options, "--context", options.context, run.model.context);
  check_unchanged(options, "--dropout", options.dropout, run.model.dropout);
  check_unchanged(options, "--batch", options.batch, run.recipe.batch);
  check_unchanged(options, "--lr", options.lr, run.recipe.lr);
  check_unchanged(options, "--seed", options.seed, run.recipe.seed);
  check_unchanged(options, "--dtype", options.dtype, run.recipe.dtype);
  if (options.steps && *options.steps < run.step)
    throw UserError(
        fmt::format("{} has done {} steps already: --steps must not be less", checkpoint_path(options.out), run.step));
  run.recipe.steps = options.steps.value_or(run.recipe.steps);
  run.recipe.eval_every = options.eval_every.value_or(run.recipe.eval_every);
  if (options.data) run.data = data_path(options);
  return run;
}

void check_same_text(const Checkpoint& run, const Source& source, const std::string& dir) {
  if (fingerprint(source.text) == run.fingerprint) return;
  throw UserError(
      fmt::format("{} is not the text that {} was begun with: go on with that text, or begin a new run in "
                  "another --out",
                  source.name, checkpoint_path(dir)));
}

void make_directory(const std::string& dir) {
  std::error_code error;
  fs::create_directories(dir, error);
  if (error || !fs::is_directory(dir))
    throw UserError(fmt::format("--out {} cannot be made a directory{}", dir, error ? ": " + error.message() : ""));
}

// What an earlier run left in `dir`, the checkpoint first, so that no checkpoint stands beside another run's log.
void remove_old_run(const std::string& dir) {
  for (const char* name : {"checkpoint.safetensors", "log.csv", "loss.png"}) fs::remove(fs::path(dir) / name);
}

std::string command_to_resume(const TrainOptions& options) {
  std::string command = "mote-gpt train";
  if (options.out != kDefaultOut) command += " --out " + options.out;
  if (options.device != "cpu") command += " --device " + options.device;
  return command + " --resume";
}

void describe(const Checkpoint& run, const Source& source, const GPT& model, const std::string& device) {
  fmt::print("{}: {} characters, {} different\n", source.name, source.text.size(), run.model.vocabulary);
  fmt::print("GPT with {} layers, {} heads, width {}, context {}: {} parameters, on {} in {}\n", run.model.layers,
             run.model.heads, run.model.width, run.model.context, model.num_parameters(), device, run.recipe.dtype);
}

int report(Trainer::Outcome outcome, const Trainer& trainer, const Log& log, const TrainOptions& options) {
  if (outcome == Trainer::Outcome::Interrupted) {
    fmt::print("Stopped after step {} and saved in {}. To go on: {}\n", trainer.step(), options.out,
               command_to_resume(options));
    return 130;
  }
  fmt::print("Done: val loss {:.4f}. Saved in {}: checkpoint.safetensors, log.csv, loss.png\n",
             log.rows().back().val_loss, options.out);
  return 0;
}

}  // namespace

int train(const TrainOptions& options) {
  check(options);
  const mote::Device device = open_device(options.device);
  Checkpoint run;
  if (options.resume) run = old_run(options);
  const Source source = load_source(options.resume ? run.data : data_path(options));
  if (options.resume)
    check_same_text(run, source, options.out);
  else
    run = new_run(options, source, Tokenizer(source.name, source.text));
  const Tokenizer tokenizer = open_tokenizer(run, options.out);
  const Dataset data(source, tokenizer, run.model.context);
  if (!options.resume && !options.overwrite && fs::exists(checkpoint_path(options.out)))
    throw UserError(
        fmt::format("{} holds a run already: go on with it by --resume, begin anew with --overwrite, or "
                    "choose another --out",
                    options.out));
  mote::manual_seed(static_cast<uint64_t>(run.recipe.seed));
  GPT model = nn::make<GPT>(run.model);
  model.to(device);
  const int64_t first = run.step;
  Trainer trainer(model, data, run, options.out, device);
  make_directory(options.out);
  if (!options.resume) remove_old_run(options.out);
  Log log = options.resume ? Log::resume(options.out, first) : Log(options.out);
  describe(run, source, model, device.str());
  if (options.resume) fmt::print("Going on after step {} of {}\n", first, run.recipe.steps);
  watch_for_interrupt();
  return report(trainer.run(log), trainer, log, options);
}

}  // namespace gpt
