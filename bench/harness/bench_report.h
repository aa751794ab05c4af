// What a run of the bench found: the content of a result file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "repetition_memory.h"
#include "roofline.h"
#include "statistics.h"

namespace bench {

// One implementation in one row. Times are seconds of one operation.
struct Measurement {
  std::string name = {};
  Summary seconds = {};
  int rounds = 0;
  int64_t repetitions = 0;            // in each round
  double flops_per_second = 0;        // by the row's costs
  double bytes_per_second = 0;        // by the row's costs
  double roofline = 0;                // the least possible time by the time that it took; 0 where the row has no costs
  std::optional<Summary> ratio = {};  // its time by mote's, round by round; not of mote itself
  std::optional<Memory> memory = {};
};

struct RowResult {
  std::string name = {};
  std::string family = {}, operation = {}, shape = {}, dtype = {}, device = {}, direction = {};
  std::string wrong = {};  // what is wrong with mote's result; then there are no measurements
  double error = 0;
  double tolerance = 0;
  Costs costs = {};
  std::vector<Measurement> measurements = {};  // mote's first
  std::vector<std::string> notes = {};         // who could not take part or dropped out, and why

  const Measurement* find(const std::string& implementation) const;
};

struct Machine {
  std::string cpu = {};
  int cpus = 0;
  int64_t last_cache_bytes = 0;
  int64_t memory_bytes = 0;
  std::string gpu = {};  // where the rows are on one
  std::string system = {};
  std::string compiler = {};
  std::string build = {};
  std::string capability = {};  // the instruction set of mote's own kernels; empty in files from before it was recorded
  std::vector<std::pair<std::string, std::string>> libraries = {};  // name and version
};

struct Settings {
  int threads = 1;
  int rounds = 20;
  bool cold = false;
  bool smoke = false;
};

struct Report {
  static constexpr int kFormat = 1;

  std::string date = {};    // UTC, ISO 8601
  std::string commit = {};  // with "-dirty" where the tree differs from it; empty outside git
  Machine machine = {};
  Settings settings = {};
  Roofline roofline = {};
  std::vector<RowResult> rows = {};
};

// JSON. parse throws std::invalid_argument for what is no report of this format.
std::string to_json(const Report& report);
Report parse_report(const std::string& json);
Report load_report(const std::string& path);

// A table with a line for each implementation of each row.
std::string to_markdown(const Report& report);

// One row, for people, in a few lines.
std::string to_text(const RowResult& row);
// "1.23 ms"
std::string time_text(double seconds);
std::string bytes_text(double bytes);

}  // namespace bench
