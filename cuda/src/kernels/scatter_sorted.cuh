// The kernels for targets that were sorted, stably: equal ones lie side by side, in ascending order of the index.
//   put     the last of each group is written
//   add     a thread adds up a span of 32 sorted values, so that a group of many keeps many threads busy. A group that
//           lies in one span is added to its element at once; of one that goes on, each span leaves its part in scratch
//           memory, and the parts are added up in order by a second kernel. Spans begin at multiples of 32 whatever the
//           grid, so the result is always the same.
// Bytes: source once, the rows of out that are met twice (once without add), 12 for each value's target and place.
#pragma once

#include "kernels/scatter.cuh"

namespace mote::cuda {

inline constexpr uint32_t kSpan = 32;

// Sorted targets, and where each came from.
struct SortedTargets {
  const uint64_t* targets;
  const uint32_t* places;
  uint32_t count;
  Refusal refusal;

  MOTE_HD uint32_t spans() const { return (count + kSpan - 1) / kSpan; }
  // One past the last value of a span.
  __device__ uint32_t end_of(uint32_t span) const { return count - span * kSpan < kSpan ? count : (span + 1) * kSpan; }
  // Whether i is the first, or the last, of its group.
  __device__ bool begins(uint32_t i) const { return i == 0 || targets[i - 1] != targets[i]; }
  __device__ bool ends(uint32_t i) const { return i + 1 == count || targets[i + 1] != targets[i]; }
};

// One list of positions for many lines: a target is a row of out, a place a row of source; V neighbours of a row go to
// one thread.
template <class T, int V>
struct ListRows {
  StridedIndex<2> row;
  int64_t out_step, source_step;
  char* out;
  const char* source;

  struct Column {
    char* out;
    const char* source;
    int64_t out_step, source_step;
    __device__ Pack<T, V>& to(uint64_t target) const {
      return element_at<Pack<T, V>>(out, static_cast<int64_t>(target) * out_step);
    }
    __device__ const Pack<T, V>& value(uint32_t place) const {
      return element_at<Pack<T, V>>(source, int64_t{place} * source_step);
    }
  };
  __device__ Column column(uint32_t number) const {
    const auto [at] = row.offsets(number);
    return {out + at[0], source + at[1], out_step, source_step};
  }
};

// Lines with positions of their own: a target is line number * line.size + position, a place line number * line.count +
// where the value stands in its line.
template <class T>
struct FlatLines {
  StridedIndex<3> lines;
  ScatterLine line;
  char* out;
  const char* source;

  __device__ Pack<T, 1>& to(uint64_t target) const {
    const auto size = static_cast<uint64_t>(line.size);
    const auto [at] = lines.offsets(static_cast<uint32_t>(target / size));
    return element_at<Pack<T, 1>>(out, at[0] + static_cast<int64_t>(target % size) * line.out);
  }
  __device__ const Pack<T, 1>& value(uint32_t place) const {
    const auto length = static_cast<uint32_t>(line.count);
    const auto [at] = lines.offsets(place / length);
    return element_at<Pack<T, 1>>(source, at[2] + int64_t{place % length} * line.source);
  }
  __device__ const FlatLines& column(uint32_t) const { return *this; }
};

// blockDim.x goes along the columns, blockDim.y over the sorted values, or their spans.
template <class T, int V, class Rows>
__global__ void put_sorted(SortedTargets sorted, Rows rows, uint32_t width) {
  const uint32_t number = blockIdx.x * blockDim.x + threadIdx.x;
  if (number >= width || sorted.refusal.holds()) return;
  const auto& column = rows.column(number);
  const uint32_t step = gridDim.y * blockDim.y;
  for (uint32_t i = blockIdx.y * blockDim.y + threadIdx.y; i < sorted.count; i += step)
    if (sorted.ends(i)) column.to(sorted.targets[i]) = column.value(sorted.places[i]);
}

// Sums of V neighbours.
template <class T, class Op, int V>
struct Sums {
  using Sum = typename Op::Sum;
  Pack<Sum, V> sum;

