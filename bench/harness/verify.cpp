#include "verify.h"

#include <fmt/format.h>
#include <mote/mote.h>

#include <algorithm>

namespace bench {

using mote::Tensor;

namespace {

// Of one tensor; both on the CPU, of one shape.
Verdict compare(const Tensor& got, const Tensor& want, double tolerance) {
  if (got.numel() == 0) return {};
  const Tensor values = got.to(mote::float64), exact = want.to(mote::float64);
  // Equal infinities and NaN where both have it count as no difference, at an unequal place as a wrong result.
  const Tensor finite = mote::isfinite(exact);
  const Tensor odd = mote::logical_and(mote::logical_not(finite), mote::ne(values, exact));
  const Tensor odd_and_not_nan =
      mote::logical_and(odd, mote::logical_not(mote::logical_and(mote::isnan(values), mote::isnan(exact))));
  if (odd_and_not_nan.any().item<bool>()) return {0, "a NaN or an infinity of the reference is missing"};
  const Tensor difference = mote::where(finite, mote::abs(values - exact), 0.0);
  if (!mote::isfinite(difference).all().item<bool>()) return {0, "a NaN or an infinity that the reference has not"};
  const Tensor magnitude = mote::where(finite, mote::abs(exact), 0.0);
  const double mean = std::max(magnitude.mean().item<double>(), 1e-30);
  const double error = (difference / mote::clamp(magnitude, mean)).max().item<double>();
  Verdict verdict{error, {}};
  if (error > tolerance) verdict.wrong = fmt::format("a relative error of {:.1e}; {:.1e} is allowed", error, tolerance);
  return verdict;
}

}  // namespace

Verdict verify(const std::vector<Tensor>& got, const std::vector<Tensor>& want, double tolerance) {
  const mote::NoGradGuard no_grad;
  Verdict total;
  if (got.size() != want.size())
    return {0, fmt::format("{} results, and the reference has {}", got.size(), want.size())};
  for (size_t i = 0; i < got.size(); ++i) {
    const std::string which = got.size() == 1 ? "the result" : fmt::format("result {} of {}", i + 1, got.size());
    if (got[i].shape() != want[i].shape())
      return {0, fmt::format("{} has shape {}, not {}", which, got[i].shape().str(), want[i].shape().str())};
    const Verdict verdict = compare(got[i].detach().cpu(), want[i].detach().cpu(), tolerance);
    total.error = std::max(total.error, verdict.error);
    if (total.wrong.empty() && !verdict.wrong.empty()) total.wrong = which + ": " + verdict.wrong;
  }
  return total;
}

}  // namespace bench
