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
  if (before.settings.smoke || after.settings.smoke) return "a smoke run measures nothing";
  const Machine &a = before.machine, &b = after.machine;
  if (a.build != b.build) return differ("builds", a.build, b.build);
  if (a.compiler != b.compiler) return differ("compilers", a.compiler, b.compiler);
  if (a.capability != b.capability && !a.capability.empty() && !b.capability.empty())
    return differ("instruction sets", a.capability, b.capability);
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
  if (!after.wrong.empty()) {
    result.change = Change::Wrong;
    result.reason = after.wrong;
    return result;
  }
  if (!before.wrong.empty()) {
    result.reason = "it was wrong before";
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
    if (other > 0 && std::abs(std::log(other)) > std::log1p(options.others_threshold)) {
      result.reason = fmt::format("the others changed by {:.2f}, and mote did not", other);
      return result;
    }
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
  const auto any = [this](Change change) {
    return std::any_of(rows.begin(), rows.end(), [change](const Comparison& row) { return row.change == change; });
  };
  if (any(Change::Wrong)) return 1;
  if (!obstacle.empty() || rows.empty()) return 2;
  return any(Change::Slower) ? 1 : 0;
}

Comparisons compare(const Report& before, const Report& after, const CompareOptions& options) {
  Comparisons result{.obstacle = obstacle(before, after)};
  std::map<std::string, const RowResult*> old;
  for (const RowResult& row : before.rows) old[row.name] = &row;
  for (const RowResult& row : after.rows) {
    const auto found = old.find(row.name);
    if (found == old.end()) {
      result.added.push_back(row.name);
      if (!row.wrong.empty()) result.rows.push_back({.row = row.name, .change = Change::Wrong, .reason = row.wrong});
      continue;
    }
    Comparison comparison = compare_rows(*found->second, row, options);
    old.erase(found);
    if (!result.obstacle.empty() && comparison.change != Change::Wrong) {
      comparison.change = Change::Unsure;
      comparison.reason = result.obstacle;
    }
    result.rows.push_back(std::move(comparison));
  }
  for (const RowResult& row : before.rows)
    if (old.contains(row.name)) result.missing.push_back(row.name);
  if (result.missing.size() == before.rows.size() && result.obstacle.empty())
    result.obstacle = "no row is in both files";
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
    case Change::Wrong:
      return "WRONG";
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
  for (const std::string& row : comparisons.missing)
    text += fmt::format("GONE          {}  (only in the first file)\n", row);
  for (const std::string& row : comparisons.added)
    text += fmt::format("NEW           {}  (only in the second file)\n", row);
  text += fmt::format("{} same, {} faster, {} slower, {} unsure, {} wrong, {} gone, {} new\n", counts[Change::Same],
                      counts[Change::Faster], counts[Change::Slower], counts[Change::Unsure], counts[Change::Wrong],
                      comparisons.missing.size(), comparisons.added.size());
  if (!comparisons.obstacle.empty()) text += fmt::format("cannot be compared: {}\n", comparisons.obstacle);
  return text;
}

}  // namespace bench
