// Cross-entropy of rows of logits x against targets t, with label smoothing s over n classes:
//   loss = log(sum e^(x - m)) - (1 - s) (x_t - m) - s / n sum(x - m)
//   grad = g (e^(x - m - log(sum e^(x - m))) - s / n), less g (1 - s) at t
// with the row's maximum m, so that far-off logits lose no digits; both are 0 where t is ignore_index.
//
// Forward, a group of threads has a row, whose maximum grows while its exponentials are summed up: moves x once (twice
// with smoothing). Backward, blocks take stretches of a row: moves x and the gradient once. Dense rows are read by
// packs of 16 bytes wherever they begin: vocabularies have odd sizes.
#include "cuda_backend.h"
#include "device_buffer.h"
#include "kernels/index_errors.cuh"
#include "kernels/ragged_rows.cuh"
#include "kernels/sum_exp.cuh"

namespace mote {

namespace cuda {

using Row = unsigned long long;  // what atomicMin takes

// Arrays of rows: logits, target, loss, log_sum_exp, of which target and loss have one element a row, and the last two.
template <class C>
struct CrossEntropyForward {
  RowArrays<4> rows;
  const char *logits, *target;
  char *loss, *log_sum_exp;
  int64_t ignore_index;
  C smoothing;
  Row* wild;  // the first row whose target is none
};

template <class T, int V>
__global__ void __launch_bounds__(kMaxRowThreads) cross_entropy_rows(CrossEntropyForward<compute_t<T>> args) {
  using C = compute_t<T>;
  __shared__ SumExp<C> shared[kMaxWarps];
  __shared__ C shared_total[kMaxWarps];
  const RowPlace<4> place(args.rows);
  const int64_t width = args.rows.width, step = args.rows.steps[0];
  const char* const row = args.logits + place.at[0];
  const int64_t before = elements_before<T, V>(row), apart = int64_t{blockDim.x} * V;
  const int64_t first = place.exists ? pack_start<V>(0) - before : width;
  SumExp<C> sum{kLowest<C>, 0};
#pragma unroll 2
  for (int64_t i = first; i < width; i += apart) {
    const Pack<T, V> pack = read_ragged<T, V>(row, i, step, width, cast_to<T>(kLowest<C>));
    C x[V];
#pragma unroll
    for (int k = 0; k < V; ++k) x[k] = static_cast<C>(pack.value[k]);
    add_exp(sum, x);
  }
  sum = group_reduce(sum, JoinExp(), shared);
  C total = 0;
  if (args.smoothing > 0) {
#pragma unroll 2
    for (int64_t i = first; i < width; i += apart) {
      const Pack<T, V> pack = read_ragged<T, V>(row, i, step, width, T{});
#pragma unroll
      for (int k = 0; k < V; ++k)
        if (i + k >= 0 && i + k < width) total += static_cast<C>(pack.value[k]) - sum.highest;
    }
    total = group_reduce(total, Add(), shared_total);
  }
  if (!place.exists || threadIdx.x != 0) return;
  const int64_t target = *reinterpret_cast<const int64_t*>(args.target + place.at[1]);
  const C log_sum = std::log(sum.total);
  C loss = 0;
  if (target != args.ignore_index) {
    if (target < 0 || target >= width) {
      atomicMin(args.wild, static_cast<Row>(args.rows.first + place.row));
      return;
    }
    const C chosen = static_cast<C>(*reinterpret_cast<const T*>(row + target * step));
    const C share = args.smoothing / static_cast<C>(width);
    loss = log_sum - (C(1) - args.smoothing) * (chosen - sum.highest) - share * total;
  }
  *reinterpret_cast<C*>(args.loss + place.at[2]) = loss;
  C* const saved = reinterpret_cast<C*>(args.log_sum_exp + place.at[3]);
  saved[0] = sum.highest;
  saved[1] = log_sum;
}

// Arrays of rows: grad_logits, logits, target, grad_loss, log_sum_exp.
template <class C>
struct CrossEntropyBackward {
  RowArrays<5> rows;
  char* grad_logits;
  const char *logits, *target, *grad_loss, *log_sum_exp;
  int64_t ignore_index;
  C smoothing;
};

template <class T, int V>
__global__ void __launch_bounds__(kMaxRowThreads) cross_entropy_backward_rows(CrossEntropyBackward<compute_t<T>> args) {
  using C = compute_t<T>;
  const RowPlace<5> place(args.rows);
  if (!place.exists) return;
  const int64_t width = args.rows.width, target = *reinterpret_cast<const int64_t*>(args.target + place.at[2]);
  const C* const saved = reinterpret_cast<const C*>(args.log_sum_exp + place.at[4]);
  const C highest = saved[0], log_sum = saved[1];
  const bool ignored = target == args.ignore_index;
  const C g = ignored ? C(0) : *reinterpret_cast<const C*>(args.grad_loss + place.at[3]);
  const C share = args.smoothing / static_cast<C>(width), chosen = (C(1) - args.smoothing) * g;
  const char* const row = args.logits + place.at[1];
  const int64_t before = elements_before<T, V>(row);
#pragma unroll
  for (int p = 0; p < kPacksKept<V>; ++p) {
    const int64_t i = pack_start<V>(int64_t{blockIdx.y} * kPacksKept<V> + p) - before;
    if (i >= width) continue;
    Pack<T, V> x = read_ragged<T, V>(row, i, args.rows.steps[1], width, T{});
#pragma unroll
    for (int k = 0; k < V; ++k) {
      C gradient = (std::exp(static_cast<C>(x.value[k]) - highest - log_sum) - share) * g;
      if (i + k == target) gradient -= chosen;
      x.value[k] = cast_to<T>(ignored ? C(0) : gradient);
    }
    write_ragged<T, V>(args.grad_logits + place.at[0], i, args.rows.steps[0], width, x);
  }
}

// One thread reports the target that is none, if there is one.
__global__ void report_wild(const Row* wild, const int64_t* target, int64_t step, int64_t classes,
                            IndexErrorSlot slot) {
  const Row row = *wild;
  if (row != ~Row{0})
    report_index_error(slot, target[static_cast<int64_t>(row) * step], static_cast<int64_t>(row), classes);
}

template <class T>
void run_cross_entropy(const View& loss, const View& log_sum_exp, const View& logits, const View& target,
                       int64_t ignore_index, double smoothing) {
  using C = compute_t<T>;
  constexpr int V = kRowPack<T>;
  if (target.numel() == 0) return;
  const int64_t classes = logits.shape[1];
  const bool packed = has_dense_rows(logits);
  const DeviceBuffer wild(sizeof(Row), logits.device);
  {
    const DeviceGuard guard(logits.device);
    check(cudaMemsetAsync(wild.data(), 0xff, sizeof(Row), current_stream(logits.device)), "cross_entropy");
  }
  for_rows<4>({logits, across_rows(target, classes), across_rows(loss, classes), across_rows(log_sum_exp, classes)},
              [&](const auto& views, const RowArrays<4>& rows) {
                const RowBlock block(classes, packed ? V : 1, 4);
                const CrossEntropyForward<C> args{rows,
                                                  views[0].template as<const char>(),
                                                  views[1].template as<const char>(),
                                                  views[2].template as<char>(),
                                                  views[3].template as<char>(),
                                                  ignore_index,
                                                  static_cast<C>(smoothing),
                                                  wild.as<Row>()};
                launch("cross_entropy", block.launch_for(rows.rows), logits.device,
                       packed ? cross_entropy_rows<T, V> : cross_entropy_rows<T, 1>, args);
              });
  const IndexErrorSlot slot = index_error_slot(IndexErrorKind::Target, "cross_entropy", target.device);
  launch("cross_entropy", {dim3(1), dim3(1)}, target.device, report_wild, wild.as<Row>(), target.as<const int64_t>(),
         target.strides[0], classes, slot);
  raise_index_error(target.device, slot.call);
}

template <class T>
void run_cross_entropy_backward(const View& grad_logits, const View& grad_loss, const View& log_sum_exp,
                                const View& logits, const View& target, int64_t ignore_index, double smoothing) {
  using C = compute_t<T>;
  constexpr int V = kRowPack<T>;
  const int64_t classes = logits.shape[1];
  const bool packed = has_dense_rows(grad_logits) && has_dense_rows(logits) && rows_lie_alike(grad_logits, logits);
  const int pack = packed ? V : 1, kept = packed ? kPacksKept<V> : kPacksKept<1>;
  for_rows<5>({grad_logits, logits, across_rows(target, classes), across_rows(grad_loss, classes),
               across_rows(log_sum_exp, classes)},
              [&](const auto& views, const RowArrays<5>& rows) {
                const RowBlock block(classes, pack, kept);
                const CrossEntropyBackward<C> args{rows,
                                                   views[0].template as<char>(),
                                                   views[1].template as<const char>(),
                                                   views[2].template as<const char>(),
                                                   views[3].template as<const char>(),
                                                   views[4].template as<const char>(),
                                                   ignore_index,
                                                   static_cast<C>(smoothing)};
                Launch shape = block.launch_for(rows.rows);
                const int64_t of_block = int64_t{block.block.x} * pack * kept;
                shape.grid.y = static_cast<unsigned>(ceil_div(classes + pack - 1, of_block));
                launch("cross_entropy", shape, logits.device,
                       packed ? cross_entropy_backward_rows<T, V> : cross_entropy_backward_rows<T, 1>, args);
              });
}

}  // namespace cuda

void CudaBackend::cross_entropy(const View& loss, const View& log_sum_exp, const View& logits, const View& target,
                                int64_t ignore_index, double label_smoothing) {
  cuda::dispatch_floating("cross_entropy", logits.dtype, [&](auto* tag) {
    cuda::run_cross_entropy<std::remove_pointer_t<decltype(tag)>>(loss, log_sum_exp, logits, target, ignore_index,
                                                                  label_smoothing);
  });
}

void CudaBackend::cross_entropy_backward(const View& grad_logits, const View& grad_loss, const View& log_sum_exp,
                                         const View& logits, const View& target, int64_t ignore_index,
                                         double label_smoothing) {
  cuda::dispatch_floating("cross_entropy", logits.dtype, [&](auto* tag) {
    cuda::run_cross_entropy_backward<std::remove_pointer_t<decltype(tag)>>(grad_logits, grad_loss, log_sum_exp, logits,
                                                                           target, ignore_index, label_smoothing);
  });
}

}  // namespace mote