  __device__ void begin(const Pack<T, V>& old) {
#pragma unroll
    for (int v = 0; v < V; ++v) sum.value[v] = cast_to<Sum>(old.value[v]);
  }
  __device__ void begin_empty() {
#pragma unroll
    for (int v = 0; v < V; ++v) sum.value[v] = Sum(0);
  }
  __device__ void add(const Pack<T, V>& value) {
#pragma unroll
    for (int v = 0; v < V; ++v) sum.value[v] = Op::add(sum.value[v], value.value[v]);
  }
  __device__ void add_part(const Pack<Sum, V>& part) {
#pragma unroll
    for (int v = 0; v < V; ++v) sum.value[v] = Add<Sum>::add(sum.value[v], part.value[v]);
  }
  __device__ void finish(Pack<T, V>& to) const {
    Pack<T, V> result;
#pragma unroll
    for (int v = 0; v < V; ++v) result.value[v] = cast_to<T>(sum.value[v]);
    to = result;
  }
};

// heads[span][column] is the part of a group that began before the span, tails[span][column] that of one that goes on
// after it, with what was in out.
template <class T, class Op, int V, class Column>
__device__ void add_span(const SortedTargets& sorted, uint32_t span, const Column& column,
                         Pack<typename Op::Sum, V>& head, Pack<typename Op::Sum, V>& tail) {
  const uint32_t first = span * kSpan, end = sorted.end_of(span);
  uint64_t target = sorted.targets[first];
  bool is_head = !sorted.begins(first);
  Sums<T, Op, V> sums;
  if (is_head)
    sums.begin_empty();
  else
    sums.begin(column.to(target));
  for (uint32_t i = first; i < end; i += kLoadsInFlight) {
    Pack<T, V> value[kLoadsInFlight] = {};
    uint64_t targets[kLoadsInFlight] = {};
#pragma unroll
    for (int u = 0; u < kLoadsInFlight; ++u) {
      if (i + u >= end) break;
      targets[u] = sorted.targets[i + u];
      value[u] = column.value(sorted.places[i + u]);
    }
#pragma unroll
    for (int u = 0; u < kLoadsInFlight; ++u) {
      if (i + u >= end) break;
      if (targets[u] != target) {
        if (is_head)
          head = sums.sum;
        else
          sums.finish(column.to(target));
        is_head = false;
        target = targets[u];
        sums.begin(column.to(target));
      }
      sums.add(value[u]);
    }
  }
  if (is_head)
    head = sums.sum;
  else if (sorted.ends(end - 1))
    sums.finish(column.to(target));
  else
    tail = sums.sum;
}

template <class T, class Op, int V, class Rows>
__global__ void add_spans(SortedTargets sorted, Rows rows, uint32_t width, Pack<typename Op::Sum, V>* heads,
                          Pack<typename Op::Sum, V>* tails) {
  const uint32_t number = blockIdx.x * blockDim.x + threadIdx.x;
  if (number >= width || sorted.refusal.holds()) return;
  const auto& column = rows.column(number);
  const uint32_t step = gridDim.y * blockDim.y, spans = sorted.spans();
  for (uint32_t span = blockIdx.y * blockDim.y + threadIdx.y; span < spans; span += step) {
    const int64_t part = int64_t{span} * width + number;
    add_span<T, Op, V>(sorted, span, column, heads[part], tails[part]);
  }
}

// Adds up the parts of each group that goes on after the span in which it began.
template <class T, class Op, int V, class Rows>
__global__ void join_spans(SortedTargets sorted, Rows rows, uint32_t width, const Pack<typename Op::Sum, V>* heads,
                           const Pack<typename Op::Sum, V>* tails) {
  const uint32_t number = blockIdx.x * blockDim.x + threadIdx.x;
  if (number >= width || sorted.refusal.holds()) return;
  const auto& column = rows.column(number);
  const uint32_t step = gridDim.y * blockDim.y, spans = sorted.spans();
  for (uint32_t span = blockIdx.y * blockDim.y + threadIdx.y; span < spans; span += step) {
    const uint32_t first = span * kSpan, last = sorted.end_of(span) - 1;
    const uint64_t target = sorted.targets[last];
    const bool began_here = sorted.targets[first] != target || sorted.begins(first);
    if (!began_here || sorted.ends(last)) continue;
    Sums<T, Op, V> sums;
    sums.sum = tails[int64_t{span} * width + number];
    for (uint32_t next = span + 1; next < spans && sorted.targets[next * kSpan] == target; ++next)
      sums.add_part(heads[int64_t{next} * width + number]);
    sums.finish(column.to(target));
  }
}

}  // namespace mote::cuda
