// Result files of a few made-up measurements.
#pragma once

#include "harness/bench_report.h"

namespace bench::testing {

inline Measurement measurement(const std::string& name, double median, double spread = 0.01, int rounds = 20) {
  return {.name = name,
          .seconds = {median, median * (1 - spread), median * (1 + spread), median * (1 - 2 * spread)},
          .rounds = rounds,
          .repetitions = 3,
          .flops_per_second = 1e9,
          .bytes_per_second = 2e9,
          .roofline = 0.5};
}

inline RowResult row(const std::string& name, const std::vector<Measurement>& measurements) {
  return {.name = name,
          .family = "softmax",
          .operation = name,
          .shape = "2x3",
          .dtype = "float32",
          .device = "cpu",
          .direction = "forward",
          .error = 1e-7,
          .tolerance = 1e-5,
          .costs = {100, 200},
          .measurements = measurements};
}

inline Report report(const std::vector<RowResult>& rows) {
  Report report;
  report.date = "2020-01-02T03:04:05Z";
  report.commit = "0123456789ab";
  report.machine = {.cpu = "A CPU",
                    .cpus = 2,
                    .compiler = "g++ 12.2.0",
                    .build = "Release",
                    .capability = "avx2",
                    .libraries = {{"BLAS", "1"}}};
  report.settings = {.threads = 2};
  report.roofline = {1e10, "memcpy", 1e11, "matmul 1024"};
  report.rows = rows;
  return report;
}

}  // namespace bench::testing
