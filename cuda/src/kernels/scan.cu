// Running sums along one dimension: y[i] = x[0] + ... + x[i]. Floating-point sums run in double, integers wrap around.
//   along   a group of threads walks along a line, tile by tile: packs of 16 bytes in registers, a scan over the group
//   across  a thread for each line, where neighbouring lines are neighbours in memory
// Few long lines are cut into segments: one launch for the segments' totals, and one that starts each segment with the
// totals before it. Moves the elements read and written once; those of segments are read twice.
#include "cuda_backend.h"
#include "device_buffer.h"
#include "kernels/block_scan.cuh"
#include "kernels/reduce_kernels.cuh"
#include "kernels/reduce_ops.cuh"

namespace mote {

namespace cuda {

constexpr int kScanThreads = 256;

struct ScanShape {
  StridedIndex<2> lines;  // out, in
  uint32_t count;         // of lines
  int64_t length, stretch;
  int64_t out_step, in_step;  // bytes from element to element
  DType dtype;                // of out
};

template <class T>
__device__ __forceinline__ void store_sum(char* to, const ScanShape& shape, sum_t<T> sum) {
  if constexpr (std::is_integral_v<T>) {
    store_as(to, shape.dtype, static_cast<int64_t>(sum));
  } else {
    *reinterpret_cast<T*>(to) = cast_to<T>(sum);
  }
}

// Writes sums, or, without `out`, the segment's total.
template <class T, int V>
__global__ void __launch_bounds__(kScanThreads)
    scan_along(ScanShape shape, const char* in, char* out, sum_t<compute_t<T>>* totals) {
  using Sum = sum_t<compute_t<T>>;
  __shared__ Sum shared[kMaxWarps];
  const uint32_t line = blockIdx.x * blockDim.y + threadIdx.y;
  const bool exists = line < shape.count;
  const auto at = shape.lines.offsets(exists ? line : 0);
  const int64_t begin = blockIdx.y * shape.stretch;
  const int64_t end = shape.length < begin + shape.stretch ? shape.length : begin + shape.stretch;
  Sum carry = 0;
  for (unsigned s = 0; exists && out && s < blockIdx.y; ++s) carry += totals[int64_t{line} * gridDim.y + s];
  for (int64_t tile = begin; tile < end; tile += int64_t{blockDim.x} * V) {
    const int64_t i = tile + int64_t{threadIdx.x} * V;
    const bool inside = exists && i < end;
    Sum sums[V], total;
    Pack<T, V> pack{};
    if (inside) pack = *reinterpret_cast<const Pack<T, V>*>(in + at.at[1] + i * shape.in_step);
#pragma unroll
    for (int k = 0; k < V; ++k) {
      const Sum value = inside ? widened(static_cast<compute_t<T>>(pack.value[k])) : Sum(0);
      sums[k] = k > 0 ? sums[k > 0 ? k - 1 : 0] + value : value;
    }
    const Sum before = carry + group_scan(sums[V - 1], &total, shared);
    carry += total;
    if (!inside || !out) continue;
    char* const to = out + at.at[0] + i * shape.out_step;
    if constexpr (V > 1) {
      Pack<T, V> result;
#pragma unroll
      for (int k = 0; k < V; ++k) result.value[k] = cast_to<T>(before + sums[k]);
      *reinterpret_cast<Pack<T, V>*>(to) = result;
    } else {
      store_sum<T>(to, shape, before + sums[0]);
    }
  }
  if (exists && !out && threadIdx.x == 0) totals[int64_t{line} * gridDim.y + blockIdx.y] = carry;
}

template <class T>
__global__ void __launch_bounds__(kScanThreads)
    scan_across(ScanShape shape, const char* in, char* out, sum_t<compute_t<T>>* totals) {
  using Sum = sum_t<compute_t<T>>;
  const uint32_t line = blockIdx.x * blockDim.x + threadIdx.x;
  if (line >= shape.count) return;
  const auto at = shape.lines.offsets(line);
  const int64_t begin = blockIdx.y * shape.stretch;
  const int64_t end = shape.length < begin + shape.stretch ? shape.length : begin + shape.stretch;
  Sum sum = 0;
  for (unsigned s = 0; out && s < blockIdx.y; ++s) sum += totals[int64_t{line} * gridDim.y + s];
  const char* from = in + at.at[1] + begin * shape.in_step;
  char* to = out ? out + at.at[0] + begin * shape.out_step : nullptr;
#pragma unroll 4
  for (int64_t i = begin; i < end; ++i, from += shape.in_step) {
    sum += widened(static_cast<compute_t<T>>(*reinterpret_cast<const T*>(from)));
    if (!out) continue;
    store_sum<T>(to, shape, sum);
    to += shape.out_step;
  }
  if (!out) totals[int64_t{line} * gridDim.y + blockIdx.y] = sum;
}

template <class T>
class Scan {
  using Sum = sum_t<compute_t<T>>;
  static constexpr int kPack = std::is_integral_v<T> ? 1 : 16 / static_cast<int>(sizeof(T));
  static constexpr int64_t kWantedBlocks = 1024;

