#include "checksum.h"

#include <fmt/format.h>
#include <mote/mote.h>

#include <algorithm>
#include <cmath>

namespace bench {

namespace {
constexpr int64_t kElements = 65536;
constexpr int64_t kWeights = 7;  // 1, 2, … 7, 1, …: an exchange of elements shows
}  // namespace

std::vector<double> checksum_of(const std::vector<mote::Tensor>& results) {
  const mote::NoGradGuard no_grad;
  std::vector<double> sums;
  for (const mote::Tensor& result : results) {
    const int64_t step = std::max<int64_t>(1, result.numel() / kElements);
    const mote::Tensor sample = result.detach().reshape({-1}).slice(0, 0, std::nullopt, step).cpu().to(mote::float64);
    const mote::Tensor weights = (mote::arange(sample.numel()).remainder(kWeights) + 1).to(mote::float64);
    sums.push_back((sample * weights).sum().item<double>());
    sums.push_back((sample.abs() * weights).sum().item<double>());
  }
  return sums;
}

std::string difference(const std::vector<double>& got, const std::vector<double>& want, double tolerance) {
  if (got.size() != want.size()) return fmt::format("{} results, not {}", got.size() / 2, want.size() / 2);
  for (size_t i = 0; i + 1 < got.size(); i += 2) {
    const double scale = std::max(std::abs(got[i + 1]), std::abs(want[i + 1]));
    if (!(std::abs(got[i] - want[i]) <= tolerance * scale) ||
        !(std::abs(got[i + 1] - want[i + 1]) <= tolerance * scale))
      return fmt::format("result {} has checksum {:.6g} of {:.6g}, not {:.6g} of {:.6g}", i / 2, got[i], got[i + 1],
                         want[i], want[i + 1]);
  }
  return {};
}

}  // namespace bench
