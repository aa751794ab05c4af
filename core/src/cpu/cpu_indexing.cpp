// Reading and writing by position. One loop serves all: an index tensor is seen in the shape of the values, with a step
// of 0 where it does not vary, so that index_select is a gather and index_add a scatter.
//
// Writes may meet in one element only where they differ in nothing but their place along `dim`. Threads therefore share
// out the other dimensions, and each goes through `dim` in ascending order.
#include <atomic>
#include <cstring>
#include <vector>

#include "cpu/cpu_backend.h"
#include "cpu/cpu_scatter.h"
#include "cpu/row_major.h"
#include "cpu/strided_loop.h"

namespace mote {

namespace {

// `view` with `dim` of size `size` and step `stride`.
View with_dim(const View& view, int64_t dim, int64_t size, int64_t stride) {
  View result = view;
  result.shape[dim] = size;
  result.strides[dim] = stride;
  return result;
}

// A list of positions in the shape of `values`.
View broadcast_list(const View& index, const View& values, int64_t dim) {
  View result{index.data, index.dtype, values.shape, Shape::filled(values.shape.rank(), 0)};
  result.strides[dim] = index.strides[0];
  return result;
}

// Throws for the first of `index` in row-major order that lies outside, if there is one.
void check_positions(const View& index, int64_t dim, int64_t size, bool wraps) {
  if (index.numel() == 0) return;
  const auto lowest = static_cast<uint64_t>(wraps ? -size : 0);
  const auto range = static_cast<uint64_t>(wraps ? 2 * size : size);
  const cpu::StridedLoop<1> loop({&index});
  bool valid = true;
  loop.run(0, loop.numel, [&](const auto& at, const auto& strides, int64_t count) {
    bool row_valid = true;
    for (int64_t i = 0; i < count; ++i)
      row_valid &= static_cast<uint64_t>(*reinterpret_cast<const int64_t*>(at[0] + i * strides[0])) - lowest < range;
    valid &= row_valid;
  });
  if (valid) return;
  cpu::for_each_row(index, 0, index.numel(), [&](const char* row, int64_t step, const int64_t*, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      const int64_t position = *reinterpret_cast<const int64_t*>(row + i * step);
      if (static_cast<uint64_t>(position) - lowest >= range) throw_out_of_range(position, dim, size);
    }
  });
}

// One row of gather; steps in bytes, passed by value so that no store can make the loop read them again, and as
// constants for dense rows. False where a position lies outside.
template <class Word, class Step, class PositionStep>
bool gather_row(char* to, Step to_step, const char* positions, PositionStep position_step, const char* from,
                int64_t from_step, int64_t size, int64_t stride, bool wraps, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    int64_t position = *reinterpret_cast<const int64_t*>(positions + i * position_step);
    if (wraps && position < 0) position += size;
    if (static_cast<uint64_t>(position) >= static_cast<uint64_t>(size)) return false;
    std::memcpy(to + i * to_step, from + i * from_step + position * stride, sizeof(Word));
  }
  return true;
}

template <class Word>
void gather_words(const View& out, const View& in, int64_t dim, const View& index, bool wraps) {
  const int64_t size = in.shape[dim], stride = in.strides[dim] * static_cast<int64_t>(sizeof(Word));
  const View source = with_dim(in, dim, out.shape[dim], 0);
  const cpu::StridedLoop<3> loop({&out, &index, &source});
  loop.run_parallel(cpu::kFunctionGrain, [&](const auto& at, const auto& steps, int64_t count) {
    const auto [to, positions, from] = at;
    bool valid = true;
    if (steps[1] == 0 && steps[0] == sizeof(Word) && steps[2] == sizeof(Word)) {
      const int64_t position = *reinterpret_cast<const int64_t*>(positions);
      const int64_t row = wraps && position < 0 ? position + size : position;
      valid = static_cast<uint64_t>(row) < static_cast<uint64_t>(size);
      if (valid) std::memcpy(to, from + row * stride, static_cast<size_t>(count) * sizeof(Word));
    } else if (steps[0] == sizeof(Word) && steps[1] == sizeof(int64_t)) {
      valid = gather_row<Word>(to, cpu::Dense<Word>(), positions, cpu::Dense<int64_t>(), from, steps[2], size, stride,
                               wraps, count);
    } else {
      valid = gather_row<Word>(to, steps[0], positions, steps[1], from, steps[2], size, stride, wraps, count);
    }
    if (!valid) check_positions(index, dim, size, wraps);  // throws for the first one, whichever thread is here
  });
}

void gather_by_size(const View& out, const View& in, int64_t dim, const View& index, bool wraps) {
  if (out.numel() == 0) return;
  switch (size_of(out.dtype)) {
    case 1:
      return gather_words<uint8_t>(out, in, dim, index, wraps);
    case 2:
      return gather_words<uint16_t>(out, in, dim, index, wraps);
    case 4:
      return gather_words<uint32_t>(out, in, dim, index, wraps);
    default:
      return gather_words<uint64_t>(out, in, dim, index, wraps);
  }
}

