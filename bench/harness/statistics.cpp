#include "statistics.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace bench {

namespace {

double quantile(const std::vector<double>& sorted, double q) {
  const double position = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(std::floor(position));
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (position - static_cast<double>(below));
}

}  // namespace

Summary summarize(std::vector<double> samples) {
  if (samples.empty()) throw std::invalid_argument("summarize: no samples");
  std::sort(samples.begin(), samples.end());
  return {quantile(samples, 0.5), quantile(samples, 0.25), quantile(samples, 0.75), samples.front()};
}

Summary ratio(const std::vector<double>& samples, const std::vector<double>& base) {
  if (samples.size() != base.size()) throw std::invalid_argument("ratio: series of different lengths");
  std::vector<double> ratios;
  for (size_t i = 0; i < samples.size(); ++i) ratios.push_back(samples[i] / base[i]);
  return summarize(std::move(ratios));
}

}  // namespace bench
