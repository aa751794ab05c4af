// The walk of a reduction over its input: over rows where elements that go together lie close to each other, and over
// columns where neighbours belong to different results. Large inputs of few results are cut into groups whose partial
// results join pairwise. Sizes alone decide about the cuts, so that every number of threads gives the same bits.
#pragma once

#include <algorithm>
#include <vector>

#include "cpu/blocks.h"
#include "cpu/reduce_ops.h"
#include "cpu/scratch.h"
#include "cpu/strided_loop.h"

namespace mote::cpu {

inline constexpr int64_t kGroup = 65536;  // elements of a group of rows
inline constexpr int64_t kFew = 16;       // elements that are not worth a vector kernel

// Op is one of reduce_ops.h over C, the compute type of the input; elements of the input may be narrower.
template <class Op, class C>
class Reducer {
  using Partial = typename Op::Partial;

 public:
  // Writes the result of so many elements to its place.
  using Store = void (*)(char* to, const Partial& total, int64_t count, double correction);

  Reducer(const View& out, const View& in, Store store, double correction)
      : store_(store),
        correction_(correction),
        load_(find_load(in.dtype)),
        size_(static_cast<int64_t>(size_of(in.dtype))),
        widens_(in.dtype != dtype_of<C>),
        split_(out, in),
        kept_({&split_.kept_in, &split_.kept_out}),
        gone_({&split_.gone}) {}

  void run() const {
    if (gone_.numel == 0) {
      kept_.run(0, kept_.numel, [&](const auto& at, const auto& strides, int64_t n) {
        for (int64_t i = 0; i < n; ++i) store(at[1] + i * strides[1], Op::start(), 0);
      });
    } else if (kept_.strides[0][0] == size_ && kept_.sizes[0] > 1 && gone_.strides[0][0] != size_) {
      reduce_columns();
    } else if (kept_.numel >= 64 || gone_.numel <= kGroup) {
      reduce_rows();
    } else {
      reduce_groups();
    }
  }

 private:
  // The input without the dimensions that go, out likewise, and what goes for the first result.
  struct Split {
    Split(const View& out, const View& in) : kept_out(out), kept_in(in), gone(in) {
      for (int d = 0; d < in.shape.rank(); ++d) {
        if (out.shape[d] == in.shape[d]) {
          gone.shape[d] = 1;
        } else {
          kept_in.shape[d] = 1;
        }
      }
    }
    View kept_out, kept_in, gone;
  };

  // A partial result and how many elements it stands for.
  struct Total {
    Partial value = Op::start();
    int64_t count = 0;

    void add(const Partial& part, int64_t n) {
      value = Op::join(value, count, part, n);
      count += n;
    }
  };

  void store(char* to, const Partial& total, int64_t count) const { store_(to, total, count, correction_); }

  bool is_direct(int64_t step) const { return !widens_ && step == size_; }

  // --- rows ---

  static void add_run(Total& total, const char* at, int64_t n) {
    for (int64_t i = 0; i < n; i += kRun) {
      const int64_t size = std::min(kRun, n - i);
      total.add(Op::run(reinterpret_cast<const C*>(at) + i, size), size);
    }
  }

  // Elements [begin, end) of what goes for the result whose input begins at `base`.
  Partial reduce_range(char* base, int64_t begin, int64_t end) const {
    if (gone_.rank == 1 && gone_.numel <= kFew && !widens_)
      return Op::few(reinterpret_cast<const C*>(base), gone_.strides[0][0] / size_, gone_.numel);
    Total total;
    if (gone_.rank == 1 && is_direct(gone_.strides[0][0])) {
      add_run(total, base + begin * size_, end - begin);
      return total.value;
    }
    StridedLoop<1> loop = gone_;
    loop.data[0] = base;
    if (is_direct(loop.strides[0][0]) && loop.sizes[0] >= 256) {
      loop.run(begin, end, [&](const auto& at, const auto&, int64_t n) { add_run(total, at[0], n); });
      return total.value;
    }
    // Short or strided stretches are gathered into a block first.
    C block[kRun / 4];
    for (int64_t i = begin; i < end; i += kRun / 4) {
      C* to = block;
      loop.run(i, std::min(i + kRun / 4, end), [&](const auto& at, const auto& strides, int64_t n) {
        load_(at[0], strides[0], to, n);
        to += n;
      });
      total.add(Op::run(block, to - block), to - block);
    }
    return total.value;
  }

  void reduce_rows() const {
    const int64_t grain = std::max<int64_t>(1, kGrain / gone_.numel);
    kept_.run_parallel(grain, [&](const auto& at, const auto& strides, int64_t n) {
      for (int64_t i = 0; i < n; ++i)
        store(at[1] + i * strides[1], reduce_range(at[0] + i * strides[0], 0, gone_.numel), gone_.numel);
    });
  }

