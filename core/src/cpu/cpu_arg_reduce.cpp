// Positions of extremes along one dimension. The first of equals wins, and the first NaN before all.
#include <limits>
#include <vector>

#include "cpu/column_blocks.h"
#include "cpu/cpu_backend.h"
#include "cpu/reduce_kernels.h"

namespace mote {

namespace {

constexpr int64_t kGroup = 65536;  // elements of a long line that are searched at once

// Whether x displaces the extreme before it.
template <bool Largest, class C>
bool wins(C x, C best) {
  return (Largest ? x > best : x < best) || (x != x && best == best);
}

template <class C>
struct Extreme {
  C value;
  int64_t position;
};

// Of n elements of T, `step` bytes apart.
template <bool Largest, class T>
Extreme<compute_t<T>> first_extreme(const char* at, int64_t step, int64_t n) {
  using C = compute_t<T>;
  const auto value = [&](int64_t i) { return static_cast<C>(*reinterpret_cast<const T*>(at + i * step)); };
  if constexpr (std::is_floating_point_v<T>) {
    if (step == static_cast<int64_t>(sizeof(T)) && n >= 64) {
      // The vector unit finds the extreme of each block; only in the best block is its position looked for.
      constexpr int64_t kBlock = 1024;
      const T* const x = reinterpret_cast<const T*>(at);
      const auto run = Largest ? cpu::reduce_kernels<T>().max : cpu::reduce_kernels<T>().min;
      int64_t block = 0;
      T best = run(x, std::min(kBlock, n));
      for (int64_t i = kBlock; i < n && best == best; i += kBlock)
        if (const T other = run(x + i, std::min(kBlock, n - i)); wins<Largest>(other, best)) {
          best = other;
          block = i;
        }
      while (x[block] != best && (best == best || x[block] == x[block])) ++block;
      return {best, block};
    }
  }
  Extreme<C> best = {value(0), 0};
  for (int64_t i = 1; i < n && best.value == best.value; ++i)
    if (const C other = value(i); wins<Largest>(other, best.value)) best = {other, i};
  return best;
}

// One long line: groups of elements in parallel, and then the first of the best.
template <bool Largest, class T>
int64_t position_in_long_line(const char* at, int64_t step, int64_t n) {
  std::vector<Extreme<compute_t<T>>> groups(static_cast<size_t>((n + kGroup - 1) / kGroup));
  cpu::parallel_for(static_cast<int64_t>(groups.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t g = begin; g < end; ++g) {
      const int64_t start = g * kGroup;
      groups[g] = first_extreme<Largest, T>(at + start * step, step, std::min(kGroup, n - start));
      groups[g].position += start;
    }
  });
  Extreme<compute_t<T>> best = groups[0];
  for (const auto& group : groups)
    if (wins<Largest>(group.value, best.value)) best = group;
  return best.position;
}

// Dense lines that lie side by side: all of them, row by row. n is at most 2^31, so that positions are as narrow as
// floats and the loop becomes vector code.
template <bool Largest, class T>
void search_lines(const char* at, int64_t step, int64_t n, int64_t lines, int32_t* positions) {
  using C = compute_t<T>;
  C best[cpu::kLinesAtOnce];
  for (int64_t i = 0; i < lines; ++i) {
    best[i] = static_cast<C>(reinterpret_cast<const T*>(at)[i]);
    positions[i] = 0;
  }
  for (int64_t j = 1; j < n; ++j) {
    const T* const row = reinterpret_cast<const T*>(at + j * step);
    for (int64_t i = 0; i < lines; ++i) {
      const C value = static_cast<C>(row[i]), old = best[i];
      const bool better = static_cast<int>(Largest ? value > old : value < old) |
                          (static_cast<int>(value != value) & static_cast<int>(old == old));
      best[i] = better ? value : old;
      positions[i] = better ? static_cast<int32_t>(j) : positions[i];
    }
  }
}

template <bool Largest, class T>
void search(const View& out, const View& in, int64_t dim) {
  const int64_t n = in.shape[dim], step = in.strides[dim] * static_cast<int64_t>(sizeof(T));
  cpu::for_lines(out, in, dim, n, [&](const auto& first, const auto& steps, int64_t lines) {
    const auto position = [&](int64_t i) { return reinterpret_cast<int64_t*>(first[0] + i * steps[0]); };
    if (lines == 1 && n > 2 * kGroup) {
      *position(0) = position_in_long_line<Largest, T>(first[1], step, n);
    } else if (lines >= 4 && steps[1] == static_cast<int64_t>(sizeof(T)) && n <= std::numeric_limits<int32_t>::max()) {
      int32_t positions[cpu::kLinesAtOnce];
      search_lines<Largest, T>(first[1], step, n, lines, positions);
      for (int64_t i = 0; i < lines; ++i) *position(i) = positions[i];
    } else {
      for (int64_t i = 0; i < lines; ++i)
        *position(i) = first_extreme<Largest, T>(first[1] + i * steps[1], step, n).position;
    }
  });
}

}  // namespace

void CpuBackend::arg_reduce(bool largest, const View& out, const View& in, int64_t dim) {
  if (out.numel() == 0) return;
  dispatch(in.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    largest ? search<true, T>(out, in, dim) : search<false, T>(out, in, dim);
  });
}

}  // namespace mote
