// y = h weight + bias with h = (x - mean) rstd over rows, and the gradient of x. With u = g weight:
//   forward  x in registers: its mean, then its variance from deviations, then y. Moves x and y once.
//   grad_x   rstd (u - mean(u) - h mean(u h)), x and g in registers. Moves x, g and grad_x once.
// Rows that do not fit into registers are read again for each sum. A norm that is not centred, rms_norm, has the mean
// of squares for its variance, and leaves out mean and mean(u).
#pragma once

#include "cuda_backend.h"
#include "kernels/layer_norm_sums.h"
#include "kernels/row_kernels.cuh"

namespace mote::cuda {

// A row of factors for all rows; without data, the same number everywhere.
struct Factor {
  const char* data = nullptr;
  int64_t step = 0;  // bytes
  bool packed = false;
};

template <class T, int V, class C>
__device__ __forceinline__ void read_factor(const Factor& factor, int64_t i, C otherwise, C (&value)[V]) {
  Pack<T, V> pack;
  if (factor.data && factor.packed) pack = read_pack<T, V>(factor.data, i, factor.step);
#pragma unroll
  for (int k = 0; k < V; ++k) {
    if (factor.data && !factor.packed) pack.value[k] = *reinterpret_cast<const T*>(factor.data + (i + k) * factor.step);
    value[k] = factor.data ? static_cast<C>(pack.value[k]) : otherwise;
  }
}

// Arrays: out, x, rstd and, if centred, mean.
template <class C, bool kCentred>
struct LayerNormForward {
  static constexpr int kArrays = kCentred ? 4 : 3;
  RowArrays<kArrays> rows;
  char* out;
  const char* x;
  char *rstd, *mean;
  Factor weight, bias;
  C eps;
};

template <class T, int V, bool kKeeps, bool kCentred>
__global__ void __launch_bounds__(kMaxRowThreads, 1) layer_norm_rows(LayerNormForward<compute_t<T>, kCentred> args) {
  using C = compute_t<T>;
  __shared__ C shared[kMaxWarps];
  const RowPlace<args.kArrays> place(args.rows);
  const ThreadPacks<T, V, 1, kKeeps> packs({args.x + place.at[1]}, {args.rows.steps[1]}, args.rows.width, place.exists);
  const C width = static_cast<C>(args.rows.width);
  C mean = 0, squares = 0;
  if constexpr (kCentred) {
    C sum = 0;
    packs.for_each([&](int64_t, const Pack<T, V>(&x)[1]) {
#pragma unroll
      for (int k = 0; k < V; ++k) sum += static_cast<C>(x[0].value[k]);
    });
    mean = group_reduce(sum, Add(), shared) / width;
  }
  packs.for_each([&](int64_t, const Pack<T, V>(&x)[1]) {
#pragma unroll
    for (int k = 0; k < V; ++k) {
      const C deviation = static_cast<C>(x[0].value[k]) - mean;
      squares += deviation * deviation;
    }
  });
  const C rstd = C(1) / std::sqrt(group_reduce(squares, Add(), shared) / width + args.eps);
  if (place.exists && threadIdx.x == 0) {
    *reinterpret_cast<C*>(args.rstd + place.at[2]) = rstd;
    if constexpr (kCentred) *reinterpret_cast<C*>(args.mean + place.at[3]) = mean;
  }
  packs.for_each([&](int64_t i, const Pack<T, V>(&x)[1]) {
    C weight[V], bias[V];
    read_factor<T, V>(args.weight, i, C(1), weight);
    read_factor<T, V>(args.bias, i, C(0), bias);
    Pack<T, V> y;
#pragma unroll
    for (int k = 0; k < V; ++k)
      y.value[k] = cast_to<T>((static_cast<C>(x[0].value[k]) - mean) * rstd * weight[k] + bias[k]);
    write_pack<T, V>(args.out + place.at[0], i, args.rows.steps[0], y);
  });
}

// Arrays: grad_x, x, grad_out, rstd and, if centred, mean.
template <bool kCentred>
struct LayerNormBackward {
  static constexpr int kArrays = kCentred ? 5 : 4;
  RowArrays<kArrays> rows;
  char* grad_x;
  const char *x, *grad_out, *rstd, *mean;
  Factor weight;
};

template <class C>
struct TwoSums {
  C u, uh;
};
struct AddTwo {
  template <class C>
  __device__ TwoSums<C> operator()(const TwoSums<C>& a, const TwoSums<C>& b) const {
    return {a.u + b.u, a.uh + b.uh};
  }
};

template <class T, int V, bool kKeeps, bool kCentred>
__global__ void __launch_bounds__(kMaxRowThreads, 1) layer_norm_backward_rows(LayerNormBackward<kCentred> args) {
  using C = compute_t<T>;
  __shared__ std::conditional_t<kCentred, TwoSums<C>, C> shared[kMaxWarps];
  const RowPlace<args.kArrays> place(args.rows);
  const ThreadPacks<T, V, 2, kKeeps> packs({args.x + place.at[1], args.grad_out + place.at[2]},
                                           {args.rows.steps[1], args.rows.steps[2]}, args.rows.width, place.exists);
  const C rstd = place.exists ? *reinterpret_cast<const C*>(args.rstd + place.at[3]) : C(0);
  C mean = 0;
  if constexpr (kCentred) mean = place.exists ? *reinterpret_cast<const C*>(args.mean + place.at[4]) : C(0);
  // Calls f(k, u, h) for the elements of a pack.
  const auto for_elements = [&](int64_t i, const Pack<T, V>(&x_g)[2], const auto& f) {
    C weight[V];
    read_factor<T, V>(args.weight, i, C(1), weight);
#pragma unroll
    for (int k = 0; k < V; ++k)
      f(k, static_cast<C>(x_g[1].value[k]) * weight[k], (static_cast<C>(x_g[0].value[k]) - mean) * rstd);
  };
  TwoSums<C> sums{0, 0};
  packs.for_each([&](int64_t i, const Pack<T, V>(&x_g)[2]) {
    for_elements(i, x_g, [&](int, C u, C h) {
      sums.u += u;
      sums.uh += u * h;
    });
  });
  if constexpr (kCentred)
    sums = group_reduce(sums, AddTwo(), shared);
  else
    sums.uh = group_reduce(sums.uh, Add(), shared);
  const C share = C(1) / static_cast<C>(args.rows.width);
  const C mean_u = kCentred ? sums.u * share : C(0), mean_uh = sums.uh * share;
  packs.for_each([&](int64_t i, const Pack<T, V>(&x_g)[2]) {
    Pack<T, V> result;
    for_elements(i, x_g, [&](int k, C u, C h) { result.value[k] = cast_to<T>(rstd * (u - mean_u - h * mean_uh)); });
    write_pack<T, V>(args.grad_x + place.at[0], i, args.rows.steps[0], result);
  });
}

inline Factor factor_of(const std::optional<View>& view, int pack) {
  if (!view) return {};
  return {view->as<const char>(), view->strides[0] * static_cast<int64_t>(size_of(view->dtype)),
          has_packed_rows(*view, pack)};
}

// The last of several arrays, where it is there.
template <bool kCentred, size_t N>
char* mean_of(const std::array<View, N>& views) {
  return kCentred ? views[N - 1].template as<char>() : nullptr;
}

// mean is there if the norm is centred.
template <class T, bool kCentred>
void run_layer_norm(const char* op, const View& out, const View* mean, const View& rstd, const LayerNormArgs& args) {
  using Forward = LayerNormForward<compute_t<T>, kCentred>;
  constexpr int V = kRowPack<T>, kArrays = Forward::kArrays;
  const int64_t width = args.x.shape[1];
  const bool packed = has_packed_rows(out, V) && has_packed_rows(args.x, V);
  const int pack = packed ? V : 1;
  std::array<View, kArrays> arrays{out, args.x, across_rows(rstd, width)};
  if constexpr (kCentred) arrays[3] = across_rows(*mean, width);
  for_rows<kArrays>(arrays, [&](const auto& views, const RowArrays<kArrays>& rows) {
    const RowBlock block(width, pack, packed ? kPacksKept<V> : kPacksKept<1>);
    const Forward forward{rows,
                          views[0].template as<char>(),
                          views[1].template as<const char>(),
                          views[2].template as<char>(),
                          mean_of<kCentred>(views),
                          factor_of(args.weight, pack),
                          factor_of(args.bias, pack),
                          static_cast<compute_t<T>>(args.eps)};
    const auto kernel =
        block.in_registers ? (packed ? layer_norm_rows<T, V, true, kCentred> : layer_norm_rows<T, 1, true, kCentred>)
                           : (packed ? layer_norm_rows<T, V, false, kCentred> : layer_norm_rows<T, 1, false, kCentred>);
    launch(op, block.launch_for(rows.rows), args.x.device, kernel, forward);
  });
}

template <class T, bool kCentred>
void run_layer_norm_backward(const char* op, const View& grad_x, const View& grad_out, const View* mean,
                             const View& rstd, const LayerNormArgs& args) {
  using Backward = LayerNormBackward<kCentred>;
  constexpr int V = kRowPack<T>, kArrays = Backward::kArrays;
  const int64_t width = args.x.shape[1];
  const bool packed = has_packed_rows(grad_x, V) && has_packed_rows(args.x, V) && has_packed_rows(grad_out, V);
  const int pack = packed ? V : 1;
  std::array<View, kArrays> arrays{grad_x, args.x, grad_out, across_rows(rstd, width)};
  if constexpr (kCentred) arrays[4] = across_rows(*mean, width);
  for_rows<kArrays>(arrays, [&](const auto& views, const RowArrays<kArrays>& rows) {
    const RowBlock block(width, pack, packed ? kPacksKept<V> : kPacksKept<1>);
    const Backward backward{rows,
                            views[0].template as<char>(),
                            views[1].template as<const char>(),
                            views[2].template as<const char>(),
                            views[3].template as<const char>(),
                            mean_of<kCentred>(views),
                            factor_of(args.weight, pack)};
    const auto kernel =
        block.in_registers
            ? (packed ? layer_norm_backward_rows<T, V, true, kCentred> : layer_norm_backward_rows<T, 1, true, kCentred>)
            : (packed ? layer_norm_backward_rows<T, V, false, kCentred>
                      : layer_norm_backward_rows<T, 1, false, kCentred>);
    launch(op, block.launch_for(rows.rows), grad_out.device, kernel, backward);
  });
}

// The gradients, those that are wanted.
template <bool kCentred>
void layer_norm_gradients(const char* op, const std::optional<View>& grad_x, const std::optional<View>& grad_weight,
                          const std::optional<View>& grad_bias, const View& grad_out, const View* mean,
                          const View& rstd, const LayerNormArgs& args) {
  if (args.x.shape[1] == 0) return;
  if (grad_x)
    dispatch_floating(op, grad_out.dtype, [&](auto* tag) {
      using T = std::remove_pointer_t<decltype(tag)>;
      run_layer_norm_backward<T, kCentred>(op, *grad_x, grad_out, mean, rstd, args);
    });
  if (grad_weight || grad_bias) layer_norm_sums(op, grad_weight, grad_bias, grad_out, mean, rstd, args.x);
}

}  // namespace mote::cuda
