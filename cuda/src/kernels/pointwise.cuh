// out[i] = op(in_0[i], in_1[i], ...): the two kernels behind every element-wise operation.
//   dense    all operands row-major: 16-byte loads and stores, as many packs a thread as keep several in flight;
//            bytes moved: those of the operands, once each
//   strided  any strides, broadcasting included: an index computation and one element at a time
#pragma once

#include "kernels/launch.h"
#include "kernels/strided_index.h"
#include "mote/backend.h"

namespace mote::cuda {

inline constexpr int kPointwiseThreads = 256;

// Neighbours that are loaded and stored together.
template <class T, int V>
struct alignas(sizeof(T) * V) Pack {
  T value[V];
};

// Elements of the largest of these types in 16 bytes.
template <class... T>
inline constexpr int kPackSize = 16 / static_cast<int>(std::max({sizeof(T)...}));

template <class Op, class Out, class... In>
__global__ void dense_pointwise(Op op, int64_t count, Out* out, const In*... in) {
  constexpr int V = kPackSize<Out, In...>;
  const int64_t packs = count / V, step = int64_t{gridDim.x} * blockDim.x;
  const int64_t first = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  for (int64_t i = first; i < packs; i += step) {
    const auto compute = [&](const Pack<In, V>&... x) {
      Pack<Out, V> y;
#pragma unroll
      for (int k = 0; k < V; ++k) y.value[k] = op(x.value[k]...);
      reinterpret_cast<Pack<Out, V>*>(out)[i] = y;
    };
    compute(reinterpret_cast<const Pack<In, V>*>(in)[i]...);
  }
  for (int64_t i = packs * V + first; i < count; i += step) out[i] = op(in[i]...);
}

template <class Out, class... In, int... K, class Op, int N>
__device__ void strided_element(const Op& op, const StridedIndex<N>& index, uint32_t i,
                                std::integer_sequence<int, K...>, Out* out, const In*... in) {
  const auto offsets = index.offsets(i);
  *reinterpret_cast<Out*>(reinterpret_cast<char*>(out) + offsets.at[0]) =
      op(*reinterpret_cast<const In*>(reinterpret_cast<const char*>(in) + offsets.at[K + 1])...);
}

template <class Op, class Out, class... In>
__global__ void strided_pointwise(Op op, StridedIndex<1 + sizeof...(In)> index, uint32_t count, Out* out,
                                  const In*... in) {
  const uint32_t step = gridDim.x * blockDim.x;
  for (uint32_t i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += step)
    strided_element(op, index, i, std::make_integer_sequence<int, sizeof...(In)>(), out, in...);
}

// Whether packs of V elements of T start at the view's address.
template <class T>
bool is_packed(const View& view, int pack) {
  return view.is_contiguous() && reinterpret_cast<uintptr_t>(view.data) % (sizeof(T) * static_cast<size_t>(pack)) == 0;
}

// Runs op over views of one shape: out, then one for each In. kDense says whether the dense kernel is worth having.
template <bool kDense, class Out, class... In, class Op, class... InView>
void pointwise(const char* name, Op op, const View& out, const InView&... in) {
  static_assert(sizeof...(In) == sizeof...(InView));
  if (out.numel() == 0) return;
  if constexpr (kDense) {
    constexpr int V = kPackSize<Out, In...>;
    if (is_packed<Out>(out, V) && (is_packed<In>(in, V) && ...)) {
      const int64_t count = out.numel();
      return launch(name, strided_launch(ceil_div(count, int64_t{V}), kPointwiseThreads, out.device), out.device,
                    dense_pointwise<Op, Out, In...>, op, count, out.as<Out>(), in.template as<const In>()...);
    }
  }
  constexpr int N = 1 + sizeof...(In);
  StridedParts<N>({out, in...})
      .for_each([&](const std::array<View, N>& views, const StridedIndex<N>& index, uint32_t count, int64_t) {
        const Launch shape = strided_launch(count, kPointwiseThreads, out.device);
        [&]<size_t... K>(std::index_sequence<K...>) {
          launch(name, shape, out.device, strided_pointwise<Op, Out, In...>, op, index, count,
                 views[0].template as<Out>(), views[K + 1].template as<const In>()...);
        }
        (std::index_sequence_for<In...>());
      });
}

}  // namespace mote::cuda
