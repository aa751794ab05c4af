#include "options.h"

#include <fmt/format.h>
#include <mote/error.h>

#include <CLI/CLI.hpp>
#include <cmath>

#include "config.h"
#include "user_error.h"

namespace gpt {

namespace {

constexpr const char* kFooter =
    "Examples:\n"
    "  mote-gpt train                                learn mote's documentation, in about a minute\n"
    "  mote-gpt train --data plays.txt --out plays   learn a text of your own\n"
    "  mote-gpt train --out plays --resume           go on where it stopped\n"
    "  mote-gpt sample --out plays --prompt \"ROMEO:\" write\n"
    "  mote-gpt info plays                           what is in a run\n\n"
    "'mote-gpt COMMAND --help' lists the options of a command.";

constexpr const char* kTrainFooter =
    "DIR holds checkpoint.safetensors (weights, optimizer, random generator, step and configuration in one file),\n"
    "log.csv (step,train_loss,val_loss,lr,tokens_per_second) and loss.png. Training saves at every evaluation, at the\n"
    "end, and when Ctrl-C or SIGTERM stops it.\n\n"
    "Exit codes: 0 finished, 2 wrong options or files, 130 stopped and saved.";

template <class T>
CLI::Option* add(CLI::App& app, const char* name, T& value, const char* what, const char* type,
                 const std::string& fallback) {
  return app.add_option(name, value, what)->type_name(type)->default_str(fallback);
}

void add_out(CLI::App& app, std::string& out, const char* what, const char* names = "--out") {
  add(app, names, out, what, "DIR", out);
}

void add_device(CLI::App& app, std::string& device) {
  add(app, "--device", device, "where to compute: cpu, cuda or cuda:N", "DEVICE", device);
}

void add_train(CLI::App& app, TrainOptions& options) {
  const ModelConfig model;
  const Recipe recipe;
  app.footer(kTrainFooter);
  add(app, "--data", options.data, "text to learn, in UTF-8", "FILE", "mote's own documentation");
  add_out(app, options.out, "directory of the run; made where it is missing");
  auto* resume = app.add_flag("--resume", options.resume,
                              "go on from the checkpoint in DIR, to the same numbers as without the interruption;\n"
                              "options left out are the run's own, and --steps may be raised");
  app.add_flag("--overwrite", options.overwrite, "start anew where DIR holds a run already")->excludes(resume);
  add_device(app, options.device);
  add(app, "--layers", options.layers, "transformer blocks", "N", std::to_string(model.layers))->group("Model");
  add(app, "--heads", options.heads, "attention heads; must divide the width", "N", std::to_string(model.heads))
      ->group("Model");
  add(app, "--width", options.width, "size of the residual stream", "N", std::to_string(model.width))->group("Model");
  add(app, "--context", options.context, "characters that the model looks back on", "N", std::to_string(model.context))
      ->group("Model");
  add(app, "--dropout", options.dropout, "probability of dropping an activation", "P", fmt::format("{}", model.dropout))
      ->group("Model");
  add(app, "--batch", options.batch, "windows of text in a step", "N", std::to_string(recipe.batch))->group("Training");
  add(app, "--steps", options.steps, "training steps", "N", std::to_string(recipe.steps))->group("Training");
  add(app, "--lr", options.lr, "peak learning rate; warms up to it, then a cosine to a tenth", "RATE",
      fmt::format("{}", recipe.lr))
      ->group("Training");
  add(app, "--seed", options.seed, "seed of weights, order of the data and dropout", "N", std::to_string(recipe.seed))
      ->group("Training");
  add(app, "--eval-every", options.eval_every, "steps between two evaluations, each of which saves a checkpoint", "N",
      std::to_string(recipe.eval_every))
      ->group("Training");
}

void add_sample(CLI::App& app, SampleOptions& options) {
  add_out(app, options.out, "directory of the run");
  add_device(app, options.device);
  add(app, "--prompt", options.prompt, "text to begin with", "TEXT", "an empty line");
  add(app, "--tokens", options.tokens, "characters to write", "N", std::to_string(options.tokens));
  add(app, "--temperature", options.temperature,
      "below 1 more of the likely, above 1 more of the rare; 0 the likeliest", "T",
      fmt::format("{}", options.temperature));
  add(app, "--top-k", options.top_k, "draw from the K likeliest characters only; 0 for all", "K",
      std::to_string(options.top_k));
  add(app, "--seed", options.seed, "seed of the draws: the same seed writes the same text", "N",
      std::to_string(options.seed));
  app.add_flag("--no-cache", options.no_cache, "read the whole context again for every character (slower, same text)");
}

int parse_and_run(int argc, char** argv) {
  CLI::App app("Trains a GPT on a text, character by character, and lets it write.", "mote-gpt");
  app.footer(kFooter);
  app.require_subcommand(0, 1);
  TrainOptions train_options;
  SampleOptions sample_options;
  InfoOptions info_options;
  CLI::App& train_command = *app.add_subcommand("train", "Train a model, or go on training it.");
  CLI::App& sample_command = *app.add_subcommand("sample", "Write text with a trained model.");
  CLI::App& info_command = *app.add_subcommand("info", "Show a run, and its module tree with the two registries.");
  add_train(train_command, train_options);
  add_sample(sample_command, sample_options);
  add_out(info_command, info_options.out, "directory of the run", "dir,--out");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    throw UserError(error.what());
  }
  if (train_command) return train(train_options);
  if (sample_command) return sample(sample_options);
  if (info_command) return info(info_options);
  throw UserError("say what to do: train, sample or info (mote-gpt --help tells more)");
}

}  // namespace

int run(int argc, char** argv) {
  std::string sentence;
  try {
    return parse_and_run(argc, argv);
  } catch (const std::bad_alloc&) {
    sentence = "there is not enough memory for a model of this size";
  } catch (const std::exception& error) {
    sentence = error.what();
  }
  fmt::print(stderr, "mote-gpt: {}\n", sentence);
  return 2;
}

}  // namespace gpt
