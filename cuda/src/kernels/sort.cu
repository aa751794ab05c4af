// sort along the last dimension, stable. Values become unsigned keys that order as they do, inverted for descending
// order, with their position beside them. There are two ways:
//   shared   lines of up to 2048 values: a bitonic sort in shared memory, several short lines a block; a line is read
//            once from memory, and once more from the cache when its values are written
//   radix    longer lines: keys to scratch memory, radix_sort, and values gathered by position. Bytes for each value of
//            B bytes: 6 passes of its kind for float32 (B to keys, 4 passes of 3 B + 8, B + 4 + B + 8 at the end)
#include <bit>
#include <string>

#include "cuda_backend.h"
#include "device_buffer.h"
#include "kernels/bitonic_sort.cuh"
#include "kernels/order_lines.cuh"
#include "mote/error.h"

namespace mote {

namespace cuda {

namespace {

constexpr int kSortThreads = 512;
constexpr int64_t kRadixScratch = int64_t{1}
                                  << 24;  // values that are sorted by radix at a time, unless a line has more

// A block sorts `runs` lines, each in a run of 2^log2_run pairs of which those past its end come last.
template <class T>
__global__ void sort_shared(OrderedLines lines, uint32_t count, int log2_run, int runs, sort_key_t<T> flip) {
  using Key = sort_key_t<T>;
  const int run = 1 << log2_run, pairs = runs << log2_run;
  const SharedPairs<Key> shared(dynamic_shared<unsigned char>(), pairs);
  const auto for_pairs = [&](const auto& body) {
    for (int i = static_cast<int>(threadIdx.x); i < pairs; i += static_cast<int>(blockDim.x)) {
      const uint32_t number = blockIdx.x * static_cast<uint32_t>(runs) + static_cast<uint32_t>(i >> log2_run);
      body(i, number, i & (run - 1));
    }
  };
  for_pairs([&](int i, uint32_t number, int place) {
    const bool valid = number < count && place < lines.length;
    const Key key = valid ? static_cast<Key>(sort_key(lines.template value<T>(lines.line(number), place)) ^ flip)
                          : static_cast<Key>(~Key{0});
    shared.set(i, key, static_cast<uint32_t>(place));
  });
  bitonic_sort(shared, pairs, run);
  for_pairs([&](int i, uint32_t number, int place) {
    if (number < count && place < lines.kept) lines.template write<T>(lines.line(number), place, shared.position(i));
  });
}

// Keys of the lines first + blockIdx.y.
template <class T>
__global__ void make_keys(OrderedLines lines, uint32_t first, sort_key_t<T> flip, sort_key_t<T>* keys) {
  const auto line = lines.line(first + blockIdx.y);
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < lines.length; i += step)
    keys[blockIdx.y * lines.length + i] = static_cast<sort_key_t<T>>(sort_key(lines.template value<T>(line, i)) ^ flip);
}

template <class T>
__global__ void write_sorted(OrderedLines lines, uint32_t first, const uint32_t* positions) {
  const auto line = lines.line(first + blockIdx.y);
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t k = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; k < lines.kept; k += step)
    lines.template write<T>(line, k, positions[blockIdx.y * lines.length + k]);
}

int log2_ceil(int64_t n) { return std::bit_width(static_cast<uint64_t>(n) - 1); }

template <class T>
void sort_in_shared(const char* op, const OrderedLines& lines, uint32_t count, bool descending, int device) {
  const int log2_run = log2_ceil(lines.length);
  const int runs = 1 << std::min(log2_ceil(kMostShared) - log2_run, log2_ceil(count));
  const int pairs = runs << log2_run;
  const Launch shape{dim3(ceil_div(count, static_cast<uint32_t>(runs))),
                     dim3(static_cast<unsigned>(std::clamp(pairs / 2, 32, kSortThreads))),
                     static_cast<size_t>(pairs) * SharedPairs<sort_key_t<T>>::kBytes};
  launch(op, shape, device, sort_shared<T>, lines, count, log2_run, runs, key_flip<T>(descending));
}

template <class T>
void sort_by_radix(const char* op, const OrderedLines& lines, uint32_t count, bool descending, int device) {
  using Key = sort_key_t<T>;
  constexpr uint32_t kMostLines = 65535;  // of a grid's second dimension
  const int64_t fitting = std::max<int64_t>(kRadixScratch / lines.length, 1);
  const auto batch = static_cast<uint32_t>(std::min<int64_t>({fitting, count, kMostLines}));
  const auto size = static_cast<size_t>(batch * lines.length);
  const DeviceBuffer keys(2 * size * sizeof(Key), device), positions(2 * size * sizeof(uint32_t), device);
  const SortedPairs<Key> in{keys.as<Key>(), positions.as<uint32_t>()};
  const SortedPairs<Key> scratch{in.keys + size, in.positions + size};
  for (uint32_t first = 0; first < count; first += batch) {
    const uint32_t now = std::min(batch, count - first);
    const auto shape = [&](int64_t length) {
      Launch launched = strided_launch(length, kPointwiseThreads, device);
      launched.grid.y = now;
      return launched;
    };
    launch(op, shape(lines.length), device, make_keys<T>, lines, first, key_flip<T>(descending), in.keys);
    const auto sorted = radix_sort(op, in, scratch, now, lines.length, kSortKeyBits<T>, device);
    launch(op, shape(lines.kept), device, write_sorted<T>, lines, first, sorted.positions);
  }
}

}  // namespace

void check_line_length(const char* op, int64_t length) {
  if (length > int64_t{UINT32_MAX})
    throw ShapeError(std::string(op) + ": a line of more than 2^32 - 1 values cannot be sorted");
}

void sort_lines(const char* op, const View& values, const View& indices, const View& in, bool descending) {
  dispatch(in.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    for_lines(values, indices, in, [&](const OrderedLines& lines, uint32_t count) {
      if (lines.length <= kMostShared)
        sort_in_shared<T>(op, lines, count, descending, in.device);
      else
        sort_by_radix<T>(op, lines, count, descending, in.device);
    });
  });
}

}  // namespace cuda

void CudaBackend::sort(const View& values, const View& indices, const View& in, bool descending) {
  cuda::check_line_length("sort", in.shape.back());
  if (in.numel() > 0) cuda::sort_lines("sort", values, indices, in, descending);
}

}  // namespace mote
