// Every gradient rule against finite differences, at every shape, and every second derivative.
#include <algorithm>

#include "mote/testing.h"
#include "op_table/compare.h"
#include "support/catch.h"

namespace mote::op_table {

namespace {

std::vector<Tensor> leaves_of(const Row& row, size_t shape) {
  std::vector<Tensor> inputs = inputs_of(row, shape, DType::Float64);
  for (size_t i = 0; i < inputs.size(); ++i)
    if (row.inputs[i].differentiable && !row.inputs[i].dtype) inputs[i].requires_grad_();
  return inputs;
}

// The outputs that have a gradient: positions beside the values have none.
mote::testing::TensorFunction differentiable(const Row& row) {
  return [&row](In x) {
    std::vector<Tensor> outputs;
    for (Tensor& output : row.run(x))
      if (is_floating_point(output.dtype())) outputs.push_back(std::move(output));
    return outputs;
  };
}

bool all_finite(const std::vector<Tensor>& tensors) {
  return std::all_of(tensors.begin(), tensors.end(), [](const Tensor& x) { return all(isfinite(x)).item<bool>(); });
}

}  // namespace

TEST_CASE("gradients agree with finite differences") {
  for (const Row& row : rows()) {
    if (row.gradient == Gradient::None) continue;
    DYNAMIC_SECTION(row.name) {
      for (size_t shape = 0; shape < row.shapes.size(); ++shape) {
        INFO("shapes " << shape);
        if (!all_finite(row.run(inputs_of(row, shape, DType::Float64)))) continue;  // the variance of one element
        CHECK(mote::testing::gradcheck(differentiable(row), leaves_of(row, shape)));
      }
    }
  }
}

TEST_CASE("second derivatives agree with finite differences") {
  for (const Row& row : rows()) {
    if (row.gradient != Gradient::Twice) continue;
    DYNAMIC_SECTION(row.name) { CHECK(mote::testing::gradgradcheck(differentiable(row), leaves_of(row, 0))); }
  }
}

TEST_CASE("operations without a gradient give results that do not require one") {
  for (const Row& row : rows()) {
    if (row.gradient != Gradient::None) continue;
    DYNAMIC_SECTION(row.name) {
      std::vector<Tensor> inputs = inputs_of(row, 0, row.dtypes.front());
      for (Tensor& input : inputs)
        if (is_floating_point(input.dtype())) input.requires_grad_();
      for (const Tensor& output : row.run(inputs)) CHECK_FALSE(output.requires_grad());
    }
  }
}

}  // namespace mote::op_table
