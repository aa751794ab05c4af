// The figures that the bench keeps of a series.
#include "harness/statistics.h"

#include <stdexcept>

#include "support/catch.h"

TEST_CASE("the median and the quartiles lie between the samples around them", "[bench]") {
  const bench::Summary summary = bench::summarize({4, 1, 3, 2});
  CHECK(summary.median == Approx(2.5));
  CHECK(summary.q1 == Approx(1.75));
  CHECK(summary.q3 == Approx(3.25));
  CHECK(summary.least == 1);
}

TEST_CASE("one sample is its own summary", "[bench]") {
  const bench::Summary summary = bench::summarize({7});
  CHECK(summary.median == 7);
  CHECK(summary.q1 == 7);
  CHECK(summary.q3 == 7);
}

TEST_CASE("an outlier moves neither the median nor the quartiles far", "[bench]") {
  const bench::Summary summary = bench::summarize({10, 11, 12, 13, 1000});
  CHECK(summary.median == 12);
  CHECK(summary.q3 == 13);
}

TEST_CASE("ratios are taken round by round, so that noise of both cancels", "[bench]") {
  const bench::Summary ratio = bench::ratio({2, 20, 6}, {1, 10, 3});
  CHECK(ratio.median == 2);
  CHECK(ratio.q1 == 2);
  CHECK(ratio.q3 == 2);
}

TEST_CASE("series that are empty or of different lengths are refused", "[bench]") {
  CHECK_THROWS_AS(bench::summarize({}), std::invalid_argument);
  CHECK_THROWS_AS(bench::ratio({1, 2}, {1}), std::invalid_argument);
}
