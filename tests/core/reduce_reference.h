// Reductions as plain loops in float64, to compare with.
#pragma once

#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "mote/core.h"
#include "support/catch.h"

namespace mote::testing {

inline constexpr double kInf = std::numeric_limits<double>::infinity();
inline const double kNan = std::nan("");

inline std::vector<double> values_of(const Tensor& x) {
  const Tensor dense = x.detach().to(float64).contiguous();
  const double* data = dense.data_ptr<double>();
  return {data, data + dense.numel()};
}

// The elements that make each result, in order, for a reduction of x over `dims`.
inline std::vector<std::vector<double>> groups_of(const Tensor& x, const Dims& dims) {
  Shape kept = x.shape();
  for (int64_t d = 0; d < x.dim(); ++d)
    for (int64_t gone : dims)
      if (dims.empty() || wrap_dim("test", gone, x.dim()) == d) kept[d] = 1;
  if (dims.empty()) kept = Shape::filled(static_cast<int>(x.dim()), 1);
  std::vector<std::vector<double>> groups(static_cast<size_t>(kept.numel()));
  const std::vector<double> values = values_of(x);
  for (size_t i = 0; i < values.size(); ++i) {
    int64_t rest = static_cast<int64_t>(i), to = 0, step = 1;
    for (int64_t d = x.dim() - 1; d >= 0; --d) {
      const int64_t index = rest % x.shape()[d];
      rest /= x.shape()[d];
      to += kept[d] == 1 ? 0 : index * step;
      step *= kept[d];
    }
    groups[static_cast<size_t>(to)].push_back(values[i]);
  }
  return groups;
}

using Reference = std::function<double(const std::vector<double>&)>;

// Compares within `tolerance` of the size of the reference; NaN with NaN.
inline void check_values(const Tensor& result, const Tensor& x, const Dims& dims, const Reference& reference,
                         double tolerance) {
  const std::vector<double> got = values_of(result);
  const auto groups = groups_of(x, dims);
  REQUIRE(got.size() == groups.size());
  for (size_t i = 0; i < got.size(); ++i) {
    const double expected = reference(groups[i]);
    if (std::isnan(expected)) {
      CHECK(std::isnan(got[i]));
    } else if (!(got[i] == expected)) {
      INFO("shape " << x.shape().str() << " dims " << dims.str() << " result " << i);
      CHECK(std::abs(got[i] - expected) <= tolerance * std::max(1.0, std::abs(expected)));
    }
  }
}

inline double total(const std::vector<double>& x) {
  double sum = 0;
  for (double value : x) sum += value;
  return sum;
}
inline double average(const std::vector<double>& x) { return total(x) / static_cast<double>(x.size()); }
inline double product(const std::vector<double>& x) {
  double result = 1;
  for (double value : x) result *= value;
  return result;
}
inline double variance(const std::vector<double>& x) {
  const double mean = average(x);
  double squares = 0;
  for (double value : x) squares += (value - mean) * (value - mean);
  return squares / static_cast<double>(x.size() - 1);
}
inline double highest(const std::vector<double>& x) {
  double best = -kInf;
  for (double value : x) best = std::isnan(value) || std::isnan(best) ? kNan : std::max(best, value);
  return best;
}
inline double lowest(const std::vector<double>& x) {
  double best = kInf;
  for (double value : x) best = std::isnan(value) || std::isnan(best) ? kNan : std::min(best, value);
  return best;
}
inline double length(const std::vector<double>& x) {
  double squares = 0;
  for (double value : x) squares += value * value;
  return std::sqrt(squares);
}

// The same values by another way through memory.
inline std::vector<Tensor> arrangements(const Tensor& x) {
  std::vector<Tensor> result = {x};
  if (x.dim() >= 2) result.push_back(x.transpose(0, -1).contiguous().transpose(0, -1));
  if (x.dim() >= 1) {
    const Tensor wide = repeat_interleave(x, 2, -1);
    result.push_back(wide.slice(-1, 0, std::nullopt, 2));
  }
  return result;
}

}  // namespace mote::testing
