// The rows that there are, and what they say that an operation costs.
#include "rows/rows.h"

#include <algorithm>
#include <set>

#include "support/catch.h"

namespace {

using bench::Rows;

Rows rows_of(const bench::Selection& selection) { return bench::all_rows(selection); }

const bench::Row& find(const Rows& rows, const std::string& name) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const bench::Row& row) {
    return bench::name_of(row, mote::Device()).starts_with(name);
  });
  INFO(name);
  REQUIRE(found != rows.end());
  return *found;
}

bench::Prepared prepare(const Rows& rows, const std::string& name) {
  const bench::Row& row = find(rows, name);
  bench::Prepared prepared = row.prepare(row);
  CHECK(prepared.wrong.empty());
  return prepared;
}

}  // namespace

TEST_CASE("no two rows have the same name", "[bench]") {
  std::set<std::string> names;
  for (const bench::Row& row : rows_of({.sweep = true})) {
    const std::string name = bench::name_of(row, mote::Device());
    CAPTURE(name);
    CHECK(names.insert(name).second);
  }
}

TEST_CASE("what is bound by memory has a headline row beyond the caches", "[bench]") {
  const Rows rows = rows_of({});
  for (const char* name : {"normalization/layer_norm/16384x1024/", "pointwise/gelu_erf/4096x4096/",
                           "softmax/masked_softmax_causal/1x16x1024x1024/", "softmax/softmax/16384x1024/"})
    find(rows, name);
}

TEST_CASE("backward of a sum moves nothing but what the sum reads", "[bench]") {
  const Rows rows = rows_of({.smoke = true});
  CHECK(prepare(rows, "reductions/sum/1000/float32/cpu/both").costs.bytes == 4000);
  CHECK(prepare(rows, "reductions/sum_axis0/11x35/float32/cpu/both").costs.bytes == 4 * (11 * 35 + 35));
}

TEST_CASE("the first layer of an MLP needs no gradient of its input", "[bench]") {
  const Rows rows = rows_of({.smoke = true});
  const double first = 3 * 5, second = 5 * 2;
  const bench::Costs costs = prepare(rows, "workloads/mlp_step/3-5-2@4/").costs;
  CHECK(costs.flops == 4 * (4 * first + 6 * second));
  CHECK(costs.bytes == 4 * (5 * first + 6 * second));
}

TEST_CASE("the products of a GPT's step have the floating-point operations of the step", "[bench]") {
  const Rows rows = rows_of({.smoke = true});
  const bench::Prepared step = prepare(rows, "workloads/gpt_step/"),
                        products = prepare(rows, "workloads/gpt_products/");
  CHECK(products.costs.flops == Approx(step.costs.flops).epsilon(0.02));
}

TEST_CASE("peers are given the optimizers that they have", "[bench]") {
  const Rows rows = rows_of({});
  const auto fused = [](const bench::TorchForm& form) {
    return form.setup.find("fused") != std::string::npos && form.form.ends_with("fused optimizer");
  };
  for (const char* name : {"workloads/gpt_step/", "workloads/mlp_step/"}) {
    const bench::Row& row = find(rows, name);
    CHECK(std::count_if(row.torch.begin(), row.torch.end(), fused) == 1);
  }
}