void scatter_by_type(const View& out, int64_t dim, const View& index, const View& source, bool add, bool wraps) {
  check_positions(index, dim, out.shape[dim], wraps);
  if (source.numel() == 0) return;
  if (add)
    return dispatch(out.dtype, [&](auto* tag) {
      cpu::scatter<std::remove_pointer_t<decltype(tag)>>(out, dim, index, source, true);
    });
  switch (size_of(out.dtype)) {
    case 1:
      return cpu::scatter<uint8_t>(out, dim, index, source, false);
    case 2:
      return cpu::scatter<uint16_t>(out, dim, index, source, false);
    case 4:
      return cpu::scatter<uint32_t>(out, dim, index, source, false);
    default:
      return cpu::scatter<uint64_t>(out, dim, index, source, false);
  }
}

}  // namespace

void CpuBackend::gather(const View& out, const View& in, int64_t dim, const View& index) {
  gather_by_size(out, in, dim, index, false);
}

void CpuBackend::scatter(const View& out, int64_t dim, const View& index, const View& source, bool add) {
  scatter_by_type(out, dim, index, source, add, false);
}

void CpuBackend::index_select(const View& out, const View& in, int64_t dim, const View& index) {
  check_positions(index, dim, in.shape[dim], true);
  gather_by_size(out, in, dim, broadcast_list(index, out, dim), true);
}

void CpuBackend::index_add(const View& out, int64_t dim, const View& index, const View& source, bool add) {
  check_positions(index, dim, out.shape[dim], true);
  scatter_by_type(out, dim, broadcast_list(index, source, dim), source, add, true);
}

void CpuBackend::index_positions(const View& out, std::span<const View> indices, const Shape& dims, const Shape& sizes,
                                 const Shape& strides) {
  for (size_t k = 0; k < indices.size(); ++k)
    check_positions(indices[k], dims[static_cast<int64_t>(k)], sizes[static_cast<int64_t>(k)], true);
  for (size_t k = 0; k < indices.size(); ++k) {
    const int64_t size = sizes[static_cast<int64_t>(k)], stride = strides[static_cast<int64_t>(k)];
    const cpu::StridedLoop<2> loop({&out, &indices[k]});
    loop.run_parallel(cpu::kFunctionGrain, [&](const auto& at, const auto& steps, int64_t count) {
      for (int64_t i = 0; i < count; ++i) {
        const int64_t position = *reinterpret_cast<const int64_t*>(at[1] + i * steps[1]);
        int64_t& merged = *reinterpret_cast<int64_t*>(at[0] + i * steps[0]);
        merged = (k == 0 ? 0 : merged) + (position < 0 ? position + size : position) * stride;
      }
    });
  }
}

// --- what is not zero ------------------------------------------------------------------------------------------------

namespace {

template <class T>
int64_t count_row(const char* row, int64_t step, int64_t count) {
  int64_t found = 0;
  for (int64_t i = 0; i < count; ++i) found += cast_to<bool>(*reinterpret_cast<const T*>(row + i * step)) ? 1 : 0;
  return found;
}

// Writes the positions of what is not zero in one row, whose first element lies at `position`, to the rows [to, end) of
// the result; gives the next free one. What is zero is written as well, and overwritten by the next: no branch depends
// on the data.
template <class T>
int64_t* list_row(const char* row, int64_t step, const int64_t* position, int64_t count, int rank, int64_t* to,
                  const int64_t* end) {
  for (int64_t i = 0; i < count && to != end; ++i) {
    for (int d = 0; d + 1 < rank; ++d) to[d] = position[d];
    to[rank - 1] = position[rank - 1] + i;
    to += cast_to<bool>(*reinterpret_cast<const T*>(row + i * step)) ? rank : 0;
  }
  return to;
}

}  // namespace

int64_t CpuBackend::count_nonzero(const View& in) {
  std::atomic<int64_t> total{0};
  const cpu::StridedLoop<1> loop({&in});
  dispatch(in.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    loop.run_parallel(cpu::kFunctionGrain, [&](const auto& at, const auto& steps, int64_t count) {
      total.fetch_add(count_row<T>(at[0], steps[0], count), std::memory_order_relaxed);
    });
  });
  return total.load();
}

// Stretches of one length are counted first; then each knows where its own positions begin.
void CpuBackend::nonzero(const View& out, const View& in) {
  const int64_t numel = in.numel(), parts = (numel + cpu::kGrain - 1) / cpu::kGrain;
  const int rank = in.shape.rank();
  if (out.numel() == 0) return;
  std::vector<int64_t> starts(static_cast<size_t>(parts + 1), 0);
  const auto for_each_part = [&](const auto& body) {
    cpu::parallel_for(parts, 1, [&](int64_t begin, int64_t end) {
      for (int64_t part = begin; part < end; ++part)
        body(static_cast<size_t>(part), part * cpu::kGrain, std::min(numel, (part + 1) * cpu::kGrain));
    });
  };
  dispatch(in.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    for_each_part([&](size_t part, int64_t begin, int64_t end) {
      cpu::for_each_row(in, begin, end, [&](const char* row, int64_t step, const int64_t*, int64_t count) {
        starts[part + 1] += count_row<T>(row, step, count);
      });
    });
    std::partial_sum(starts.begin(), starts.end(), starts.begin());
    for_each_part([&](size_t part, int64_t begin, int64_t end) {
      int64_t* to = out.as<int64_t>() + starts[part] * rank;
      const int64_t* end_of_part = out.as<int64_t>() + starts[part + 1] * rank;
      cpu::for_each_row(in, begin, end, [&](const char* row, int64_t step, const int64_t* position, int64_t count) {
        to = list_row<T>(row, step, position, count, rank, to, end_of_part);
      });
    });
  });
}

}  // namespace mote
