// softmax and log_softmax over the last dimension, and the gradients of these and of masked_softmax.
#include "kernels/softmax.cuh"

#include "cuda_backend.h"

namespace mote {

namespace cuda {

// Arrays: grad_in, grad_out, out.
template <class C>
struct SoftmaxBackwardArgs {
  RowArrays<3> rows;
  char* grad_in;
  const char* grad_out;
  const char* out;
  C scale;
  bool log;
};

// What the row sums up of an element.
template <class C, class T>
__device__ __forceinline__ C term_of(T g, T y, bool log) {
  return log ? static_cast<C>(g) : static_cast<C>(g) * static_cast<C>(y);
}

template <class T, int V, class C>
__device__ __forceinline__ void write_gradient(const SoftmaxBackwardArgs<C>& args, char* row, int64_t i,
                                               const Pack<T, V>& g, const Pack<T, V>& y, C total) {
  Pack<T, V> result;
#pragma unroll
  for (int k = 0; k < V; ++k) {
    const C gradient = static_cast<C>(g.value[k]), value = static_cast<C>(y.value[k]);
    result.value[k] =
        cast_to<T>(args.log ? gradient - std::exp(value) * total : value * args.scale * (gradient - total));
  }
  write_pack<T, V>(row, i, args.rows.steps[0], result);
}

template <class T, int V, bool kKeeps>
__global__ void __launch_bounds__(kMaxRowThreads, 1) softmax_backward_rows(SoftmaxBackwardArgs<compute_t<T>> args) {
  using C = compute_t<T>;
  __shared__ C shared[kMaxWarps];
  const RowPlace<3> place(args.rows);
  const ThreadPacks<T, V, 2, kKeeps> packs({args.grad_out + place.at[1], args.out + place.at[2]},
                                           {args.rows.steps[1], args.rows.steps[2]}, args.rows.width, place.exists);
  C total = 0;
  packs.for_each([&](int64_t, const Pack<T, V>(&g_y)[2]) {
    C part = 0;
#pragma unroll
    for (int k = 0; k < V; ++k) part += term_of<C>(g_y[0].value[k], g_y[1].value[k], args.log);
    total += part;
  });
  total = group_reduce(total, Add(), shared);
  packs.for_each([&](int64_t i, const Pack<T, V>(&g_y)[2]) {
    write_gradient(args, args.grad_in + place.at[0], i, g_y[0], g_y[1], total);
  });
}

template <class T>
void run_softmax_backward(const char* op, const View& grad_in, const View& grad_out, const View& out, double scale,
                          bool log) {
  using C = compute_t<T>;
  constexpr int V = kRowPack<T>;
  const bool packed = has_packed_rows(grad_in, V) && has_packed_rows(grad_out, V) && has_packed_rows(out, V);
  for_rows<3>({grad_in, grad_out, out}, [&](const auto& views, const RowArrays<3>& rows) {
    const RowBlock block(rows.width, packed ? V : 1, packed ? kPacksKept<V> : kPacksKept<1>);
    const SoftmaxBackwardArgs<C> args{rows,
                                      views[0].template as<char>(),
                                      views[1].template as<const char>(),
                                      views[2].template as<const char>(),
                                      static_cast<C>(scale),
                                      log};
    const auto kernel = block.in_registers
                            ? (packed ? softmax_backward_rows<T, V, true> : softmax_backward_rows<T, 1, true>)
                            : (packed ? softmax_backward_rows<T, V, false> : softmax_backward_rows<T, 1, false>);
    launch(op, block.launch_for(rows.rows), out.device, kernel, args);
  });
}

}  // namespace cuda

void CudaBackend::softmax(const View& out, const View& in, bool log) {
  cuda::dispatch_floating("softmax", out.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    cuda::run_softmax<T, false>(log ? "log_softmax" : "softmax", out, in, nullptr, 1.0, log);
  });
}

void CudaBackend::softmax_backward(const View& grad_in, const View& grad_out, const View& out, bool log) {
  cuda::dispatch_floating("softmax", out.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    cuda::run_softmax_backward<T>(log ? "log_softmax" : "softmax", grad_in, grad_out, out, 1.0, log);
  });
}

void CudaBackend::masked_softmax_backward(const View& grad_in, const View& grad_out, const View& out, double scale) {
  cuda::dispatch_floating("masked_softmax", out.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    cuda::run_softmax_backward<T>("masked_softmax", grad_in, grad_out, out, scale, false);
  });
}

}  // namespace mote
