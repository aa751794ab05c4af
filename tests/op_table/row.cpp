#include "op_table/row.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>

namespace mote::op_table {

namespace {

// splitmix64 (Steele, Lea and Flood 2014): inputs must not depend on the library under test.
uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}

uint64_t hash_bytes(const void* data, size_t size, uint64_t hash = 0) {
  const auto* bytes = static_cast<const unsigned char*>(data);
  for (size_t i = 0; i < size; ++i) hash = mix(hash ^ bytes[i]);
  return hash;
}

// Odd multiples of a power of two that 8 bits of mantissa hold, so that every floating-point dtype holds them exactly.
// Integers, where many operations have a kink, are none of them; and no value of one grid lies on a coarser one, so
// that two inputs whose ranges differ by a power of two are never equal.
struct Grid {
  double step;
  int64_t first;  // the smallest odd multiple
  int64_t count;
};

Grid grid_of(const Input& input) {
  const double reach = std::max(std::abs(input.low), std::abs(input.high));
  const double step = std::exp2(std::ceil(std::log2(reach)) - 8);
  auto first = static_cast<int64_t>(std::ceil(input.low / step));
  auto last = static_cast<int64_t>(std::floor(input.high / step));
  if (first % 2 == 0) ++first;
  if (last % 2 == 0) --last;
  return {step, first, (last - first) / 2 + 1};
}

// The i-th of `count` positions in an order in which all come before one comes again.
int64_t walk(uint64_t seed, int64_t i, int64_t count) {
  int64_t stride = static_cast<int64_t>(mix(seed) % 89) + 7;
  while (std::gcd(stride, count) != 1) ++stride;
  return (static_cast<int64_t>(seed % 1000) + i * stride) % count;
}

double integer_at(const Input& input, DType dtype, uint64_t seed, int64_t i) {
  auto low = static_cast<int64_t>(std::ceil(input.low)), high = static_cast<int64_t>(std::floor(input.high));
  if (dtype == DType::UInt8) low = std::max<int64_t>(low, 0);
  if (input.nonzero && low == 0) low = 1;
  const int64_t count = high - low + 1;
  const auto random = static_cast<int64_t>(mix(seed + static_cast<uint64_t>(i)) % static_cast<uint64_t>(count));
  const int64_t value = low + (input.distinct ? walk(seed, i, count) : random);
  return static_cast<double>(input.nonzero && value == 0 ? high : value);
}

double value_at(const Input& input, DType dtype, uint64_t seed, int64_t i) {
  if (dtype == DType::Bool) return static_cast<double>(mix(seed + static_cast<uint64_t>(i)) % 2);
  if (!is_floating_point(dtype)) return integer_at(input, dtype, seed, i);
  const Grid grid = grid_of(input);
  return static_cast<double>(grid.first + 2 * walk(seed, i, grid.count)) * grid.step;
}

Tensor make_input(const Input& input, const Shape& shape, DType dtype, uint64_t seed) {
  std::vector<double> values(static_cast<size_t>(shape.numel()));
  for (size_t i = 0; i < values.size(); ++i) values[i] = value_at(input, dtype, seed, static_cast<int64_t>(i));
  return from_blob(values.data(), shape, {.dtype = DType::Float64}).to(dtype, true);
}

}  // namespace

std::string operation_of(const Row& row) { return row.name.substr(0, row.name.find('.')); }

std::vector<Tensor> inputs_of(const Row& row, const Shapes& shapes, DType dtype) {
  std::vector<Tensor> inputs;
  for (size_t i = 0; i < row.inputs.size(); ++i) {
    const uint64_t seed = hash_bytes(row.name.data(), row.name.size(), i);
    inputs.push_back(make_input(row.inputs[i], shapes[i], row.inputs[i].dtype.value_or(dtype), seed));
  }
  return inputs;
}

std::vector<Tensor> inputs_of(const Row& row, size_t shape, DType dtype) {
  return inputs_of(row, row.shapes.at(shape), dtype);
}

std::string Case::key() const { return row->name + "/" + std::to_string(shape) + "/" + name_of(dtype); }

std::vector<Case> cases_of(const Row& row) {
  std::vector<Case> cases;
  for (DType dtype : row.dtypes) cases.push_back({&row, 0, dtype});
  for (size_t shape = 1; shape < row.shapes.size(); ++shape) cases.push_back({&row, shape, row.dtypes.front()});
  return cases;
}

std::string fingerprint(const Case& test_case) {
  uint64_t hash = hash_bytes(test_case.row->torch.data(), test_case.row->torch.size());
  for (const Tensor& input : inputs_of(*test_case.row, test_case.shape, test_case.dtype)) {
    const std::string shape = input.shape().str();
    hash = hash_bytes(shape.data(), shape.size(), hash);
    hash = hash_bytes(input.data_ptr(), static_cast<size_t>(input.numel()) * size_of(input.dtype()), hash);
  }
  return std::to_string(hash);
}

const std::vector<Row>& rows() {
  static const std::vector<Row> all = [] {
    std::vector<Row> result;
    for (auto* family : {unary_rows, activation_rows, binary_rows, comparison_rows, selection_rows, reduce_rows,
                         view_rows, join_rows, indexing_rows, matmul_rows, layer_rows, loss_rows, creation_rows}) {
      std::vector<Row> part = family();
      std::move(part.begin(), part.end(), std::back_inserter(result));
    }
    return result;
  }();
  return all;
}

}  // namespace mote::op_table
