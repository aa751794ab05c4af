// How a kernel finds element i of several arrays of one shape and any strides. Dimensions are merged where they can be;
// positions are 32-bit, and divisions by sizes are multiplications.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "mote/backend.h"
#include "mote/host_device.h"

namespace mote::cuda {

// Division by a constant known at run time, for dividends below 2^31 (Granlund and Montgomery 1994).
struct Divider {
  uint32_t divisor = 1, factor = 1, shift = 0;

  Divider() = default;
  explicit Divider(uint32_t d) : divisor(d), shift(d > 1 ? 32u - static_cast<uint32_t>(std::countl_zero(d - 1)) : 0) {
    factor = static_cast<uint32_t>(((uint64_t{1} << 32) * ((uint64_t{1} << shift) - d)) / d + 1);
  }
  MOTE_HD uint32_t quotient(uint32_t n) const {
    const auto high = static_cast<uint32_t>((uint64_t{n} * factor) >> 32);
    return (high + n) >> shift;
  }
};

inline constexpr int64_t kMaxPositions = int64_t{1} << 31;

// Byte offsets of N arrays at a position. Trivially copyable: a kernel takes it by value.
template <int N>
struct StridedIndex {
  int rank = 0;
  Divider sizes[kMaxRank];            // innermost first
  int64_t strides[kMaxRank][N] = {};  // in bytes

  struct Offsets {
    int64_t at[N];
  };

  MOTE_HD Offsets offsets(uint32_t position) const {
    Offsets result{};
    for (int d = 0; d < rank; ++d) {
      const uint32_t rest = sizes[d].quotient(position);
      const int64_t index = position - rest * sizes[d].divisor;
      for (int k = 0; k < N; ++k) result.at[k] += index * strides[d][k];
      position = rest;
    }
    return result;
  }
};

// Memory: positions follow the first array's strides, for operations that do not ask where an element stands.
// RowMajor: position i of a part is element first + i in row-major order.
enum class Order { Memory, RowMajor };

// The views of one operation, cut so that each part has fewer than 2^31 positions.
template <int N>
class StridedParts {
 public:
  using Views = std::array<View, N>;

  explicit StridedParts(const Views& views, Order order = Order::Memory) : views_(views), order_(order) {}

  // Calls body(views of the part, index, positions, first).
  template <class Body>
  void for_each(const Body& body) const {
    cut(views_, 0, body);
  }

 private:
  template <class Body>
  void cut(const Views& views, int64_t first, const Body& body) const {
    const int64_t numel = views[0].numel();
    if (numel == 0) return;
    if (numel < kMaxPositions) return body(views, index_of(views), static_cast<uint32_t>(numel), first);
    const Shape& shape = views[0].shape;
    int dim = 0;  // the outermost that can be cut: parts stay stretches of the row-major order
    while (shape[dim] == 1) ++dim;
    const int64_t half = shape[dim] / 2;
    cut(part(views, dim, 0, half), first, body);
    cut(part(views, dim, half, shape[dim] - half), first + numel / shape[dim] * half, body);
  }

  static Views part(Views views, int64_t dim, int64_t begin, int64_t size) {
    for (View& view : views) {
      view.data = view.as<char>() + begin * view.strides[dim] * static_cast<int64_t>(size_of(view.dtype));
      view.shape[dim] = size;
    }
    return views;
  }

  StridedIndex<N> index_of(const Views& views) const {
    const Shape& shape = views[0].shape;
    int order[kMaxRank], kept = 0;
    for (int d = shape.rank() - 1; d >= 0; --d)
      if (shape[d] != 1) order[kept++] = d;
    if (order_ == Order::Memory)
      std::stable_sort(order, order + kept, [&](int a, int b) { return views[0].strides[a] < views[0].strides[b]; });
    StridedIndex<N> index;
    uint32_t sizes[kMaxRank] = {};
    for (int i = 0; i < kept; ++i) append(views, order[i], index, sizes);
    for (int d = 0; d < index.rank; ++d) index.sizes[d] = Divider(sizes[d]);
    return index;
  }

  static void append(const Views& views, int dim, StridedIndex<N>& index, uint32_t* sizes) {
    int64_t steps[N];
    bool merges = index.rank > 0;
    const int last = index.rank - 1;
    for (size_t k = 0; k < N; ++k) {
      steps[k] = views[k].strides[dim] * static_cast<int64_t>(size_of(views[k].dtype));
      merges = merges && steps[k] == index.strides[last][k] * sizes[last];
    }
    const auto size = static_cast<uint32_t>(views[0].shape[dim]);
    if (merges) {
      sizes[last] *= size;
      return;
    }
    sizes[index.rank] = size;
    std::copy(steps, steps + N, index.strides[index.rank]);
    ++index.rank;
  }

  Views views_;
  Order order_;
};

}  // namespace mote::cuda
