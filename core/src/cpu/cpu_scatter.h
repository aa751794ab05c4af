// The loops of scatter and index_add on the CPU; positions were checked before.
#pragma once

#include <algorithm>
#include <cstring>
#include <numeric>
#include <type_traits>

#include "cpu/scratch.h"
#include "cpu/strided_loop.h"
#include "mote/dtype.h"

namespace mote::cpu {

// Steps, in bytes, along the dimension in which positions count.
struct ScatterLine {
  int64_t count;  // of positions
  int64_t size;   // of the dimension that they point into
  int64_t out, index, source;

  int64_t target(const char* position) const {
    const int64_t i = *reinterpret_cast<const int64_t*>(position);
    return (i < 0 ? i + size : i) * out;
  }
};

// to = from, or to += from. Integers wrap around; bool adds as `or`.
template <class T, bool Add>
void put(char* to, const char* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  if constexpr (Add) {
    T old;
    std::memcpy(&old, to, sizeof(T));
    if constexpr (std::is_same_v<T, bool>)
      value = old || value;
    else if constexpr (std::is_integral_v<T>)
      value = static_cast<T>(static_cast<uint64_t>(old) + static_cast<uint64_t>(value));
    else
      value = old + value;
  }
  std::memcpy(to, &value, sizeof(T));
}

template <class T, bool Add>
void put_row(char* to, int64_t to_step, const char* from, int64_t from_step, int64_t count) {
  if (to_step == sizeof(T) && from_step == sizeof(T)) {
    for (int64_t i = 0; i < count; ++i) put<T, Add>(to + i * sizeof(T), from + i * sizeof(T));
  } else {
    for (int64_t i = 0; i < count; ++i) put<T, Add>(to + i * to_step, from + i * from_step);
  }
}

template <class T>
using Dense = std::integral_constant<int64_t, sizeof(T)>;  // the step of a dense row

// Each element of a row to the position of its own; `out_step` leads from one line to the next, `line.out` along it.
template <class T, bool Add, class IndexStep, class SourceStep>
void put_each(char* out, int64_t out_step, const char* index, IndexStep index_step, const char* source,
              SourceStep source_step, int64_t count, const ScatterLine line) {
  for (int64_t i = 0; i < count; ++i)
    put<T, Add>(out + i * out_step + line.target(index + i * index_step), source + i * source_step);
}

// The places 0 … count-1 of a line of positions, equal positions side by side and in ascending order of place.
inline ScratchVector<int64_t> group_positions(const char* index, const ScatterLine& line) {
  ScratchVector<int64_t> order(static_cast<size_t>(line.count));
  std::iota(order.begin(), order.end(), int64_t{0});
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return line.target(index + a * line.index) < line.target(index + b * line.index);
  });
  return order;
}

// Sums of a 16-bit type in float32, rounded once: all that goes to one element is added up before it is written.
template <class T>
void add_groups(char* out, int64_t out_step, const char* index, const char* source, int64_t source_step, int64_t count,
                const ScatterLine& line, const ScratchVector<int64_t>& order) {
  ScratchVector<float> sums(static_cast<size_t>(count));
  for (size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    const int64_t target = line.target(index + order[begin] * line.index);
    for (int64_t j = 0; j < count; ++j)
      sums[j] = static_cast<float>(*reinterpret_cast<const T*>(out + target + j * out_step));
    for (; end < order.size() && line.target(index + order[end] * line.index) == target; ++end)
      for (int64_t j = 0; j < count; ++j)
        sums[j] += static_cast<float>(*reinterpret_cast<const T*>(source + order[end] * line.source + j * source_step));
    for (int64_t j = 0; j < count; ++j) *reinterpret_cast<T*>(out + target + j * out_step) = T(sums[j]);
  }
}

template <class T, bool Add>
void scatter_loop(const StridedLoop<3>& loop, const ScatterLine& line, bool one_list) {
  constexpr bool rounds = Add && (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>);
  ScratchVector<int64_t> list;  // the order of the only list of positions
  if (rounds && one_list) list = group_positions(loop.data[1], line);
  const int64_t grain = std::max<int64_t>(kFunctionGrain / std::max<int64_t>(line.count, 1), 1);
  loop.run_parallel(grain, [&](const auto& at, const auto& steps, int64_t count) {
    const auto [out, index, source] = at;
    if constexpr (rounds) {
      if (one_list) return add_groups<T>(out, steps[0], index, source, steps[2], count, line, list);
      for (int64_t j = 0; j < count; ++j)
        add_groups<T>(out + j * steps[0], 0, index + j * steps[1], source + j * steps[2], 0, 1, line,
                      group_positions(index + j * steps[1], line));
    } else if (steps[1] == 0) {
      for (int64_t k = 0; k < line.count; ++k)
        put_row<T, Add>(out + line.target(index + k * line.index), steps[0], source + k * line.source, steps[2], count);
    } else if (line.source >= steps[2]) {
      for (int64_t k = 0; k < line.count; ++k)
        put_each<T, Add>(out, steps[0], index + k * line.index, steps[1], source + k * line.source, steps[2], count,
                         line);
    } else if (line.source == sizeof(T) && line.index == sizeof(int64_t)) {
      for (int64_t j = 0; j < count; ++j)
        put_each<T, Add>(out + j * steps[0], 0, index + j * steps[1], Dense<int64_t>(), source + j * steps[2],
                         Dense<T>(), line.count, line);
    } else {
      for (int64_t j = 0; j < count; ++j)
        put_each<T, Add>(out + j * steps[0], 0, index + j * steps[1], line.index, source + j * steps[2], line.source,
                         line.count, line);
    }
  });
}

// out along `dim` at index = (or +=) source, of which index has the shape.
template <class T>
void scatter(const View& out, int64_t dim, const View& index, const View& source, bool add) {
  const auto element = static_cast<int64_t>(sizeof(T));
  const ScatterLine line{index.shape[dim], out.shape[dim], out.strides[dim] * element,
                         index.strides[dim] * static_cast<int64_t>(sizeof(int64_t)), source.strides[dim] * element};
  View others[3] = {out, index, source};
  bool one_list = true;
  for (View& view : others) {
    view.shape = index.shape;
    view.shape.erase(dim);
    view.strides.erase(dim);
  }
  for (int i = 0; i < others[1].shape.rank(); ++i) one_list &= others[1].shape[i] == 1 || others[1].strides[i] == 0;
  const StridedLoop<3> loop({&others[0], &others[1], &others[2]});
  if (add)
    scatter_loop<T, true>(loop, line, one_list);
  else
    scatter_loop<T, false>(loop, line, one_list);
}

}  // namespace mote::cpu
