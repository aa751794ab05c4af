// y = h weight + bias with h = (x - mean) rstd over rows, and the gradient of x. With u = g weight:
//   forward  x in registers: its mean, then its variance from deviations, then y. Moves x and y once.
//   grad_x   rstd (u - mean(u) - h mean(u h)), x and g in registers. Moves x, g and grad_x once.
// Rows that do not fit into registers are read again for each sum.
#include "cuda_backend.h"
#include "kernels/layer_norm_sums.h"
#include "kernels/row_kernels.cuh"

namespace mote {

namespace cuda {

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

// Arrays: out, x, mean, rstd.
template <class C>
struct LayerNormForward {
  RowArrays<4> rows;
  char* out;
  const char* x;
  char *mean, *rstd;
  Factor weight, bias;
  C eps;
};

template <class T, int V, bool kKeeps>
__global__ void __launch_bounds__(kMaxRowThreads, 1) layer_norm_rows(LayerNormForward<compute_t<T>> args) {
  using C = compute_t<T>;
  __shared__ C shared[kMaxWarps];
  const RowPlace<4> place(args.rows);
  const ThreadPacks<T, V, 1, kKeeps> packs({args.x + place.at[1]}, {args.rows.steps[1]}, args.rows.width, place.exists);
  const C width = static_cast<C>(args.rows.width);
  C sum = 0, squares = 0;
  packs.for_each([&](int64_t, const Pack<T, V>(&x)[1]) {
#pragma unroll
    for (int k = 0; k < V; ++k) sum += static_cast<C>(x[0].value[k]);
  });
  const C mean = group_reduce(sum, Add(), shared) / width;
  packs.for_each([&](int64_t, const Pack<T, V>(&x)[1]) {
#pragma unroll
    for (int k = 0; k < V; ++k) {
      const C deviation = static_cast<C>(x[0].value[k]) - mean;
      squares += deviation * deviation;
    }
  });
  const C rstd = C(1) / std::sqrt(group_reduce(squares, Add(), shared) / width + args.eps);
  if (place.exists && threadIdx.x == 0) {
    *reinterpret_cast<C*>(args.mean + place.at[2]) = mean;
    *reinterpret_cast<C*>(args.rstd + place.at[3]) = rstd;
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

// Arrays: grad_x, x, grad_out, mean, rstd.
struct LayerNormBackward {
  RowArrays<5> rows;
  char* grad_x;
  const char *x, *grad_out, *mean, *rstd;
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

template <class T, int V, bool kKeeps>
__global__ void __launch_bounds__(kMaxRowThreads, 1) layer_norm_backward_rows(LayerNormBackward args) {
  using C = compute_t<T>;
  __shared__ TwoSums<C> shared[kMaxWarps];
  const RowPlace<5> place(args.rows);
  const ThreadPacks<T, V, 2, kKeeps> packs({args.x + place.at[1], args.grad_out + place.at[2]},
                                           {args.rows.steps[1], args.rows.steps[2]}, args.rows.width, place.exists);
  const C mean = place.exists ? *reinterpret_cast<const C*>(args.mean + place.at[3]) : C(0);
  const C rstd = place.exists ? *reinterpret_cast<const C*>(args.rstd + place.at[4]) : C(0);
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
  sums = group_reduce(sums, AddTwo(), shared);
  const C share = C(1) / static_cast<C>(args.rows.width), mean_u = sums.u * share, mean_uh = sums.uh * share;
  packs.for_each([&](int64_t i, const Pack<T, V>(&x_g)[2]) {
    Pack<T, V> result;
    for_elements(i, x_g, [&](int k, C u, C h) { result.value[k] = cast_to<T>(rstd * (u - mean_u - h * mean_uh)); });
    write_pack<T, V>(args.grad_x + place.at[0], i, args.rows.steps[0], result);
  });
}

Factor factor_of(const std::optional<View>& view, int pack) {
  if (!view) return {};
  return {view->as<const char>(), view->strides[0] * static_cast<int64_t>(size_of(view->dtype)),
          has_packed_rows(*view, pack)};
}

template <class T>
void run_layer_norm(const View& out, const View& mean, const View& rstd, const LayerNormArgs& args) {
  using C = compute_t<T>;
  constexpr int V = kRowPack<T>;
  const int64_t width = args.x.shape[1];
  const bool packed = has_packed_rows(out, V) && has_packed_rows(args.x, V);
  const int pack = packed ? V : 1;
  for_rows<4>({out, args.x, across_rows(mean, width), across_rows(rstd, width)}, [&](const auto& views,
                                                                                     const RowArrays<4>& rows) {
    const RowBlock block(width, pack, packed ? kPacksKept<V> : kPacksKept<1>);
    const LayerNormForward<C> forward{rows,
                                      views[0].template as<char>(),
                                      views[1].template as<const char>(),
                                      views[2].template as<char>(),
                                      views[3].template as<char>(),
                                      factor_of(args.weight, pack),
                                      factor_of(args.bias, pack),
                                      static_cast<C>(args.eps)};
    const auto kernel = block.in_registers ? (packed ? layer_norm_rows<T, V, true> : layer_norm_rows<T, 1, true>)
                                           : (packed ? layer_norm_rows<T, V, false> : layer_norm_rows<T, 1, false>);
    launch("layer_norm", block.launch_for(rows.rows), args.x.device, kernel, forward);
  });
}

template <class T>
void run_layer_norm_backward(const View& grad_x, const View& grad_out, const View& mean, const View& rstd,
                             const LayerNormArgs& args) {
  constexpr int V = kRowPack<T>;
  const int64_t width = args.x.shape[1];
  const bool packed = has_packed_rows(grad_x, V) && has_packed_rows(args.x, V) && has_packed_rows(grad_out, V);
  const int pack = packed ? V : 1;
  for_rows<5>({grad_x, args.x, grad_out, across_rows(mean, width), across_rows(rstd, width)},
              [&](const auto& views, const RowArrays<5>& rows) {
                const RowBlock block(width, pack, packed ? kPacksKept<V> : kPacksKept<1>);
                const LayerNormBackward backward{rows,
                                                 views[0].template as<char>(),
                                                 views[1].template as<const char>(),
                                                 views[2].template as<const char>(),
                                                 views[3].template as<const char>(),
                                                 views[4].template as<const char>(),
                                                 factor_of(args.weight, pack)};
                const auto kernel =
                    block.in_registers
                        ? (packed ? layer_norm_backward_rows<T, V, true> : layer_norm_backward_rows<T, 1, true>)
                        : (packed ? layer_norm_backward_rows<T, V, false> : layer_norm_backward_rows<T, 1, false>);
                launch("layer_norm", block.launch_for(rows.rows), grad_out.device, kernel, backward);
              });
}

}  // namespace cuda

void CudaBackend::layer_norm(const View& out, const View& mean, const View& rstd, const LayerNormArgs& args) {
  cuda::dispatch_floating("layer_norm", out.dtype, [&](auto* tag) {
    cuda::run_layer_norm<std::remove_pointer_t<decltype(tag)>>(out, mean, rstd, args);
  });
}

void CudaBackend::layer_norm_backward(std::optional<View> grad_x, std::optional<View> grad_weight,
                                      std::optional<View> grad_bias, const View& grad_out, const View& mean,
                                      const View& rstd, const LayerNormArgs& args) {
  if (args.x.shape[1] == 0) return;
  if (grad_x)
    cuda::dispatch_floating("layer_norm", grad_out.dtype, [&](auto* tag) {
      cuda::run_layer_norm_backward<std::remove_pointer_t<decltype(tag)>>(*grad_x, grad_out, mean, rstd, args);
    });
  if (grad_weight || grad_bias) cuda::layer_norm_sums(grad_weight, grad_bias, grad_out, mean, rstd, args.x);
}

}  // namespace mote
