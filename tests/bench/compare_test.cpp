// What mote_bench compare says of two result files.
#include "harness/compare_reports.h"

#include "bench/reports.h"
#include "support/catch.h"

namespace {

using bench::Change;
using bench::Comparisons;
using bench::testing::measurement;
using bench::testing::report;
using bench::testing::row;
using mote::testing::contains;

Comparisons compare(const std::vector<bench::Measurement>& before, const std::vector<bench::Measurement>& after) {
  return bench::compare(report({row("softmax", before)}), report({row("softmax", after)}));
}

}  // namespace

TEST_CASE("a change beyond the spreads is faster or slower, and a slower row fails", "[bench]") {
  const Comparisons faster = compare({measurement("mote", 1.0)}, {measurement("mote", 0.5)});
  CHECK(faster.rows.at(0).change == Change::Faster);
  CHECK(faster.rows.at(0).ratio == Approx(0.5));
  CHECK(faster.exit_code() == 0);
  const Comparisons slower = compare({measurement("mote", 1.0)}, {measurement("mote", 2.0)});
  CHECK(slower.rows.at(0).change == Change::Slower);
  CHECK(slower.exit_code() == 1);
}

TEST_CASE("a change below the threshold is none, however small the spreads", "[bench]") {
  const Comparisons same = compare({measurement("mote", 1.0, 1e-4)}, {measurement("mote", 1.02, 1e-4)});
  CHECK(same.rows.at(0).change == Change::Same);
  CHECK(same.exit_code() == 0);
}

TEST_CASE("spreads that overlap leave it open", "[bench]") {
  const Comparisons unsure = compare({measurement("mote", 1.0, 0.3)}, {measurement("mote", 1.2, 0.3)});
  CHECK(unsure.rows.at(0).change == Change::Unsure);
  CHECK(unsure.rows.at(0).reason == "the spreads overlap");
  CHECK(unsure.exit_code() == 0);
}

TEST_CASE("few rounds leave it open", "[bench]") {
  const Comparisons unsure = compare({measurement("mote", 1.0)}, {measurement("mote", 2.0, 0.01, 3)});
  CHECK(unsure.rows.at(0).change == Change::Unsure);
  CHECK(unsure.rows.at(0).reason == "fewer than 10 rounds");
}

TEST_CASE("where the others changed as much, it was the machine", "[bench]") {
  const Comparisons machine = compare({measurement("mote", 1.0), measurement("PyTorch 2", 3.0)},
                                      {measurement("mote", 2.0), measurement("PyTorch 2", 6.0)});
  CHECK(machine.rows.at(0).change == Change::Unsure);
  CHECK(machine.rows.at(0).reason == "the others changed by 2.00 as well");
  const Comparisons mote = compare({measurement("mote", 1.0), measurement("PyTorch 2", 3.0)},
                                   {measurement("mote", 2.0), measurement("PyTorch 2", 3.0)});
  CHECK(mote.rows.at(0).change == Change::Slower);
}

TEST_CASE("where the others changed and mote did not, it is left open", "[bench]") {
  const Comparisons behind = compare({measurement("mote", 1.0), measurement("PyTorch 2", 3.0)},
                                     {measurement("mote", 1.01), measurement("PyTorch 2", 1.5)});
  CHECK(behind.rows.at(0).change == Change::Unsure);
  CHECK(behind.rows.at(0).reason == "the others changed by 0.50, and mote did not");
  const Comparisons same = compare({measurement("mote", 1.0), measurement("PyTorch 2", 3.0)},
                                   {measurement("mote", 1.01), measurement("PyTorch 2", 3.2)});
  CHECK(same.rows.at(0).change == Change::Same);
}

TEST_CASE("another machine, another number of threads or no common row cannot be compared", "[bench]") {
  const bench::Report before = report({row("softmax", {measurement("mote", 1.0)})});
  bench::Report after = before;
  after.machine.cpu = "Another CPU";
  Comparisons result = bench::compare(before, after);
  CHECK(result.exit_code() == 2);
  CHECK(result.rows.at(0).change == Change::Unsure);
  CHECK(result.rows.at(0).reason == "different machines: A CPU and Another CPU");
  after = before;
  after.settings.threads = 1;
  CHECK(bench::compare(before, after).exit_code() == 2);
  after = before;
  after.machine.compiler = "clang 14.0.6";
  CHECK(bench::compare(before, after).obstacle == "different compilers: g++ 12.2.0 and clang 14.0.6");
  after = before;
  after.settings.smoke = true;
  CHECK(bench::compare(before, after).exit_code() == 2);
  after = before;
  after.machine.capability = "sse4";
  CHECK(bench::compare(before, after).obstacle == "different instruction sets: avx2 and sse4");
  after.machine.capability = "";  // an older file does not say
  CHECK(bench::compare(before, after).exit_code() == 0);
  result = bench::compare(before, report({row("exp", {measurement("mote", 1.0)})}));
  CHECK(result.exit_code() == 2);
  CHECK(result.obstacle == "no row is in both files");
}

TEST_CASE("a row that is wrong now fails, even where times cannot be compared or the row is new", "[bench]") {
  const bench::Report before = report({row("softmax", {measurement("mote", 1.0)})});
  bench::Report after = report({row("softmax", {})});
  after.rows[0].wrong = "a relative error of 1.0e+00";
  Comparisons result = bench::compare(before, after);
  CHECK(result.rows.at(0).change == Change::Wrong);
  CHECK(result.rows.at(0).reason == "a relative error of 1.0e+00");
  CHECK(result.exit_code() == 1);
  CHECK_THAT(bench::to_text(result), contains("1 wrong"));
  after.machine.cpu = "Another CPU";
  CHECK(bench::compare(before, after).exit_code() == 1);
  after.rows[0].name = "exp";
  CHECK(bench::compare(before, after).exit_code() == 1);
  // The other way round it says nothing about mote now.
  result = bench::compare(after, before);
  CHECK(result.exit_code() == 2);
  after.rows[0].name = "softmax";
  after.machine = before.machine;
  CHECK(bench::compare(after, before).rows.at(0).reason == "it was wrong before");
}

TEST_CASE("rows that only one of the files has are listed", "[bench]") {
  const bench::Report before =
      report({row("softmax", {measurement("mote", 1.0)}), row("exp", {measurement("mote", 1.0)})});
  const bench::Report after =
      report({row("softmax", {measurement("mote", 1.0)}), row("tanh", {measurement("mote", 1.0)})});
  const Comparisons result = bench::compare(before, after);
  CHECK(result.rows.size() == 1);
  CHECK(result.missing == std::vector<std::string>{"exp"});
  CHECK(result.added == std::vector<std::string>{"tanh"});
  CHECK(result.exit_code() == 0);
  CHECK_THAT(bench::to_text(result), contains("GONE") && contains("NEW") && contains("1 gone, 1 new"));
}
