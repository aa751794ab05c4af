// scatter and index_add. Values that meet in one element are written, or added, in ascending order of the index. There
// are three ways:
//   lines   short lines, or many: a thread goes along each (scatter.cuh)
//   list    one list of positions for all lines (index_add, the gradient of an embedding): it is sorted, and values are
//           put or added in that order (scatter_sorted.cuh)
//   flat    few, long lines with positions of their own: all values are sorted by the element that they go to
#include "kernels/scatter.cuh"

#include <bit>

#include "cuda_backend.h"
#include "device_buffer.h"
#include "kernels/radix_sort.h"
#include "kernels/scatter_sorted.cuh"
#include "mote/element_bits.h"

namespace mote {

namespace cuda {

namespace {

// Lines of at most so many positions, or so many lines, are walked along; the others are sorted.
constexpr int64_t kShortLine = 256, kManyLines = 4096;

struct Scatter {
  const char* op;
  View out, index, source;  // index has the shape of source
  int64_t dim;
  int64_t element;  // bytes
  ScatterLine line;

  Scatter(const char* name, const View& to, int64_t d, const View& positions, const View& from, Refusal refusal)
      : op(name),
        out(to),
        index(positions),
        source(from),
        dim(d),
        element(static_cast<int64_t>(size_of(to.dtype))),
        line{index.shape[d],
             out.shape[d],
             out.strides[d] * element,
             index.strides[d] * static_cast<int64_t>(sizeof(int64_t)),
             source.strides[d] * element,
             refusal} {}

  int64_t lines() const { return source.numel() / line.count; }

  // The three views without `dim`.
  std::array<View, 3> others() const {
    std::array<View, 3> views = {out, index, source};
    for (View& view : views) {
      view.shape = index.shape;
      view.shape.erase(dim);
      view.strides.erase(dim);
    }
    return views;
  }

  bool has_one_list() const {
    for (int d = 0; d < index.shape.rank(); ++d)
      if (d != dim && index.shape[d] > 1 && index.strides[d] != 0) return false;
    return true;
  }
};

__global__ void list_targets(const char* index, ScatterLine line, uint32_t count, uint64_t* targets) {
  const uint32_t step = gridDim.x * blockDim.x;
  for (uint32_t k = blockIdx.x * blockDim.x + threadIdx.x; k < count; k += step)
    targets[k] = static_cast<uint64_t>(wrapped(element_at<int64_t>(index, k * line.index), line.size));
}

__global__ void flat_targets(StridedIndex<3> lines, ScatterLine line, const char* index, uint32_t count,
                             uint64_t* targets) {
  const uint32_t step = gridDim.x * blockDim.x;
  for (uint32_t i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += step) {
    const uint32_t number = i / static_cast<uint32_t>(line.count), k = i % static_cast<uint32_t>(line.count);
    const int64_t at = lines.offsets(number).at[1] + k * line.index;
    targets[i] = static_cast<uint64_t>(number * line.size + wrapped(element_at<int64_t>(index, at), line.size));
  }
}

// Memory for `count` targets and their sorted order.
class TargetSort {
 public:
  TargetSort(int64_t count, int device)
      : count_(count),
        device_(device),
        keys_(2 * static_cast<size_t>(count) * sizeof(uint64_t), device),
        places_(2 * static_cast<size_t>(count) * sizeof(uint32_t), device) {}

  uint64_t* targets() const { return keys_.as<uint64_t>(); }
  // After the targets, which are below `limit`, were written.
  SortedTargets sorted(const char* op, int64_t limit, Refusal refusal) const {
    const SortedPairs<uint64_t> in{targets(), places_.as<uint32_t>()};
    const SortedPairs<uint64_t> scratch{in.keys + count_, in.positions + count_};
    const int bits = std::bit_width(static_cast<uint64_t>(limit - 1));
    const auto result = radix_sort(op, in, scratch, 1, count_, bits, device_);
    return {result.keys, result.positions, static_cast<uint32_t>(count_), refusal};
  }

