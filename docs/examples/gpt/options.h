// The command line of mote-gpt.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace gpt {

inline constexpr const char* kDefaultOut = "gpt-run";

// What was left out is empty: it has its default in a new run, and the run's own value with --resume.
struct TrainOptions {
  std::optional<std::string> data, dtype;
  std::string out = kDefaultOut;
  std::string device = "cpu";
  bool resume = false;
  bool overwrite = false;
  std::optional<int64_t> layers, heads, width, context, batch, steps, eval_every, seed;
  std::optional<double> dropout, lr;
};

struct SampleOptions {
  std::string out = kDefaultOut;
  std::string device = "cpu";
  std::string prompt;
  int64_t tokens = 500;
  double temperature = 0.8;
  int64_t top_k = 0;
  int64_t seed = 1337;
  bool no_cache = false;
};

struct InfoOptions {
  std::string out = kDefaultOut;
};

// The commands; each gives the exit code of the program.
int train(const TrainOptions& options);
int sample(const SampleOptions& options);
int info(const InfoOptions& options);

// Reads the command line and runs its command.
int run(int argc, char** argv);

}  // namespace gpt
