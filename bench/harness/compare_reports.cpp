#include "compare_reports.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace bench {

namespace {

constexpr const char* kMote = "mote";

std::string obstacle(const Report& before, const Report& after) {
  const auto differ = [](const char* what, const std::string& a, const std::string& b) {
    return fmt::format("different {}: {} and {}", what, a.empty() ? "none" : a, b.empty() ? "none" : b);
  };
  if (before.machine.cpu != after.machine.cpu) return differ("machines", before.machine.cpu, after.machine.cpu);
  if (before.machine.gpu != after.machine.gpu) return differ("GPUs", before.machine.gpu, after.machine.gpu);
  if (before.settings.threads != after.settings.threads)
    return fmt::format("{} and {} threads", before.settings.threads, after.settings.threads);
  if (before.settings.cold != after.settings.cold) return "one with cold caches, one without";
  if (before.machine.build != after.machine.build) return differ("builds", before.machine.build, after.machine.build);
  return {};
}

// How much everybody else changed: the median of their ratios, and who it was. 0 where nobody is in both.
double others(const RowResult& before, const RowResult& after) {
  std::vector<double> ratios;
  for (const Measurement& m : after.measurements)
    if (const Measurement* old = before.find(m.name); old && m.name != kMote)
      ratios.push_back(m.seconds.median / old->seconds.median);
  return ratios.empty() ? 0 : summarize(ratios).median;
}

Comparison compare_rows(const RowResult& before, const RowResult& after, const CompareOptions& options) {
  Comparison result{.row = after.name};
  if (!before.wrong.empty() || !after.wrong.empty()) {
    result.reason = after.wrong.empty() ? "it was wrong before" : "it is wrong now";
    return result;
  }
  const Measurement *a = before.find(kMote), *b = after.find(kMote);
  if (!a || !b) {
    result.reason = "it was not timed in both";
    return result;
  }
  result.ratio = b->seconds.median / a->seconds.median;
  if (std::min(a->rounds, b->rounds) < options.least_rounds) {
    result.reason = fmt::format("fewer than {} rounds", options.least_rounds);
    return result;
  }
  const bool overlap = a->seconds.q1 <= b->seconds.q3 && b->seconds.q1 <= a->seconds.q3;
  const double change = std::log(result.ratio), other = others(before, after);
  if (std::abs(result.ratio - 1) < options.threshold) {
    result.change = Change::Same;
    result.reason = fmt::format("within {:.0f} %", 100 * options.threshold);
  } else if (overlap) {
    result.reason = "the spreads overlap";
  } else if (other > 0 && std::log(other) * change > 0.5 * change * change) {
    result.reason = fmt::format("the others changed by {:.2f} as well", other);
  } else {
    result.change = result.ratio < 1 ? Change::Faster : Change::Slower;
    result.reason = other > 0 ? fmt::format("the others changed by {:.2f}", other) : "the spreads lie apart";
  }
  return result;
}

}  // namespace

int Comparisons::exit_code() const {
  if (!obstacle.empty() || rows.empty()) return 2;
  const bool slower = std::any_of(rows.begin(), rows.end(), [](const auto& r) { return r.change == Change::Slower; });
  return slower ? 1 : 0;
}

Comparisons compare(const Report& before, const Report& after, const CompareOptions& options) {
  Comparisons result{.obstacle = obstacle(before, after)};
  std::map<std::string, const RowResult*> old;
  for (const RowResult& row : before.rows) old[row.name] = &row;
  for (const RowResult& row : after.rows) {
    const auto found = old.find(row.name);
    if (found == old.end()) continue;
    Comparison comparison = compare_rows(*found->second, row, options);
    if (!result.obstacle.empty()) {
      comparison.change = Change::Unsure;
      comparison.reason = result.obstacle;
    }
    result.rows.push_back(std::move(comparison));
  }
  if (result.rows.empty() && result.obstacle.empty()) result.obstacle = "no row is in both files";
  return result;
}

const char* name_of(Change change) {
  switch (change) {
    case Change::Same:
      return "SAME";
    case Change::Faster:
      return "FASTER";
    case Change::Slower:
      return "SLOWER";
    case Change::Unsure:
      return "UNSURE";
  }
  return "";
}

std::string to_text(const Comparisons& comparisons) {
  std::string text;
  std::map<Change, int> counts;
  for (const Comparison& row : comparisons.rows) {
    text += fmt::format("{:<6} {:>5}  {}  ({})\n", name_of(row.change),
                        row.ratio > 0 ? fmt::format("{:.2f}", row.ratio) : "", row.row, row.reason);
    ++counts[row.change];
  }
  text += fmt::format("{} same, {} faster, {} slower, {} unsure\n", counts[Change::Same], counts[Change::Faster],
                      counts[Change::Slower], counts[Change::Unsure]);
  if (!comparisons.obstacle.empty()) text += fmt::format("cannot be compared: {}\n", comparisons.obstacle);
  return text;
}

}  // namespace bench
