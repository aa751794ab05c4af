// Result files, there and back, and what is printed of them.
#include "harness/bench_report.h"

#include <stdexcept>

#include "bench/reports.h"
#include "support/catch.h"

namespace {

using bench::testing::measurement;
using bench::testing::report;
using bench::testing::row;

bench::Report sample() {
  bench::RowResult result = row("softmax", {measurement("mote", 1e-3), measurement("PyTorch 2", 2e-3)});
  result.measurements[1].ratio = bench::Summary{2, 1.9, 2.1, 1.8};
  result.measurements[0].memory = bench::Memory{4096, 1};
  result.notes = {"Eigen: not here"};
  bench::RowResult wrong = row("exp", {});
  wrong.wrong = "a relative error of 1.0e+00";
  return report({result, wrong});
}

}  // namespace

TEST_CASE("a result file holds all of a report", "[bench]") {
  const bench::Report before = sample();
  const bench::Report after = bench::parse_report(bench::to_json(before));
  CHECK(bench::to_json(after) == bench::to_json(before));
  CHECK(after.commit == before.commit);
  CHECK(after.machine.cpu == "A CPU");
  CHECK(after.machine.libraries == before.machine.libraries);
  CHECK(after.machine.capability == "avx2");
  CHECK(after.settings.threads == 2);
  CHECK(after.roofline.copy == "memcpy");
  REQUIRE(after.rows.size() == 2);
  const bench::RowResult& result = after.rows[0];
  CHECK(result.costs.bytes == 200);
  CHECK(result.notes == before.rows[0].notes);
  REQUIRE(result.find("PyTorch 2"));
  CHECK(result.find("PyTorch 2")->ratio->q3 == 2.1);
  CHECK(result.find("mote")->memory->peak_bytes == 4096);
  CHECK_FALSE(result.find("mote")->ratio.has_value());
  CHECK(after.rows[1].wrong == before.rows[1].wrong);
}

TEST_CASE("a result file from before the instruction set was recorded is read", "[bench]") {
  std::string json = bench::to_json(sample());
  const std::string capability = "\"capability\": \"avx2\",";
  json.erase(json.find(capability), capability.size());
  CHECK(bench::parse_report(json).machine.capability.empty());
}

TEST_CASE("what is no result file, or one of another format, is refused", "[bench]") {
  CHECK_THROWS_AS(bench::parse_report("{"), std::invalid_argument);
  CHECK_THROWS_AS(bench::parse_report("{}"), std::invalid_argument);
  std::string json = bench::to_json(sample());
  const std::string format = "\"format\": 1";
  json.replace(json.find(format), format.size(), "\"format\": 99");
  CHECK_THROWS_WITH(bench::parse_report(json), "a result file of format 99, not 1");
}

TEST_CASE("the table has a line for each implementation and says what is wrong", "[bench]") {
  const std::string text = bench::to_markdown(sample());
  CHECK(text.find("| softmax | 2x3 | float32 | cpu | forward | mote | 1 ms |") != std::string::npos);
  CHECK(text.find("| PyTorch 2 | 2 ms |") != std::string::npos);
  CHECK(text.find("WRONG: a relative error of 1.0e+00") != std::string::npos);
  CHECK(text.find("* softmax: Eigen: not here\n") != std::string::npos);
}

TEST_CASE("times and sizes are printed in fitting units", "[bench]") {
  CHECK(bench::time_text(1.5) == "1.5 s");
  CHECK(bench::time_text(2e-3) == "2 ms");
  CHECK(bench::time_text(3.25e-6) == "3.25 µs");
  CHECK(bench::time_text(78.9e-9) == "78.9 ns");
  CHECK(bench::bytes_text(100) == "100 B");
  CHECK(bench::bytes_text(3 << 20) == "3 MiB");
}
