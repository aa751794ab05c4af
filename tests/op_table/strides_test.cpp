// Inputs of any strides give what dense inputs give, forward and backward; and in-place forms give what the others
// give.
#include "op_table/compare.h"
#include "op_table/layouts.h"
#include "support/catch.h"

namespace mote::op_table {

namespace {

void check_layout(const Row& row, Tensor (*layout)(const Tensor&)) {
  for (DType dtype : {row.dtypes.front(), row.dtypes.back()}) {
    for (size_t shape = 0; shape < row.shapes.size(); ++shape) {
      INFO("shapes " << shape << ", " << name_of(dtype));
      const std::vector<Tensor> dense = inputs_of(row, shape, dtype);
      std::vector<Tensor> strided;
      for (const Tensor& input : dense) strided.push_back(layout(input));
      const Outcome want = evaluate(row, row.run, dense), got = evaluate(row, row.run, strided);
      CHECK(difference(got.outputs, want.outputs, row) == "");
      CHECK(difference(got.gradients, want.gradients, row) == "");
    }
  }
}

}  // namespace

TEST_CASE("transposed inputs") {
  for (const Row& row : rows()) {
    DYNAMIC_SECTION(row.name) { check_layout(row, transposed); }
  }
}

TEST_CASE("inputs with steps and offsets") {
  for (const Row& row : rows()) {
    DYNAMIC_SECTION(row.name) { check_layout(row, stepped); }
  }
}

TEST_CASE("in-place forms") {
  for (const Row& row : rows()) {
    if (!row.in_place) continue;
    DYNAMIC_SECTION(row.name) {
      for (const Case& test_case : cases_of(row)) {
        INFO(test_case.key());
        const std::vector<Tensor> inputs = inputs_of(row, test_case.shape, test_case.dtype);
        const Outcome want = evaluate(row, row.run, inputs);
        if (!(want.outputs[0].shape() == inputs[0].shape()) || want.outputs[0].dtype() != inputs[0].dtype()) continue;
        bool same_memory = false;
        const auto in_place = [&](In x) {
          std::vector<Tensor> arguments = x;
          arguments[0] = x[0].clone();
          const void* before = arguments[0].data_ptr();
          const Tensor result = row.in_place(arguments)[0];
          same_memory = result.data_ptr() == before && is_same(result, arguments[0]);
          return result;
        };
        const Outcome got = evaluate(row, in_place, inputs);
        CHECK(same_memory);
        CHECK(difference(got.outputs, want.outputs, row) == "");
        CHECK(difference(got.gradients, want.gradients, row) == "");
      }
    }
  }
}

}  // namespace mote::op_table
