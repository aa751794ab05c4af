// Walks one array in row-major order of its positions, whatever its strides, and tells each position.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "mote/backend.h"

namespace mote::cpu {

// Calls visit(row, step, position, count) for the elements [begin, end) in row-major order, a stretch of the last
// dimension at a time: `count` elements that lie `step` bytes apart, the first of them at `position`.
template <class Visit>
void for_each_row(const View& view, int64_t begin, int64_t end, const Visit& visit) {
  if (begin >= end) return;
  const int last = view.shape.rank() - 1;
  const auto element_size = static_cast<int64_t>(size_of(view.dtype));
  std::array<int64_t, kMaxRank> position{};
  if (last < 0) return visit(view.as<const char>(), element_size, position.data(), int64_t{1});
  const int64_t step = view.strides[last] * element_size;
  while (begin < end) {
    const char* row = view.as<const char>();
    int64_t rest = begin;
    for (int d = last; d >= 0; --d) {
      position[d] = rest % view.shape[d];
      rest /= view.shape[d];
      row += position[d] * view.strides[d] * element_size;
    }
    const int64_t count = std::min(view.shape[last] - position[last], end - begin);
    visit(row, step, position.data(), count);
    begin += count;
  }
}

}  // namespace mote::cpu
