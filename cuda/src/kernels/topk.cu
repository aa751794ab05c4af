// topk along the last dimension. Short lines, and those of which much is wanted, are sorted. Of a long line a block
// finds the k-th smallest key by radix selection: it counts the digits of 8 bits, most significant first, of the keys
// that agree with what is known so far; then it collects the keys below that one and as many equal to it as are
// missing, in the order of the line, and sorts them in shared memory. Each pass reads the line once: 5 in all for
// float32, of which the later ones come from the cache where it fits.
#include <bit>

#include "cuda_backend.h"
#include "kernels/bitonic_sort.cuh"
#include "kernels/block_scan.cuh"
#include "kernels/order_lines.cuh"

namespace mote {

namespace cuda {

namespace {

constexpr int kDigitBits = 8, kDigits = 1 << kDigitBits;
constexpr int kSelectThreads = kDigits;              // a thread for each digit
constexpr int64_t kMostSelected = int64_t{1} << 20;  // a longer line keeps one block busy for too long

// The k-th smallest key, and how many of the k are equal to it.
template <class Key>
struct Threshold {
  Key key;
  uint32_t equal;
};

template <class T>
__device__ Threshold<sort_key_t<T>> find_threshold(const OrderedLines& lines, const OrderedLines::Line& line,
                                                   sort_key_t<T> flip, uint32_t k) {
  using Key = sort_key_t<T>;
  __shared__ uint32_t found[kDigits], warp_sums[32], chosen[2];
  Key known = 0, mask = 0;
  for (int shift = kSortKeyBits<T> - kDigitBits; shift >= 0; shift -= kDigitBits) {
    found[threadIdx.x] = 0;
    __syncthreads();
    for (int64_t i = threadIdx.x; i < lines.length; i += blockDim.x) {
      const Key key = static_cast<Key>(sort_key(lines.template value<T>(line, i)) ^ flip);
      if ((key & mask) == known) atomicAdd(&found[(key >> shift) & (kDigits - 1)], 1u);
    }
    __syncthreads();
    uint32_t total = 0;
    const uint32_t here = found[threadIdx.x], before = block_exclusive_sum(here, warp_sums, total);
    if (before < k && k <= before + here) {
      chosen[0] = threadIdx.x;
      chosen[1] = k - before;
    }
    __syncthreads();
    known = static_cast<Key>(known | static_cast<Key>(static_cast<Key>(chosen[0]) << shift));
    mask = static_cast<Key>(mask | static_cast<Key>(static_cast<Key>(kDigits - 1) << shift));
    k = chosen[1];
    __syncthreads();
  }
  return {known, k};
}

// One block a line.
template <class T>
__global__ void select_kernel(OrderedLines lines, int padded, sort_key_t<T> flip) {
  using Key = sort_key_t<T>;
  __shared__ uint32_t warp_sums[32];
  const SharedPairs<Key> pairs(dynamic_shared<unsigned char>(), padded);
  const auto line = lines.line(blockIdx.x);
  const auto k = static_cast<uint32_t>(lines.kept);
  const Threshold<Key> threshold = find_threshold<T>(lines, line, flip, k);

  for (uint32_t i = k + threadIdx.x; i < static_cast<uint32_t>(padded); i += blockDim.x)
    pairs.set(static_cast<int>(i), static_cast<Key>(~Key{0}), ~0u);
  uint32_t below = 0, equal = 0;  // so far; those equal to the threshold follow those below
  for (int64_t first = 0; first < lines.length; first += blockDim.x) {
    const int64_t i = first + threadIdx.x;
    const bool valid = i < lines.length;
    const Key key = valid ? static_cast<Key>(sort_key(lines.template value<T>(line, i)) ^ flip) : Key(0);
    const bool is_below = valid && key < threshold.key, is_equal = valid && key == threshold.key;
    uint32_t total = 0;  // both numbers in one word
    const uint32_t before = block_exclusive_sum((is_below ? 1u : 0u) | (is_equal ? 0x10000u : 0u), warp_sums, total);
    const uint32_t nth = equal + (before >> 16);
    if (is_below) pairs.set(static_cast<int>(below + (before & 0xffffu)), key, static_cast<uint32_t>(i));
    if (is_equal && nth < threshold.equal)
      pairs.set(static_cast<int>(k - threshold.equal + nth), key, static_cast<uint32_t>(i));
    below += total & 0xffffu;
    equal += total >> 16;
  }
  bitonic_sort(pairs, padded, padded);
  for (uint32_t i = threadIdx.x; i < k; i += blockDim.x)
    lines.template write<T>(line, i, pairs.position(static_cast<int>(i)));
}

}  // namespace

}  // namespace cuda

void CudaBackend::topk(const View& values, const View& indices, const View& in, int64_t k, bool largest) {
  const int64_t length = in.shape.back();
  cuda::check_line_length("topk", length);
  if (in.numel() == 0 || k == 0) return;
  if (length <= cuda::kMostShared || length > cuda::kMostSelected || k > cuda::kMostShared)
    return cuda::sort_lines("topk", values, indices, in, largest);
  const int padded = static_cast<int>(std::bit_ceil(static_cast<uint32_t>(k)));
  dispatch(in.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    cuda::for_lines(values, indices, in, [&](const cuda::OrderedLines& lines, uint32_t count) {
      const cuda::Launch shape{dim3(count), dim3(cuda::kSelectThreads),
                               static_cast<size_t>(padded) * cuda::SharedPairs<sort_key_t<T>>::kBytes};
      cuda::launch("topk", shape, in.device, cuda::select_kernel<T>, lines, padded, cuda::key_flip<T>(largest));
    });
  });
}

}  // namespace mote
