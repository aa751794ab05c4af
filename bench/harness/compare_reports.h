// Two result files, row by row.
#pragma once

#include <string>
#include <vector>

#include "bench_report.h"

namespace bench {

enum class Change { Same, Faster, Slower, Unsure, Wrong };

struct Comparison {
  std::string row = {};
  Change change = Change::Unsure;
  double ratio = 0;  // mote's time after by that before; 0 where one is missing
  std::string reason = {};
};

struct CompareOptions {
  double threshold = 0.03;         // a smaller change of the median is none
  double others_threshold = 0.10;  // a smaller change of everybody else says nothing about the machine
  int least_rounds = 10;
};

struct Comparisons {
  std::string obstacle = {};  // why the two files cannot be compared at all; then every row is UNSURE or WRONG
  std::vector<Comparison> rows = {};
  std::vector<std::string> missing = {};  // rows of the first file only
  std::vector<std::string> added = {};    // rows of the second file only

  // 1: a row of the second file is wrong, or one is slower; 2: they cannot be compared; 0: neither.
  int exit_code() const;
};

// mote's times in the rows that both have. Where another implementation was measured in both and moved as well, or
// moved and mote did not, the machine may have changed and not mote.
Comparisons compare(const Report& before, const Report& after, const CompareOptions& options = {});

std::string to_text(const Comparisons& comparisons);
const char* name_of(Change change);

}  // namespace bench
