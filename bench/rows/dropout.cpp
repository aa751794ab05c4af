// Dropout. Its stream is mote's own, so that no peer drops the same elements: the result is checked by what was kept.
#include <fmt/format.h>

#include <cmath>

#include "harness/operation.h"
#include "harness/prepared.h"
#include "rows.h"

namespace bench {

namespace {

constexpr double kProbability = 0.1;
constexpr double kDeviations = 6;  // of the number of elements that are dropped

// x / (1 - p) where y is not zero.
Tensor kept(const Tensor& x, const Tensor& y) {
  const Tensor wide = x.detach().to(mote::float64);
  return mote::where(mote::ne(y.detach(), 0), wide / (1 - kProbability), mote::zeros_like(wide));
}

// What is wrong with the share of elements that were dropped, or empty.
std::string wrong_rate(const Tensor& y) {
  const auto n = static_cast<double>(y.numel());
  const auto dropped = static_cast<double>(mote::eq(y.detach(), 0).sum().item<int64_t>());
  const double allowed = kDeviations * std::sqrt(n * kProbability * (1 - kProbability));
  if (std::abs(dropped - kProbability * n) <= allowed) return {};
  return fmt::format("{} of {} elements dropped, where {} are expected", dropped, n, kProbability * n);
}

Prepared prepare(const Shape& shape, const mote::Device& device, const Row& row) {
  mote::manual_seed(kSeed);
  const Tensor x = (mote::rand(shape) + 0.5).to(device);  // never zero: a zero was dropped
  const auto n = static_cast<double>(shape.numel());
  const auto run = [x] { return mote::dropout(x, kProbability); };
  const auto prepared = [&](Loop loop, const Tensor& y, const std::vector<Tensor>& got, const std::vector<Tensor>& want,
                            const Costs& costs) {
    Prepared result = checked(row, std::move(loop), got, want, {}, costs);
    if (result.wrong.empty()) result.wrong = wrong_rate(y);
    if (result.wrong.empty() && mote::eq(y, run()).all().item<bool>()) result.wrong = "the same elements dropped twice";
    return result;
  };
  if (row.direction == Direction::Forward) {
    const Tensor y = run();
    return prepared(repeated(run), y, {y}, {kept(x, y)}, {n, 8 * n});
  }
  x.requires_grad_();
  const mote::GradOptions direction{.grad_outputs = {mote::randn(shape).to(device)}};
  const Tensor y = run();
  const Tensor gradient = mote::grad({y}, {x}, direction).front();
  // x and the gradient of y are read, y and the gradient of x are written.
  return prepared(repeated([run, x, direction] { return mote::grad({run()}, {x}, direction); }), y.detach(),
                  {y, gradient}, {kept(x, y), kept(direction.grad_outputs.front(), y)}, {2 * n, 16 * n});
}

}  // namespace

void add_dropout(Rows& rows, const Selection& selection) {
  for (const auto& [shape, headline] : choose<Shape>(selection, {{1024, 3072}}, {{16384, 1024}}, {{5, 37}}))
    for (const Direction direction : {Direction::Forward, Direction::Both}) {
      TorchForm torch{.inputs = {{"x", "torch.rand" + torch_shape(shape) + " + 0.5"}},
                      .run = fmt::format("F.dropout(x, {}, True)", kProbability)};
      if (direction == Direction::Both) torch.leaves = {"x"};
      rows.push_back({.family = "dropout",
                      .operation = "dropout",
                      .shape = shape_name(shape),
                      .direction = direction,
                      .headline = headline,
                      .prepare = [shape = shape,
                                  device = selection.device](const Row& row) { return prepare(shape, device, row); },
                      .torch = {torch}});
    }
}

}  // namespace bench
