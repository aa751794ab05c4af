// Rows of operations that are a function of tensors: forward, and forward with the gradients of the inputs.
#pragma once

#include "bench_row.h"
#include "selection.h"

namespace bench {

// An input, in C++ and in Python. Both draw from the same random stream in the same order, so both are the same tensor.
struct Value {
  std::function<Tensor()> make;
  std::string torch;
  bool differentiable = true;
};

Value normal(const Shape& shape);
Value uniform(const Shape& shape, double low, double high);
Value constant(Value value);                         // the same, without a gradient
Value integers(int64_t high, const Shape& shape);    // int64 in [0, high)
Value coin(double probability, const Shape& shape);  // bool
std::string torch_shape(const Shape& shape);         // "(2, 3)"
std::string shape_name(const Shape& shape);          // "2x3"

using Function = std::function<Tensor(const std::vector<Tensor>&)>;

struct Operation {
  std::string family = {};
  std::string name = {};
  std::string shape = {};
  bool headline = true;
  std::vector<Value> inputs = {};  // named x, y, z, w, v in Python
  Function run = {};
  Function reference = {};            // of the inputs in float64, naive; `run` itself where left out
  std::vector<TorchForm> torch = {};  // without `inputs` and `leaves`
  DType dtype = DType::Float32;
  double forward_flops = 0;
  double both_flops = 0;
  std::optional<double> forward_bytes = {};  // where it is not that of `bytes_of`
  std::optional<double> both_bytes = {};
  double tolerance = 1e-5;
  std::vector<Library> libraries = {};  // for the forward direction
  std::string libtorch = {};            // for the forward direction
};

// Appends the forward row and, where an input is differentiable, the one with backward.
void add(std::vector<Row>& rows, const Operation& operation, const Selection& selection);
// Only one of the two.
void add(std::vector<Row>& rows, const Operation& operation, const Selection& selection, Direction direction);

}  // namespace bench
