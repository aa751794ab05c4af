// The rounds of a row: everybody in turn, A B C A B C …, so that noise hits all alike.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "contender.h"

namespace bench {

struct TimeOptions {
  int rounds = 20;
  double round_seconds = 1e-3;  // a round has as many repetitions as it takes to last so long
  bool cold = false;
  double cold_seconds =
      0.1;            // with `cold`, the most that a round takes, the flushes included, unless it is one repetition
  size_t probes = 0;  // of the contenders, the last ones: they end each round, and do not take turns at beginning it
};

struct Series {
  int64_t repetitions = 0;      // of each round
  std::vector<double> seconds;  // of one repetition, for each round
  std::string failed = {};      // what it threw, whereupon it took no more part; or empty
  int unsettled = 0;            // how often its threads still ran when the turn was handed over
};

// One series for each contender. The one that begins a round is another one each time.
std::vector<Series> time_in_turn(const std::vector<std::unique_ptr<Contender>>& contenders, const TimeOptions& options);

}  // namespace bench
