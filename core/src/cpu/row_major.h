// Walks one array in row-major order of its positions, whatever its strides, and tells each position.
#pragma once

#include <array>
#include <cstddef>

#include "mote/backend.h"

namespace mote::cpu {

// Calls visit(element, position) for the elements [begin, end) in row-major order.
template <class Visit>
void for_each_in_order(const View& view, int64_t begin, int64_t end, const Visit& visit) {
  if (begin >= end) return;
  const int rank = view.shape.rank();
  const auto element_size = static_cast<int64_t>(size_of(view.dtype));
  std::array<int64_t, kMaxRank> position{};
  const char* at = view.as<const char>();
  int64_t rest = begin;
  for (int d = rank - 1; d >= 0; --d) {
    position[d] = rest % view.shape[d];
    rest /= view.shape[d];
    at += position[d] * view.strides[d] * element_size;
  }
  for (int64_t i = begin; i < end; ++i) {
    visit(at, position.data());
    for (int d = rank - 1; d >= 0; --d) {
      at += view.strides[d] * element_size;
      if (++position[d] < view.shape[d]) break;
      at -= view.shape[d] * view.strides[d] * element_size;
      position[d] = 0;
    }
  }
}

}  // namespace mote::cpu
