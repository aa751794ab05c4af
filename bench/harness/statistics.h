// What is kept of a series of measurements.
#pragma once

#include <cstdint>
#include <vector>

namespace bench {

struct Summary {
  double median = 0;
  double q1 = 0;  // quartiles
  double q3 = 0;
  double least = 0;
};

// Quantiles are interpolated between neighbours. Throws std::invalid_argument for no samples.
Summary summarize(std::vector<double> samples);

// samples[i] / base[i] for measurements that were taken in turn: noise that lasts longer than a round cancels.
Summary ratio(const std::vector<double>& samples, const std::vector<double>& base);

}  // namespace bench
