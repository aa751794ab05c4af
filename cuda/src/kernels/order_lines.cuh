// What sort and topk share: lines along the last dimension, and the keys of their values.
#pragma once

#include "kernels/pointwise.cuh"
#include "kernels/radix_sort.h"
#include "mote/sort_key.h"

namespace mote::cuda {

inline constexpr int kMostShared = 2048;  // values of a line that are sorted in shared memory

// Lines of the values, the indices and the input. Trivially copyable: a kernel takes it by value.
struct OrderedLines {
  StridedIndex<3> lines;
  int64_t value_step, index_step, in_step;  // along a line, in bytes
  int64_t length, kept;                     // of the input, of the results
  char* values;
  char* indices;
  const char* in;

  struct Line {
    char* values;
    char* indices;
    const char* in;
  };
  MOTE_HD Line line(uint32_t number) const {
    const auto [at] = lines.offsets(number);
    return {values + at[0], indices + at[1], in + at[2]};
  }
  template <class T>
  MOTE_HD T value(const Line& line, int64_t i) const {
    return *reinterpret_cast<const T*>(line.in + i * in_step);
  }
  // The k-th result is value `from` of the line.
  template <class T>
  MOTE_HD void write(const Line& line, int64_t k, uint32_t from) const {
    *reinterpret_cast<T*>(line.values + k * value_step) = value<T>(line, from);
    *reinterpret_cast<int64_t*>(line.indices + k * index_step) = from;
  }
};

// What is xored to a key for descending order.
template <class T>
sort_key_t<T> key_flip(bool descending) {
  constexpr uint64_t ones = ~uint64_t{0} >> (64 - kSortKeyBits<T>);
  return static_cast<sort_key_t<T>>(descending ? ones : 0);
}

// Calls body(lines, how many) for parts of fewer than 2^31 lines.
template <class Body>
void for_lines(const View& values, const View& indices, const View& in, const Body& body) {
  std::array<View, 3> views = {values, indices, in};
  for (View& view : views) {
    view.shape.erase(view.shape.rank() - 1);
    view.strides.erase(view.strides.rank() - 1);
  }
  const auto step = [](const View& view) { return view.strides.back() * static_cast<int64_t>(size_of(view.dtype)); };
  StridedParts<3>(views, Order::RowMajor)
      .for_each([&](const std::array<View, 3>& part, const StridedIndex<3>& index, uint32_t count, int64_t) {
        body(OrderedLines{index, step(values), step(indices), step(in), in.shape.back(), values.shape.back(),
                          part[0].as<char>(), part[1].as<char>(), part[2].as<const char>()},
             count);
      });
}

// Sorts whole lines and writes as many values of each as the results have room for.
void sort_lines(const char* op, const View& values, const View& indices, const View& in, bool descending);

// Throws ShapeError for a line whose positions do not fit into 32 bits.
void check_line_length(const char* op, int64_t length);

}  // namespace mote::cuda
