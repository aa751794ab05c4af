// That the bench notices wrong results and times none.
#include "harness/verify.h"

#include <mote/mote.h>

#include <cmath>

#include "harness/checksum.h"
#include "harness/run_row.h"
#include "support/catch.h"

namespace {

using mote::Tensor;

bench::RowResult run_row(const bench::Prepared& prepared, int& repetitions) {
  bench::Options options;
  options.rounds = 3;
  bench::Context context{options, mote::Device(), bench::Probes(mote::Device(), true), {}};
  bench::Prepared counted = prepared;
  counted.loop = [&repetitions](int64_t count) { repetitions += static_cast<int>(std::min<int64_t>(count, 1)); };
  const bench::Row row{
      .family = "f", .operation = "o", .shape = "1", .prepare = [counted](const bench::Row&) { return counted; }};
  return bench::run(row, context);
}

}  // namespace

TEST_CASE("a result within the tolerance of its float64 reference is right", "[bench]") {
  const Tensor exact = mote::tensor({1.0, -2.0, 4.0}).to(mote::float64);
  CHECK(bench::verify({exact.to(mote::float32)}, {exact}, 1e-6).wrong.empty());
  const bench::Verdict verdict = bench::verify({mote::tensor({1.0, -2.0, 4.4})}, {exact}, 1e-6);
  CHECK(verdict.error == Approx(0.1).epsilon(1e-4));
  CHECK(verdict.wrong == "the result: a relative error of 1.0e-01; 1.0e-06 is allowed");
}

TEST_CASE("a wrong gradient, a wrong shape and a missing result are named", "[bench]") {
  const Tensor right = mote::ones({2}), wrong = mote::zeros({2});
  CHECK(bench::verify({right, right}, {right, wrong + 2.0}, 1e-6).wrong.starts_with("result 2 of 2: "));
  CHECK(bench::verify({mote::ones({3})}, {right}, 1e-6).wrong == "the result has shape [3], not [2]");
  CHECK(bench::verify({right}, {right, right}, 1e-6).wrong == "1 results, and the reference has 2");
}

TEST_CASE("an error in the many small elements shows beside a few great ones", "[bench]") {
  mote::manual_seed(1);
  const Tensor logits = mote::randn({8, 5000}).requires_grad_();
  const Tensor labels = mote::randint(5000, {8});
  const Tensor want = mote::grad({mote::cross_entropy(logits.to(mote::float64), labels)}, {logits}).front();
  const Tensor great = mote::abs(want) > 0.1;
  CHECK(great.sum().item<int64_t>() == 8);
  const Tensor exact = want.to(mote::float64);
  CHECK(bench::verify({want}, {exact}, 1e-5).wrong.empty());
  CHECK_FALSE(bench::verify({mote::where(great, want, want * 1.007)}, {exact}, 1e-5).wrong.empty());
  CHECK_FALSE(bench::verify({mote::where(great, want * 1.007, want)}, {exact}, 1e-5).wrong.empty());
}

TEST_CASE("an element close to zero is measured by the others", "[bench]") {
  const Tensor exact = mote::tensor({1.0, -1.0, 1e-9}).to(mote::float64);
  CHECK(bench::verify({mote::tensor({1.0, -1.0, 1e-7})}, {exact}, 1e-6).wrong.empty());
  CHECK_FALSE(bench::verify({mote::tensor({1.0, -1.0, 1e-5})}, {exact}, 1e-6).wrong.empty());
  CHECK_FALSE(bench::verify({mote::tensor({1e-9})}, {mote::zeros({1}, {.dtype = mote::float64})}, 1e-6).wrong.empty());
}

TEST_CASE("NaN and infinity count only where the reference has them", "[bench]") {
  const Tensor odd = mote::tensor({NAN, INFINITY, 1.0});
  CHECK(bench::verify({odd}, {odd.to(mote::float64)}, 1e-6).wrong.empty());
  CHECK_FALSE(bench::verify({odd}, {mote::ones({3})}, 1e-6).wrong.empty());
  CHECK_FALSE(bench::verify({mote::ones({3})}, {odd}, 1e-6).wrong.empty());
}

TEST_CASE("a checksum tells an exchange of elements", "[bench]") {
  const auto sums = bench::checksum_of({mote::tensor({1.0, 2.0, 3.0})});
  CHECK(bench::difference(sums, sums, 1e-6).empty());
  CHECK_FALSE(bench::difference(bench::checksum_of({mote::tensor({2.0, 1.0, 3.0})}), sums, 1e-6).empty());
  CHECK_FALSE(bench::difference({}, sums, 1e-6).empty());
}

TEST_CASE("a wrong row is not timed, a right one is, round by round", "[bench]") {
  int repetitions = 0;
  const bench::RowResult wrong = run_row({.loop = {}, .wrong = "another number"}, repetitions);
  CHECK(wrong.wrong == "another number");
  CHECK(wrong.measurements.empty());
  CHECK(repetitions == 0);
  const bench::RowResult right = run_row({.loop = {}, .costs = {100, 200}}, repetitions);
  REQUIRE(right.measurements.size() == 1);
  CHECK(right.measurements[0].name == "mote");
  CHECK(right.measurements[0].rounds == 3);
  CHECK(right.measurements[0].roofline > 0);
  CHECK(repetitions >= 3);
}
