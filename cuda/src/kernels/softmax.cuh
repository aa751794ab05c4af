// y = softmax(scale * x) over rows, with -inf in the place of x where a mask holds, or its logarithm; and the gradient.
//   forward   x in registers: maximum, sum of exponentials, result. Moves x, the mask and y once.
//             Longer rows: both sums in one pass, the result in a second one.
//   backward  gx = scale * y (g - sum(g y)), or g - exp(y) sum(g) of the logarithm. Moves g, y and gx once.
#pragma once

#include "kernels/row_kernels.cuh"
#include "kernels/sum_exp.cuh"

namespace mote::cuda {

// Arrays: out, in and the mask, whose place is taken by `in` where there is none.
template <class C>
struct SoftmaxArgs {
  RowArrays<3> rows;
  char* out;
  const char* in;
  const char* mask;
  C scale;
  bool log;
  bool packed_mask;
};

// The next scores as C; -inf where they are masked.
template <class T, int V, bool kMasked, class C>
__device__ __forceinline__ void read_scores(const SoftmaxArgs<C>& args, const RowPlace<3>& place, int64_t i,
                                            C (&x)[V]) {
  const Pack<T, V> pack = read_pack<T, V>(args.in + place.at[1], i, args.rows.steps[1]);
#pragma unroll
  for (int k = 0; k < V; ++k) x[k] = static_cast<C>(pack.value[k]);
  if constexpr (kMasked) {
    const char* const mask = args.mask + place.at[2];
    Pack<uint8_t, V> filled;
    if (args.packed_mask) {
      filled = read_pack<uint8_t, V>(mask, i, 1);
    } else {
#pragma unroll
      for (int k = 0; k < V; ++k) filled.value[k] = static_cast<uint8_t>(mask[(i + k) * args.rows.steps[2]]);
    }
#pragma unroll
    for (int k = 0; k < V; ++k) x[k] = filled.value[k] ? kLowest<C> : x[k] * args.scale;
  }
}

// The result from x - base, its exponential's share of the row, and the logarithm of the row's sum.
template <class T, int V, class C>
__device__ __forceinline__ void write_probabilities(const SoftmaxArgs<C>& args, char* row, int64_t i, const C (&x)[V],
                                                    C share) {
  Pack<T, V> pack;
#pragma unroll
  for (int k = 0; k < V; ++k) pack.value[k] = cast_to<T>(args.log ? x[k] - share : x[k] * share);
  write_pack<T, V>(row, i, args.rows.steps[0], pack);
}

// What a row's exponentials are multiplied by; of the logarithm, what is subtracted. Nothing is left of a row that is
// wholly masked.
template <bool kMasked, class C>
__device__ __forceinline__ C share_of(C total, bool log) {
  if (log) return std::log(total);
  return kMasked && total == C(0) ? C(0) : C(1) / total;
}

template <class T, int V, bool kMasked>
__global__ void __launch_bounds__(kMaxRowThreads) softmax_rows(SoftmaxArgs<compute_t<T>> args) {
  using C = compute_t<T>;
  constexpr int kPacks = kPacksKept<V>;
  __shared__ C shared[kMaxWarps];
  const RowPlace<3> place(args.rows);
  C x[kPacks][V], highest = kLowest<C>, total = 0;
#pragma unroll
  for (int p = 0; p < kPacks; ++p) {
    const int64_t i = pack_start<V>(p);
    if (place.exists && i < args.rows.width) {
      read_scores<T, V, kMasked>(args, place, i, x[p]);
    } else {
#pragma unroll
      for (int k = 0; k < V; ++k) x[p][k] = kLowest<C>;
    }
#pragma unroll
    for (int k = 0; k < V; ++k) highest = ::max(highest, x[p][k]);
  }
  highest = group_reduce(highest, Greater(), shared);
  const C base = kMasked ? exp_base(highest) : highest;
#pragma unroll
  for (int p = 0; p < kPacks; ++p)
#pragma unroll
    for (int k = 0; k < V; ++k) {
      const C power = std::exp(x[p][k] - base);
      total += power;
      x[p][k] = args.log ? x[p][k] - base : power;
    }
  const C share = share_of<kMasked>(group_reduce(total, Add(), shared), args.log);
#pragma unroll
  for (int p = 0; p < kPacks; ++p) {
    const int64_t i = pack_start<V>(p);
    if (place.exists && i < args.rows.width) write_probabilities<T, V>(args, args.out + place.at[0], i, x[p], share);
  }
}

// A block has one row.
template <class T, int V, bool kMasked>
__global__ void __launch_bounds__(kMaxRowThreads) softmax_long_rows(SoftmaxArgs<compute_t<T>> args) {
  using C = compute_t<T>;
  __shared__ SumExp<C> shared[kMaxWarps];
  const RowPlace<3> place(args.rows);
  SumExp<C> sum{kLowest<C>, 0};
  const int64_t step = int64_t{blockDim.x} * V;
#pragma unroll 4
  for (int64_t i = pack_start<V>(0); i < args.rows.width; i += step) {
    C x[V];
    read_scores<T, V, kMasked>(args, place, i, x);
    add_exp(sum, x);
  }
  sum = group_reduce(sum, JoinExp(), shared);
  const C base = kMasked ? exp_base(sum.highest) : sum.highest;
  const C share = share_of<kMasked>(sum.total, args.log);
#pragma unroll 4
  for (int64_t i = pack_start<V>(0); i < args.rows.width; i += step) {
    C x[V];
    read_scores<T, V, kMasked>(args, place, i, x);
#pragma unroll
    for (int k = 0; k < V; ++k) x[k] = args.log ? x[k] - base : std::exp(x[k] - base);
    write_probabilities<T, V>(args, args.out + place.at[0], i, x, share);
  }
}

template <class T, bool kMasked>
void run_softmax(const char* op, const View& out, const View& in, const View* mask, double scale, bool log) {
  using C = compute_t<T>;
  constexpr int V = kRowPack<T>;
  const bool packed = has_packed_rows(out, V) && has_packed_rows(in, V);
  const int pack = packed ? V : 1;
  for_rows<3>({out, in, mask ? *mask : in}, [&](const auto& views, const RowArrays<3>& rows) {
    const RowBlock block(rows.width, pack, packed ? kPacksKept<V> : kPacksKept<1>);
    const SoftmaxArgs<C> args{rows,
                              views[0].template as<char>(),
                              views[1].template as<const char>(),
                              views[2].template as<const char>(),
                              static_cast<C>(scale),
                              log,
                              mask && has_packed_rows(*mask, pack)};
    const auto kernel = block.in_registers
                            ? (packed ? softmax_rows<T, V, kMasked> : softmax_rows<T, 1, kMasked>)
                            : (packed ? softmax_long_rows<T, V, kMasked> : softmax_long_rows<T, 1, kMasked>);
    launch(op, block.launch_for(rows.rows), out.device, kernel, args);
  });
}

}  // namespace mote::cuda