 public:
  Scan(const View& out, const View& in, int64_t dim) : out_(out), in_(in) {
    shape_.length = in.shape[dim];
    shape_.out_step = out.strides[dim] * static_cast<int64_t>(size_of(out.dtype));
    shape_.in_step = in.strides[dim] * static_cast<int64_t>(sizeof(T));
    shape_.dtype = out.dtype;
    out_.shape[dim] = in_.shape[dim] = 1;
  }

  void run() {
    StridedParts<2>({out_, in_})
        .for_each([&](const auto& views, const StridedIndex<2>& lines, uint32_t count, int64_t) {
          shape_.lines = lines;
          shape_.count = count;
          scan_lines(views[0].template as<char>(), views[1].template as<const char>());
        });
  }

 private:
  bool is_packed(const char* out, const char* in) const {
    constexpr int64_t kBytes = kPack * sizeof(T);
    bool packed =
        kPack > 1 && shape_.length % kPack == 0 && shape_.out_step == sizeof(T) && shape_.in_step == sizeof(T);
    packed = packed && reinterpret_cast<uintptr_t>(out) % kBytes == 0 && reinterpret_cast<uintptr_t>(in) % kBytes == 0;
    for (int d = 0; d < shape_.lines.rank; ++d)
      packed = packed && shape_.lines.strides[d][0] % kBytes == 0 && shape_.lines.strides[d][1] % kBytes == 0;
    return packed;
  }

  void scan_lines(char* out, const char* in) {
    const StridedIndex<2>& lines = shape_.lines;
    const bool across = lines.rank > 0 && lines.strides[0][0] < shape_.out_step;
    const bool packed = !across && is_packed(out, in);
    const auto kernel = across ? scan_across<T> : packed ? scan_along<T, kPack> : scan_along<T, 1>;
    const int64_t loads = ceil_div(shape_.length, int64_t{packed ? kPack : 1});
    const auto threads =
        static_cast<unsigned>(std::bit_ceil(static_cast<uint64_t>(std::clamp<int64_t>(loads, 1, 256))));
    const dim3 block = across ? dim3(kScanThreads) : dim3(threads, threads <= 32 ? kScanThreads / threads : 1);
    const unsigned blocks = ceil_div(shape_.count, across ? block.x : block.y);
    const int64_t most = std::max<int64_t>(1, across ? loads / 64 : loads / (16 * kScanThreads));
    const int64_t segments = std::clamp<int64_t>(kWantedBlocks / blocks, 1, most);
    const int64_t unit = across ? 1 : int64_t{kScanThreads} * kPack;  // segments begin where tiles do
    shape_.stretch = segments > 1 ? ceil_div(ceil_div(shape_.length, segments), unit) * unit : shape_.length;
    const dim3 grid(blocks, static_cast<unsigned>(ceil_div(shape_.length, shape_.stretch)));
    const DeviceBuffer totals(grid.y > 1 ? size_t{shape_.count} * grid.y * sizeof(Sum) : 0, in_.device);
    if (grid.y > 1) launch("cumsum", {grid, block}, in_.device, kernel, shape_, in, nullptr, totals.as<Sum>());
    launch("cumsum", {grid, block}, in_.device, kernel, shape_, in, out, totals.as<Sum>());
  }

  View out_, in_;
  ScanShape shape_{};
};

}  // namespace cuda

void CudaBackend::cumsum(const View& out, const View& in, int64_t dim) {
  if (in.numel() == 0) return;
  dispatch(in.dtype == DType::Bool ? DType::UInt8 : in.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    if constexpr (!std::is_same_v<T, bool>) cuda::Scan<T>(out, in, dim).run();
  });
}

}  // namespace mote
