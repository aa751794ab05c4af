// Walks several arrays of one shape but of any strides, row by row. Dimensions are ordered by the first array's strides
// and merged where they can be, so that dense arrays of any rank become one long row.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "cpu/parallel.h"
#include "mote/backend.h"

namespace mote::cpu {

template <size_t N>
struct StridedLoop {
  int rank = 0;
  int64_t numel = 1;
  std::array<char*, N> data;
  std::array<int64_t, kMaxRank> sizes;                   // innermost first
  std::array<std::array<int64_t, N>, kMaxRank> strides;  // in bytes, innermost first

  // The arrays must have one shape.
  explicit StridedLoop(const std::array<const View*, N>& views) {
    const Shape& shape = views[0]->shape;
    for (size_t k = 0; k < N; ++k) data[k] = static_cast<char*>(views[k]->data);
    std::array<int, kMaxRank> order;
    int kept = 0;
    for (int d = shape.rank() - 1; d >= 0; --d) {
      numel *= shape[d];
      if (shape[d] != 1) order[kept++] = d;
    }
    std::stable_sort(order.begin(), order.begin() + kept,
                     [&](int a, int b) { return views[0]->strides[a] < views[0]->strides[b]; });
    for (int i = 0; i < kept; ++i) append(views, order[i]);
    if (rank == 0) {  // a single element
      rank = 1;
      sizes[0] = 1;
      strides[0] = {};
    }
  }

  // Calls row(data, strides, count) for stretches of the innermost dimension within elements [begin, end).
  template <class Row>
  void run(int64_t begin, int64_t end, const Row& row) const {
    std::array<int64_t, kMaxRank> index{};
    std::array<char*, N> at = data;
    int64_t rest = begin;
    for (int d = 0; d < rank; ++d) {
      index[d] = rest % sizes[d];
      rest /= sizes[d];
      for (size_t k = 0; k < N; ++k) at[k] += index[d] * strides[d][k];
    }
    while (begin < end) {
      const int64_t count = std::min(sizes[0] - index[0], end - begin);
      row(at, strides[0], count);
      begin += count;
      for (size_t k = 0; k < N; ++k) at[k] -= index[0] * strides[0][k];
      index[0] = 0;
      for (int d = 1; d < rank; ++d) {
        for (size_t k = 0; k < N; ++k) at[k] += strides[d][k];
        if (++index[d] < sizes[d]) break;
        for (size_t k = 0; k < N; ++k) at[k] -= sizes[d] * strides[d][k];
        index[d] = 0;
      }
    }
  }

  // The whole, on as many threads as `grain` allows.
  template <class Row>
  void run_parallel(int64_t grain, const Row& row) const {
    parallel_for(numel, grain, [&](int64_t begin, int64_t end) { run(begin, end, row); });
  }

 private:
  void append(const std::array<const View*, N>& views, int d) {
    const int64_t size = views[0]->shape[d];
    std::array<int64_t, N> steps;
    for (size_t k = 0; k < N; ++k) steps[k] = views[k]->strides[d] * static_cast<int64_t>(size_of(views[k]->dtype));
    if (rank > 0) {
      bool merges = true;
      for (size_t k = 0; k < N; ++k) merges &= steps[k] == strides[rank - 1][k] * sizes[rank - 1];
      if (merges) {
        sizes[rank - 1] *= size;
        return;
      }
    }
    sizes[rank] = size;
    strides[rank] = steps;
    ++rank;
  }
};

// A view with one dimension cut down to its first element: where the lines along it start.
inline View starts_along(View view, int64_t dim) {
  view.shape[dim] = 1;
  return view;
}

inline View starts_of_rows(const View& view) { return starts_along(view, view.shape.rank() - 1); }

}  // namespace mote::cpu
