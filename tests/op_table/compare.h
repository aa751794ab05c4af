// Comparing results: what differs, in words.
#pragma once

#include <string>
#include <vector>

#include "op_table/row.h"

namespace mote::op_table {

// The elements as doubles, in row-major order.
std::vector<double> values_of(const Tensor& x);

// Relative error that a row's result of this dtype may have; 0 for integers and bool.
double tolerance_of(const Row& row, DType dtype);

// Empty where both have one shape, dtype and, within `tolerance` of the largest element, the same values, NaN and
// infinities included. Otherwise what differs first.
std::string difference(const Tensor& got, const Tensor& want, double tolerance);
// The same for lists, with the number of the tensor.
std::string difference(const std::vector<Tensor>& got, const std::vector<Tensor>& want, const Row& row);

// Results of a row, and the gradients of its differentiable inputs for a fixed direction of each output.
struct Outcome {
  std::vector<Tensor> outputs;
  std::vector<Tensor> gradients;
};
Outcome evaluate(const Row& row, const Run& run, const std::vector<Tensor>& inputs);

}  // namespace mote::op_table
