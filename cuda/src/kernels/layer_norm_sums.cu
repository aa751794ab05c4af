// Sums over the rows of the backward passes of layer_norm and rms_norm:
//   grad_weight = sum of g h, grad_bias = sum of g, with h = (x - mean) rstd; rms_norm has no mean and no bias
//
// stretches: a block has 32 packs of columns of a stretch of rows, eight rows side by side; its partial sums go to
// scratch memory, [stretch][2][width]. Moves x and g once.
// joined: the sums of all stretches, column by column.
// Stretches follow from the shape alone, so that every device gives the same bits.
#include "kernels/layer_norm_sums.h"

#include "device_buffer.h"
#include "kernels/row_kernels.cuh"

namespace mote::cuda {

namespace {

constexpr int kColumnThreads = 32, kRowThreads = 8;
constexpr int64_t kLeastRows = 64;       // of a stretch
constexpr int64_t kWantedBlocks = 1024;  // fewer stretches than that make

// Steps are bytes.
struct NormRows {
  const char *x, *grad_out, *mean, *rstd;  // mean may be null
  int64_t rows, width, stretch;
  int64_t x_row, x_step, grad_row, grad_step, mean_step, rstd_step;
};

template <class T, int V>
__global__ void __launch_bounds__(kColumnThreads* kRowThreads)
    sum_stretches(NormRows args, compute_t<T>* sums, bool with_weight) {
  using C = compute_t<T>;
  __shared__ C shared[kColumnThreads * kRowThreads];
  const int64_t column = (int64_t{blockIdx.x} * kColumnThreads + threadIdx.x) * V, begin = blockIdx.y * args.stretch;
  const int64_t end = begin + args.stretch < args.rows ? begin + args.stretch : args.rows;
  const bool exists = column < args.width;
  C weight[V], bias[V];
#pragma unroll
  for (int k = 0; k < V; ++k) weight[k] = bias[k] = 0;
#pragma unroll 4
  for (int64_t row = exists ? begin + threadIdx.y : end; row < end; row += kRowThreads) {
    const Pack<T, V> g = read_pack<T, V>(args.grad_out + row * args.grad_row, column, args.grad_step);
    Pack<T, V> x{};
    C mean = 0, rstd = 0;
    if (with_weight) {
      x = read_pack<T, V>(args.x + row * args.x_row, column, args.x_step);
      if (args.mean) mean = *reinterpret_cast<const C*>(args.mean + row * args.mean_step);
      rstd = *reinterpret_cast<const C*>(args.rstd + row * args.rstd_step);
    }
#pragma unroll
    for (int k = 0; k < V; ++k) {
      const C gradient = static_cast<C>(g.value[k]);
      weight[k] += gradient * ((static_cast<C>(x.value[k]) - mean) * rstd);
      bias[k] += gradient;
    }
  }
  C* const to = sums + 2 * blockIdx.y * args.width + column;
#pragma unroll
  for (int k = 0; k < V; ++k) {
    weight[k] = column_reduce(weight[k], Add(), shared);
    bias[k] = column_reduce(bias[k], Add(), shared);
    if (!exists || threadIdx.y != 0) continue;
    to[k] = weight[k];
    to[args.width + k] = bias[k];
  }
}

// Where a sum goes; `step` in elements.
struct SumTarget {
  void* data;
  int64_t step;
};

template <class T>
__global__ void __launch_bounds__(kColumnThreads* kRowThreads)
    join_stretches(const compute_t<T>* sums, int64_t stretches, int64_t width, SumTarget weight, SumTarget bias) {
  using C = compute_t<T>;
  __shared__ C shared[kColumnThreads * kRowThreads];
  const int64_t column = int64_t{blockIdx.x} * kColumnThreads + threadIdx.x;
  const bool exists = column < width;
  const SumTarget target = blockIdx.y == 0 ? weight : bias;
  C total = 0;
#pragma unroll 4
  for (int64_t s = threadIdx.y; s < (exists ? stretches : 0); s += kRowThreads)
    total += sums[(2 * s + blockIdx.y) * width + column];
  total = column_reduce(total, Add(), shared);
  if (exists && threadIdx.y == 0 && target.data) static_cast<T*>(target.data)[column * target.step] = cast_to<T>(total);
}

SumTarget target_of(const std::optional<View>& view) {
  return view ? SumTarget{view->data, view->strides[0]} : SumTarget{nullptr, 0};
}

template <class T>
void run_sums(const char* op, const std::optional<View>& grad_weight, const std::optional<View>& grad_bias,
              const View& grad_out, const View* mean, const View& rstd, const View& x) {
  using C = compute_t<T>;
  constexpr int V = kRowPack<T>;
  const int64_t rows = x.shape[0], width = x.shape[1], size = sizeof(T), wide = sizeof(C);
  const bool packed = has_packed_rows(x, V) && has_packed_rows(grad_out, V);
  const int64_t tiles = ceil_div(width, int64_t{kColumnThreads} * (packed ? V : 1));
  const int64_t wanted = std::max<int64_t>(1, kWantedBlocks / tiles);
  const int64_t stretch = std::max(kLeastRows, ceil_div(rows, wanted)), stretches = ceil_div(rows, stretch);
  const NormRows args{x.as<const char>(),
                      grad_out.as<const char>(),
                      mean ? mean->as<const char>() : nullptr,
                      rstd.as<const char>(),
                      rows,
                      width,
                      stretch,
                      x.strides[0] * size,
                      x.strides[1] * size,
                      grad_out.strides[0] * size,
                      grad_out.strides[1] * size,
                      mean ? mean->strides[0] * wide : 0,
                      rstd.strides[0] * wide};
  const DeviceBuffer sums(static_cast<size_t>(2 * stretches * width) * sizeof(C), x.device);
  const dim3 block(kColumnThreads, kRowThreads);
  const Launch stretched{dim3(static_cast<unsigned>(tiles), static_cast<unsigned>(stretches)), block};
  launch(op, stretched, x.device, packed ? sum_stretches<T, V> : sum_stretches<T, 1>, args, sums.as<C>(),
         grad_weight.has_value());
  const Launch joined{dim3(static_cast<unsigned>(ceil_div(width, int64_t{kColumnThreads})), 2), block};
  launch(op, joined, x.device, join_stretches<T>, sums.as<const C>(), stretches, width, target_of(grad_weight),
         target_of(grad_bias));
}

}  // namespace

void layer_norm_sums(const char* op, const std::optional<View>& grad_weight, const std::optional<View>& grad_bias,
                     const View& grad_out, const View* mean, const View& rstd, const View& x) {
  dispatch_floating(op, x.dtype, [&](auto* tag) {
    run_sums<std::remove_pointer_t<decltype(tag)>>(op, grad_weight, grad_bias, grad_out, mean, rstd, x);
  });
}

}  // namespace mote::cuda
