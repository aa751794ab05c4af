// count_nonzero and nonzero. A block takes 4096 elements in row-major order, a warp 512 of them, 32 at a time: a ballot
// says which are not zero. The first kernel counts them for each block; one block adds the counts up; the last kernel
// writes the positions where the sums say. Only bits are looked at, so one kernel serves every dtype of a size.
// Bytes: the input once to count, once more to write, and 8 for each position and dimension.
#include "cuda_backend.h"
#include "device_buffer.h"
#include "kernels/block_scan.cuh"
#include "kernels/launch.h"
#include "kernels/strided_index.h"
#include "mote/element_bits.h"

namespace mote {

namespace cuda {

namespace {

constexpr int kThreads = 256, kWarps = kThreads / 32, kRounds = 16;
constexpr int kTile = kThreads * kRounds;
constexpr int kScanThreads = 1024;

// The bits of an element that say whether it is zero: not the sign of a floating-point zero.
uint64_t bits_that_count(DType dtype) {
  const uint64_t all = ~uint64_t{0} >> (64 - 8 * size_of(dtype));
  return is_floating_point(dtype) ? all >> 1 : all;
}

// The elements of one part of the input: which of them are not zero.
template <class Word>
struct Elements {
  StridedIndex<1> index;
  uint32_t count;
  Word mask;
  const char* data;

  __device__ bool is_set(uint32_t i) const {
    return i < count && (*reinterpret_cast<const Word*>(data + index.offsets(i).at[0]) & mask) != 0;
  }
};

// The first of the 32 elements that this warp looks at in a round.
__device__ __forceinline__ uint32_t start_of(int round) {
  return blockIdx.x * kTile + (threadIdx.x / 32 * kRounds + static_cast<uint32_t>(round)) * 32;
}

template <class Word>
__global__ void count_kernel(Elements<Word> elements, uint32_t* counts) {
  __shared__ uint32_t of_warp[kWarps];
  const uint32_t lane = threadIdx.x % 32;
  uint32_t found = 0;
#pragma unroll
  for (int round = 0; round < kRounds; ++round)
    found += static_cast<uint32_t>(__popc(__ballot_sync(kAllLanes, elements.is_set(start_of(round) + lane))));
  if (lane == 0) of_warp[threadIdx.x / 32] = found;
  __syncthreads();
  if (threadIdx.x > 0) return;
  uint32_t total = 0;
  for (const uint32_t count : of_warp) total += count;
  counts[blockIdx.x] = total;
}

// starts[i] is the sum of the counts before i, starts[tiles] that of all.
__global__ void add_up_kernel(const uint32_t* counts, int64_t tiles, int64_t* starts) {
  __shared__ int64_t warp_sums[32];
  int64_t running = 0;
  for (int64_t first = 0; first < tiles; first += blockDim.x) {
    const int64_t i = first + threadIdx.x;
    int64_t total = 0;
    const int64_t before = block_exclusive_sum(int64_t{i < tiles ? counts[i] : 0}, warp_sums, total);
    if (i < tiles) starts[i] = running + before;
    running += total;
  }
  if (threadIdx.x == 0) starts[tiles] = running;
}

struct Sizes {
  int rank;
  int64_t size[kMaxRank];
};

template <class Word>
__global__ void write_kernel(Elements<Word> elements, int64_t first, Sizes sizes, const int64_t* starts, int64_t* out) {
  __shared__ uint32_t of_warp[kWarps];
  const uint32_t lane = threadIdx.x % 32, warp = threadIdx.x / 32, lanes_below = (1u << lane) - 1;
  uint32_t set[kRounds], found = 0;
#pragma unroll
  for (int round = 0; round < kRounds; ++round) {
    set[round] = __ballot_sync(kAllLanes, elements.is_set(start_of(round) + lane));
    found += static_cast<uint32_t>(__popc(set[round]));
  }
  if (lane == 0) of_warp[warp] = found;
  __syncthreads();
  int64_t to = starts[blockIdx.x];
  for (uint32_t w = 0; w < warp; ++w) to += of_warp[w];
#pragma unroll
  for (int round = 0; round < kRounds; ++round) {
    if (set[round] >> lane & 1) {
      int64_t* const row = out + (to + __popc(set[round] & lanes_below)) * sizes.rank;
      int64_t position = first + start_of(round) + lane;
      for (int d = sizes.rank - 1; d >= 0; --d) {
        row[d] = position % sizes.size[d];
        position /= sizes.size[d];
      }
    }
    to += __popc(set[round]);
  }
}

// Where the positions of each tile begin.
class NonzeroTiles {
 public:
  explicit NonzeroTiles(const char* op, const View& in) : op_(op), in_(in) {
    for_parts<uint8_t>([&](const auto&, int64_t, int64_t, int64_t tiles) { tiles_ += tiles; });
    counts_ = DeviceBuffer(static_cast<size_t>(tiles_) * sizeof(uint32_t), in.device);
    starts_ = DeviceBuffer(static_cast<size_t>(tiles_ + 1) * sizeof(int64_t), in.device);
    dispatch_size(in.dtype, [&](auto* tag) {
      using Word = std::remove_pointer_t<decltype(tag)>;
      for_parts<Word>([&](const Elements<Word>& elements, int64_t, int64_t tile, int64_t tiles) {
        launch(op_, {dim3(static_cast<unsigned>(tiles)), dim3(kThreads)}, in_.device, count_kernel<Word>, elements,
               counts_.as<uint32_t>() + tile);
      });
    });
    launch(op_, {dim3(1), dim3(kScanThreads)}, in_.device, add_up_kernel, counts_.as<uint32_t>(), tiles_,
           starts_.as<int64_t>());
  }

