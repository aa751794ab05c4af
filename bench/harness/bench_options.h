// The command line of mote_bench.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace bench {

struct Options {
  bool list = false;
  std::string filter;
  bool sweep = false;
  bool smoke = false;
  bool cold = false;
  std::string device = "cpu";
  int threads = 0;  // as many as OpenMP takes by default
  int rounds = 20;
  std::string json;
  std::string markdown;
  std::vector<std::string> torch_pythons;
  std::vector<std::string> libtorch_peers;
  bool peers = true;
  bool memory = true;
  std::optional<std::string> ulp;  // a vector function, or empty for all
};

struct CompareFiles {
  std::string before;
  std::string after;
};

struct CommandLine {
  Options options;
  std::optional<CompareFiles> compare;
};

// The exit code where there is nothing more to do: help was printed, or the arguments are wrong.
std::optional<int> parse(int argc, char** argv, CommandLine& command_line);

}  // namespace bench
