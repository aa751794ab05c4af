// The operation table: one row for each operation and variant. From the row alone come its tests (golden values,
// gradients, strides, empty inputs, other devices), its line in docs/operations.md and its benchmark.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mote/core.h"

namespace mote::op_table {

using In = const std::vector<Tensor>&;
using Shapes = std::vector<Shape>;  // one for each input

// How the values of an input are chosen: in [low, high], never an integer, and all different within one input as long
// as it is small. In an integer dtype they are the integers of that range.
struct Input {
  double low = -2;
  double high = 2;
  std::optional<DType> dtype = {};  // where it does not follow the dtype under test: an index, a mask
  bool differentiable = true;
  bool nonzero = false;   // integers leave out 0
  bool distinct = false;  // integers do not repeat
};

inline Input real(double low = -2, double high = 2) { return {.low = low, .high = high}; }
inline Input divisor() { return {.low = 0.25, .high = 3, .nonzero = true}; }
inline Input constant(double low = -2, double high = 2) { return {.low = low, .high = high, .differentiable = false}; }
// Positions in [0, size).
inline Input positions(int64_t size) {
  return {.low = 0, .high = static_cast<double>(size - 1), .dtype = DType::Int64, .differentiable = false};
}
// A different one for each element.
inline Input distinct_positions(int64_t size) {
  Input input = positions(size);
  input.distinct = true;
  return input;
}
inline Input mask() { return {.low = 0, .high = 1, .dtype = DType::Bool, .differentiable = false}; }

// What a row runs: any callable of a list of tensors that gives one, several, or values with indices.
class Run {
 public:
  Run() = default;
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, Run>) Run(F function) {
    using Result = std::invoke_result_t<F, In>;
    if constexpr (std::is_same_v<Result, Tensor>) {
      call_ = [function](In x) { return std::vector<Tensor>{function(x)}; };
    } else if constexpr (std::is_same_v<Result, ValuesAndIndices>) {
      call_ = [function](In x) {
        ValuesAndIndices result = function(x);
        return std::vector<Tensor>{result.values, result.indices};
      };
    } else {
      call_ = std::move(function);
    }
  }
  std::vector<Tensor> operator()(In x) const { return call_(x); }
  explicit operator bool() const { return static_cast<bool>(call_); }

 private:
  std::function<std::vector<Tensor>(In)> call_;
};

// Sets of dtypes.
using DTypes = std::vector<DType>;
inline const DTypes kFloats = {DType::Float32, DType::Float64, DType::Float16, DType::BFloat16};
inline const DTypes kInts = {DType::Int64, DType::Int32, DType::UInt8};
inline const DTypes kBits = {DType::Bool, DType::Int64, DType::Int32, DType::UInt8};
inline const DTypes kNumbers = {DType::Float32, DType::Float64, DType::Float16, DType::BFloat16,
                                DType::Int64,   DType::Int32,   DType::UInt8};
inline const DTypes kAll = {DType::Float32, DType::Float64, DType::Float16, DType::BFloat16,
                            DType::Int64,   DType::Int32,   DType::UInt8,   DType::Bool};

enum class Gradient { None, Twice };  // Twice: double backward works too

struct Row {
  std::string name = {};   // the operation, and after a dot the variant: "sum", "sum.dim"
  std::string what = {};   // for the documentation
  std::string torch = {};  // the same in PyTorch, of inputs named x, y, z, w
  std::vector<Input> inputs = {};
  std::vector<Shapes> shapes = {};  // the first is the usual one; the others are edges: empty, size 1, broadcast
  Run run = {};
  DTypes dtypes = kFloats;
  Gradient gradient = Gradient::Twice;
  double tolerance = 2e-6;  // relative, float32; that of other dtypes follows from it
  bool by_value = false;    // the result's shape depends on values, so that meta cannot infer it
  Run in_place = {};        // the form with an underscore; changes x
  Shapes bench = {};        // shapes to time; none: not timed
};

// All rows, in the order of the documentation.
const std::vector<Row>& rows();
// "sum" of "sum.dim".
std::string operation_of(const Row& row);

// The inputs of a row at shapes[shape], the same at every call.
std::vector<Tensor> inputs_of(const Row& row, size_t shape, DType dtype);
// The same for any shapes, for the benchmark.
std::vector<Tensor> inputs_of(const Row& row, const Shapes& shapes, DType dtype);

// Shapes and dtypes at which golden values exist: every dtype at the usual shape, float32 (or else the row's first
// dtype) at the edges.
struct Case {
  const Row* row;
  size_t shape;
  DType dtype;
  std::string key() const;  // "sum.dim/0/float32", the prefix of its tensors in operations.safetensors
};
std::vector<Case> cases_of(const Row& row);
// Changes when inputs or the PyTorch expression change, so that outdated golden values are noticed.
std::string fingerprint(const Case& test_case);

// --- the families; each in the file of its name ----------------------------------------------------------------------
std::vector<Row> unary_rows();
std::vector<Row> activation_rows();
std::vector<Row> binary_rows();
std::vector<Row> comparison_rows();
std::vector<Row> selection_rows();
std::vector<Row> reduce_rows();
std::vector<Row> view_rows();
std::vector<Row> join_rows();
std::vector<Row> indexing_rows();
std::vector<Row> matmul_rows();
std::vector<Row> layer_rows();
std::vector<Row> loss_rows();
std::vector<Row> creation_rows();

}  // namespace mote::op_table