  const int64_t* total() const { return starts_.as<int64_t>() + tiles_; }

  void write(int64_t* out) const {
    Sizes sizes{in_.shape.rank(), {}};
    std::copy(in_.shape.begin(), in_.shape.end(), sizes.size);
    dispatch_size(in_.dtype, [&](auto* tag) {
      using Word = std::remove_pointer_t<decltype(tag)>;
      for_parts<Word>([&](const Elements<Word>& elements, int64_t first, int64_t tile, int64_t tiles) {
        launch(op_, {dim3(static_cast<unsigned>(tiles)), dim3(kThreads)}, in_.device, write_kernel<Word>, elements,
               first, sizes, starts_.as<int64_t>() + tile, out);
      });
    });
  }

 private:
  // Calls body(elements, position of the first, number of the first tile, tiles) for each part of the input.
  template <class Word, class Body>
  void for_parts(const Body& body) const {
    int64_t tile = 0;
    const auto mask = static_cast<Word>(bits_that_count(in_.dtype));
    StridedParts<1>({in_}, Order::RowMajor)
        .for_each([&](const auto& views, const auto& index, uint32_t count, int64_t first) {
          const int64_t tiles = ceil_div(int64_t{count}, int64_t{kTile});
          body(Elements<Word>{index, count, mask, views[0].template as<const char>()}, first, tile, tiles);
          tile += tiles;
        });
  }

  const char* op_;
  View in_;
  int64_t tiles_ = 0;
  DeviceBuffer counts_, starts_;
};

}  // namespace

}  // namespace cuda

int64_t CudaBackend::count_nonzero(const View& in) {
  if (in.numel() == 0) return 0;
  const cuda::NonzeroTiles tiles("count_nonzero", in);
  int64_t total = 0;
  copy_to_host(&total, tiles.total(), sizeof(total), in.device);
  return total;
}

void CudaBackend::nonzero(const View& out, const View& in) {
  if (out.numel() > 0) cuda::NonzeroTiles("nonzero", in).write(out.as<int64_t>());
}

}  // namespace mote
