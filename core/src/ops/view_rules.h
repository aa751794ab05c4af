// What the gradient rules of views share.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "ops/support.h"

namespace mote {

// start:end:step of Python within a dimension of `size`: bounds count from the end where negative, and are clamped.
struct Range {
  int64_t start = 0;
  int64_t end = 0;
  int64_t step = 1;
  int64_t count = 0;  // how many positions it has
};

inline Range clamp_range(const char* op, std::optional<int64_t> start, std::optional<int64_t> end, int64_t step,
                         int64_t size) {
  if (step < 1) throw ValueError(fmt::format("{}: expected a step of at least 1, but got {}", op, step));
  const auto clamped = [size](int64_t bound) { return std::clamp<int64_t>(bound < 0 ? bound + size : bound, 0, size); };
  Range range{clamped(start.value_or(0)), clamped(end.value_or(size)), step, 0};
  range.end = std::max(range.start, range.end);
  range.count = range.end == range.start ? 0 : 1 + (range.end - range.start - 1) / step;
  return range;
}

// The strides with which the memory of x reads as `shape`, if there are any.
std::optional<Shape> view_strides(const TensorImpl& x, const Shape& shape);

// Zeros of `shape` with g in the place of the view that `take` gives of them: the gradient of that view. `take` is also
// the rule for the gradient of g.
template <class Take>
Tensor put_back(const char* name, const Tensor& g, const Shape& shape, const Take& take) {
  Tensor whole = make_result(name, shape, g.dtype(), g.device());
  backend_of(g).fill(view_of(whole), 0);
  {
    const NoGradGuard no_grad;
    backend_of(g).copy(view_of(take(whole)), view_of(g));
  }
  if (needs_grad(g)) record(name, whole, {&g}, take);
  return whole;
}

}  // namespace mote
