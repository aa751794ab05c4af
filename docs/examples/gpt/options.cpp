#include "options.h"

#include <fmt/format.h>
#include <mote/error.h>

#include <charconv>

#include "config.h"
#include "help.h"
#include "user_error.h"

namespace gpt {

namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  mote-gpt train                                 learn mote's own documentation\n"
    "  mote-gpt train --data plays.txt --out plays    learn a text of your own\n"
    "  mote-gpt train --out plays --resume            go on where training stopped\n"
    "  mote-gpt sample --out plays --prompt \"ROMEO:\"  write\n"
    "  mote-gpt info plays                            what is in a run\n\n"
    "'mote-gpt COMMAND --help' lists the options of a command.";

constexpr const char* kAboutTraining =
    "DIR gets checkpoint.safetensors (weights, optimizer, random generator, step and configuration in one file),\n"
    "log.csv (step,train_loss,val_loss,lr,tokens_per_second,peak_share) and loss.png. Training saves at every\n"
    "evaluation, at the end, and when Ctrl-C or SIGTERM stops it.\n\n"
    "Exit codes: 0 finished, 2 wrong options or files, 130 stopped and saved.";

constexpr const char* kAboutSampling =
    "When the text is longer than the model's context, the model goes on from the last half of the context.";

constexpr const char* kAboutInfo =
    "P marks a parameter, which the optimizer trains; B a buffer, which only moves along.";

// Refuses text that is not a number of type T as a whole.
template <class T>
CLI::Validator number(const char* what) {
  return CLI::Validator(
      [what](const std::string& text) {
        T value;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        return error == std::errc() && end == text.data() + text.size() ? std::string()
                                                                        : fmt::format("'{}' is not {}", text, what);
      },
      "");
}

template <class T>
CLI::Option* add(CLI::App& app, const char* name, T& value, const char* what, const char* type,
                 const std::string& fallback) {
  return app.add_option(name, value, what)->type_name(type)->default_str(fallback);
}

// T is int64_t or std::optional of it.
template <class T>
CLI::Option* add_integer(CLI::App& app, const char* name, T& value, const char* what, int64_t fallback,
                         const char* type = "N") {
  return add(app, name, value, what, type, fmt::format("{}", fallback))->check(number<int64_t>("a whole number"));
}

// T is double or std::optional of it.
template <class T>
CLI::Option* add_real(CLI::App& app, const char* name, T& value, const char* what, double fallback, const char* type) {
  return add(app, name, value, what, type, fmt::format("{}", fallback))->check(number<double>("a number"));
}

void add_out(CLI::App& app, std::string& out, const char* what, const char* names = "--out") {
  add(app, names, out, what, "DIR", out);
}

void add_device(CLI::App& app, std::string& device) {
  add(app, "--device", device, "where to compute: cpu, cuda or cuda:N", "DEVICE", device);
}

void add_train(CLI::App& app, TrainOptions& options) {
  app.footer(kAboutTraining);
  add(app, "--data", options.data, "text to learn, in UTF-8", "FILE", "mote's own documentation");
  add_out(app, options.out, "directory of the run; made where it is missing");
  auto* resume = app.add_flag("--resume", options.resume,
                              "go on from the checkpoint in DIR, to the same numbers as without\n"
                              "the interruption. Options left out are the run's own; --steps may be raised");
  app.add_flag("--overwrite", options.overwrite, "begin anew where DIR holds a run already")->excludes(resume);
  add_device(app, options.device);
  const ModelConfig model;
  const char* group = "Model";
  add_integer(app, "--layers", options.layers, "transformer blocks", model.layers)->group(group);
  add_integer(app, "--heads", options.heads, "attention heads; must divide the width", model.heads)->group(group);
  add_integer(app, "--width", options.width, "size of the residual stream", model.width)->group(group);
  add_integer(app, "--context", options.context, "characters that the model looks back on", model.context)
      ->group(group);
  add_real(app, "--dropout", options.dropout, "probability of dropping an activation", model.dropout, "P")
      ->group(group);
  const Recipe recipe;
  group = "Training";
  add_integer(app, "--batch", options.batch, "windows of text in a step", recipe.batch)->group(group);
  add_integer(app, "--steps", options.steps, "training steps", recipe.steps)->group(group);
  add_real(app, "--lr", options.lr, "peak learning rate, after a warm-up; a cosine takes it to a tenth", recipe.lr,
           "RATE")
      ->group(group);
  add_integer(app, "--seed", options.seed, "seed of weights, order of the data and dropout", recipe.seed)->group(group);
  add_integer(app, "--eval-every", options.eval_every, "steps from one evaluation to the next; each saves a checkpoint",
              recipe.eval_every)
      ->group(group);
  add(app, "--dtype", options.dtype,
      "of matrix products and attention: float32 or bfloat16; weights and\n"
      "everything else are in float32 either way",
      "TYPE", recipe.dtype)
      ->group(group);
}

void add_sample(CLI::App& app, SampleOptions& options) {
  app.footer(kAboutSampling);
  add_out(app, options.out, "directory of the run");
  add_device(app, options.device);
  add(app, "--prompt", options.prompt, "text to begin with", "TEXT", "a new line");
  add_integer(app, "--tokens", options.tokens, "characters to write", options.tokens);
  add_real(app, "--temperature", options.temperature,
           "less than 1 prefers the likely, more than 1 the rare; 0 takes the likeliest", options.temperature, "T");
  add_integer(app, "--top-k", options.top_k, "draw from the K likeliest characters only; 0 for all", options.top_k,
              "K");
  add_integer(app, "--seed", options.seed, "seed of the draws; the same seed writes the same text", options.seed);
  app.add_flag("--no-cache", options.no_cache,
               "read the whole context again for every character: the same text, slower");
}

void add_info(CLI::App& app, InfoOptions& options) {
  app.footer(kAboutInfo);
  add_out(app, options.out, "directory of the run", "dir,--out");
}

// What is wrong with the command line, in a sentence.
std::string sentence_of(const CLI::ParseError& error, const CLI::App& app) {
  std::string what = error.what();
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error)) return what.substr(0, what.find(':')) + " needs a value";
  const std::vector<std::string> extras = app.remaining(true);
  if (!dynamic_cast<const CLI::ExtrasError*>(&error) || extras.empty()) return what;
  const std::vector<CLI::App*> commands = app.get_subcommands();
  if (commands.empty()) return fmt::format("there is no command '{}': say train, sample or info", extras.front());
  return fmt::format("there is no option '{}': see mote-gpt {} --help", extras.front(), commands.front()->get_name());
}

int parse_and_run(int argc, char** argv) {
  CLI::App app("mote-gpt trains a GPT on a text, character by character, and writes new text with it.", "mote-gpt");
  app.formatter(std::make_shared<HelpFormatter>());
  app.set_help_flag("-h,--help", "show this and end");
  app.footer(kExamples);
  TrainOptions train_options;
  SampleOptions sample_options;
  InfoOptions info_options;
  CLI::App& train_command = *app.add_subcommand("train", "Train a model, or go on training it.");
  CLI::App& sample_command = *app.add_subcommand("sample", "Write text with a trained model.");
  CLI::App& info_command = *app.add_subcommand("info", "Show a run, and its module tree with the two registries.");
  add_train(train_command, train_options);
  add_sample(sample_command, sample_options);
  add_info(info_command, info_options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    throw UserError(sentence_of(error, app));
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