 private:
  int64_t count_;
  int device_;
  DeviceBuffer keys_, places_;
};

template <class T, class Op>
void along_lines(const Scatter& s) {
  StridedParts<3>(s.others()).for_each([&](const auto& views, const auto& lines, uint32_t count, int64_t) {
    launch(s.op, strided_launch(count, kPointwiseThreads, s.out.device), s.out.device, scatter_lines<T, Op>, lines,
           count, s.line, views[0].template as<char>(), views[1].template as<const char>(),
           views[2].template as<const char>());
  });
}

// Threads of a row side by side, as many as fit into a block and no more than it has; then rows.
Launch sorted_launch(uint32_t width, uint32_t count) {
  const uint32_t across = std::min<uint32_t>(std::bit_ceil(width), kPointwiseThreads);
  const uint32_t rows = kPointwiseThreads / across;
  return {dim3(ceil_div(width, across), std::min(ceil_div(count, rows), 65535u)), dim3(across, rows)};
}

// Puts or adds the sorted values of `width` columns.
template <class T, class Op, int V, class Rows>
void run_sorted(const Scatter& s, const SortedTargets& sorted, const Rows& rows, uint32_t width) {
  const int device = s.out.device;
  if constexpr (!Op::kAdds) {
    launch(s.op, sorted_launch(width, sorted.count), device, put_sorted<T, V, Rows>, sorted, rows, width);
  } else {
    using Parts = Pack<typename Op::Sum, V>;
    const size_t parts = static_cast<size_t>(sorted.spans()) * width;
    const DeviceBuffer scratch(2 * parts * sizeof(Parts), device);
    Parts* const heads = scratch.as<Parts>();
    const Launch shape = sorted_launch(width, sorted.spans());
    launch(s.op, shape, device, add_spans<T, Op, V, Rows>, sorted, rows, width, heads, heads + parts);
    launch(s.op, shape, device, join_spans<T, Op, V, Rows>, sorted, rows, width, heads, heads + parts);
  }
}

template <class T, class Op, int V>
void by_list(const Scatter& s, const SortedTargets& sorted, const View& out, const View& source) {
  StridedParts<2>({out, source}).for_each([&](const auto& views, const auto& row, uint32_t width, int64_t) {
    const ListRows<T, V> rows{row, s.line.out, s.line.source, views[0].template as<char>(),
                              views[1].template as<const char>()};
    run_sorted<T, Op, V>(s, sorted, rows, width);
  });
}

// Puts words of 16 bytes, or adds packs of as many, where rows allow it.
template <class T, class Op>
void with_one_list(const Scatter& s) {
  const int device = s.out.device;
  const TargetSort sort(s.line.count, device);
  const auto count = static_cast<uint32_t>(s.line.count);
  launch(s.op, strided_launch(count, kPointwiseThreads, device), device, list_targets, s.index.as<const char>(), s.line,
         count, sort.targets());
  const SortedTargets sorted = sort.sorted(s.op, s.line.size, s.line.refusal);
  auto [out, index, source] = s.others();
  constexpr int V = Op::kPack;
  if constexpr (V > 1) {
    const int packed =
        s.line.out % 16 == 0 && s.line.source % 16 == 0 ? packed_dimension(out, source, index, -1, V) : -1;
    if (packed >= 0) return by_list<T, Op, V>(s, sorted, packed_view(out, packed, V), packed_view(source, packed, V));
  }
  by_list<T, Op, 1>(s, sorted, out, source);
}

template <class T, class Op>
void by_element(const Scatter& s) {
  const int device = s.out.device;
  const int64_t count = s.source.numel();
  const TargetSort sort(count, device);
  const Launch shape = strided_launch(count, kPointwiseThreads, device);
  StridedParts<3>(s.others(), Order::RowMajor)
      .for_each([&](const auto& views, const auto& lines, uint32_t number, int64_t) {
        launch(s.op, shape, device, flat_targets, lines, s.line, views[1].template as<const char>(),
               static_cast<uint32_t>(count), sort.targets());
        const SortedTargets sorted = sort.sorted(s.op, number * s.line.size, s.line.refusal);
        run_sorted<T, Op, 1>(
            s, sorted, FlatLines<T>{lines, s.line, views[0].template as<char>(), views[2].template as<const char>()},
            1);
      });
}

// Calls run for both halves along `d`, in this order.
template <class Run>
void in_halves(const Scatter& s, int64_t d, const Run& run) {
  const int64_t size = s.index.shape[d], half = size / 2;
  for (const int64_t first : {int64_t{0}, half}) {
    View views[3] = {s.out, s.index, s.source};
    for (View& view : views) {
      if (&view == &views[0] && d == s.dim) continue;
      view.data = view.as<char>() + first * view.strides[d] * static_cast<int64_t>(size_of(view.dtype));
      view.shape[d] = first == 0 ? half : size - half;
    }
    run(Scatter(s.op, views[0], s.dim, views[1], views[2], s.line.refusal));
  }
}

// What is sorted has 32-bit places; what has more is done by halves. Sums of 16 bits are rounded where that cuts them.
template <class T, class Op>
void scatter_as(const Scatter& s) {
  constexpr bool rounds = Op::kAdds && sizeof(T) == 2;  // a sum in 16 bits is rounded once, when it is complete
  const auto again = [](const Scatter& half) { scatter_as<T, Op>(half); };
  if (s.line.count == 1) return along_lines<T, Op>(s);
  if (s.has_one_list()) {
    if (s.line.count >= kMaxPositions) return in_halves(s, s.dim, again);
    return with_one_list<T, Op>(s);
  }
  if (!rounds && (s.line.count <= kShortLine || s.lines() >= kManyLines)) return along_lines<T, Op>(s);
  if (s.source.numel() < kMaxPositions) return by_element<T, Op>(s);
  int64_t d = 0;
  while (d < s.index.shape.rank() && (d == s.dim || s.index.shape[d] == 1)) ++d;
  in_halves(s, d < s.index.shape.rank() ? d : s.dim, again);
}

// The positions of `index`, of the shape of source, are right or refused.
void scatter_checked(const char* op, const View& out, int64_t dim, const View& index, const View& source, bool add,
                     Refusal refusal) {
  if (source.numel() == 0) return;
  const Scatter s(op, out, dim, index, source, refusal);
  if (add)
    return dispatch(out.dtype, [&](auto* tag) {
      using T = std::remove_pointer_t<decltype(tag)>;
      scatter_as<T, Add<T>>(s);
    });
  dispatch_size(out.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    scatter_as<T, Put<T>>(s);
  });
}

}  // namespace

}  // namespace cuda

void CudaBackend::scatter(const View& out, int64_t dim, const View& index, const View& source, bool add) {
  const cuda::PositionCheck check("scatter", {index, dim, out.shape[dim], false});
  cuda::scatter_checked("scatter", out, dim, index, source, add, check.refusal());
}

void CudaBackend::index_add(const View& out, int64_t dim, const View& index, const View& source, bool add) {
  const cuda::PositionCheck check("index_add", {index, dim, out.shape[dim], true});
  cuda::scatter_checked("index_add", out, dim, cuda::broadcast_list(index, source, dim), source, add, check.refusal());
}

}  // namespace mote