  void reduce_groups() const {
    const int64_t groups = (gone_.numel + kGroup - 1) / kGroup;
    std::vector<char*> inputs, outputs;
    kept_.run(0, kept_.numel, [&](const auto& at, const auto& strides, int64_t n) {
      for (int64_t i = 0; i < n; ++i) {
        inputs.push_back(at[0] + i * strides[0]);
        outputs.push_back(at[1] + i * strides[1]);
      }
    });
    const auto results = static_cast<int64_t>(inputs.size());
    std::vector<Total> totals(static_cast<size_t>(results * groups));
    parallel_for(results * groups, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t from = i % groups * kGroup, to = std::min(gone_.numel, from + kGroup);
        totals[i].add(reduce_range(inputs[i / groups], from, to), to - from);
      }
    });
    for (int64_t r = 0; r < results; ++r) {
      Total* const of_result = totals.data() + r * groups;
      for (int64_t apart = 1; apart < groups; apart *= 2)
        for (int64_t g = 0; g + apart < groups; g += 2 * apart)
          of_result[g].add(of_result[g + apart].value, of_result[g + apart].count);
      store(outputs[r], of_result[0].value, of_result[0].count);
    }
  }

  // --- columns ---

  // Rows [begin, end) of what goes, for `columns` results next to each other.
  void reduce_block(char* base, int64_t begin, int64_t end, int64_t columns, Partial* totals) const {
    StridedLoop<1> loop = gone_;
    loop.data[0] = base;
    Partial part[kColumnsOfBlock];
    const Scratch<C> widened(widens_ ? kRowsOfBlock * columns : 0);
    int64_t count = 0;
    const auto add_rows = [&](const C* rows, int64_t step, int64_t n) {
      Op::columns(rows, step, n, columns, count == 0 ? totals : part);
      if (count > 0)
        for (int64_t j = 0; j < columns; ++j) totals[j] = Op::join(totals[j], count, part[j], n);
      count += n;
    };
    loop.run(begin, end, [&](const auto& at, const auto& strides, int64_t n) {
      for (int64_t i = 0; i < n; i += kRowsOfBlock) {
        const int64_t rows = std::min(kRowsOfBlock, n - i);
        const char* const from = at[0] + i * strides[0];
        if (!widens_) {
          add_rows(reinterpret_cast<const C*>(from), strides[0] / size_, rows);
          continue;
        }
        for (int64_t r = 0; r < rows; ++r) load_(from + r * strides[0], size_, widened.get() + r * columns, columns);
        add_rows(widened.get(), columns, rows);
      }
    });
  }

  void reduce_columns() const {
    const int64_t width = kept_.sizes[0], outer = kept_.numel / width, rows = gone_.numel;
    const int64_t blocks = (width + kColumnsOfBlock - 1) / kColumnsOfBlock;
    // Few results of many rows: groups of rows make enough parts, of about a quarter million elements each.
    const int64_t wanted = outer * width * rows / (4 * kGroup) / (outer * blocks);
    const int64_t most = (rows + kRowsOfBlock - 1) / kRowsOfBlock;
    const int64_t blocks_of_group =
        (most + std::clamp<int64_t>(wanted, 1, most) - 1) / std::clamp<int64_t>(wanted, 1, most);
    const int64_t group = blocks_of_group * kRowsOfBlock, groups = (rows + group - 1) / group;
    const Scratch<Partial> totals(groups > 1 ? outer * groups * width : 0);
    const int64_t grain = std::max<int64_t>(1, kGrain / (std::min(width, kColumnsOfBlock) * std::min(group, rows)));
    const auto start_of = [&](int64_t index) {
      std::array<char*, 2> start{};
      kept_.run(index * width, index * width + 1, [&](const auto& at, const auto&, int64_t) { start = at; });
      return start;
    };
    parallel_for(outer * groups * blocks, grain, [&](int64_t begin, int64_t end) {
      Partial block[kColumnsOfBlock];
      for (int64_t i = begin; i < end; ++i) {
        const int64_t column = i % blocks * kColumnsOfBlock, g = i / blocks % groups, o = i / blocks / groups;
        const int64_t columns = std::min(kColumnsOfBlock, width - column);
        const std::array<char*, 2> start = start_of(o);
        Partial* const to = groups > 1 ? totals.get() + (o * groups + g) * width + column : block;
        reduce_block(start[0] + column * size_, g * group, std::min(rows, (g + 1) * group), columns, to);
        if (groups == 1)
          for (int64_t j = 0; j < columns; ++j) store(start[1] + (column + j) * kept_.strides[0][1], block[j], rows);
      }
    });
    if (groups == 1) return;
    for (int64_t o = 0; o < outer; ++o)
      join_groups(totals.get() + o * groups * width, groups, group, width, start_of(o)[1]);
  }

  // Pairwise over the groups, whose totals of `width` results follow each other.
  void join_groups(Partial* totals, int64_t groups, int64_t group, int64_t width, char* to) const {
    const int64_t rows = gone_.numel;
    parallel_for(width, std::max<int64_t>(1, kGrain / groups), [&](int64_t begin, int64_t end) {
      for (int64_t apart = 1; apart < groups; apart *= 2) {
        for (int64_t g = 0; g + apart < groups; g += 2 * apart) {
          const int64_t first = apart * group, second = std::min(rows, (g + 2 * apart) * group) - (g + apart) * group;
          Partial *a = totals + g * width, *b = totals + (g + apart) * width;
          for (int64_t j = begin; j < end; ++j) a[j] = Op::join(a[j], first, b[j], second);
        }
      }
      for (int64_t j = begin; j < end; ++j) store(to + j * kept_.strides[0][1], totals[j], rows);
    });
  }

  Store store_;
  double correction_;
  Load load_;
  int64_t size_;  // of an element of the input
  bool widens_;
  Split split_;
  StridedLoop<2> kept_;  // in, out
  StridedLoop<1> gone_;
};

}  // namespace mote::cpu
