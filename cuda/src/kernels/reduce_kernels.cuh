// Reductions over any dimensions of an array of any strides: y[r] = combination over g of x[kept(r) + gone(g)].
//   rows     a group of 1 to 256 threads for each result walks over what goes; four packs in flight a thread
//   columns  neighbouring threads have neighbouring results, the rows of the block share what goes
//   join     the partial results of a result that was cut into segments
// Dense data comes in packs of 16 bytes. Elements are read once; partial results are few. Packs of a few elements are
// reduced in the compute type, and what comes of them joins in double (Op::Partial), so that long rows lose no digits.
//
// An Op has a type Partial, start(), chunk<V>(x, first, apart): N elements reduced, where element i stands at position
// first + i / V * apart + i % V, and combine(a, b). Op::Result, which it derives from, is what joins partial results
// and stores them: start(), combine(a, b) and store(to, partial, count).
#pragma once

#include "kernels/block_reduce.cuh"
#include "kernels/pointwise.cuh"
#include "kernels/strided_index.h"
#include "kernels/typed_element.h"

namespace mote::cuda {

inline constexpr int kReduceThreads = 256;
inline constexpr int kPacksAtOnce = 4;

struct ReduceShape {
  StridedIndex<2> kept;         // in, out
  StridedIndex<1> gone;         // in; counts packs for rows
  uint32_t results, positions;  // of kept and of gone
  uint32_t stretch;             // positions of a segment
  int64_t first;                // elements that go before these positions
  int64_t count;                // elements that make one result
  uint32_t segments, segment;   // of all, and before these
};

__device__ __forceinline__ int64_t offset_at(const StridedIndex<1>& index, uint32_t position) {
  return index.rank == 1 ? position * index.strides[0][0] : index.offsets(position).at[0];
}

template <class Op, class Partial>
__device__ __forceinline__ void put_result(const Op& op, const ReduceShape& shape, uint32_t result, Partial total,
                                           char* to, Partial* partials) {
  if (partials) {
    partials[static_cast<int64_t>(result) * shape.segments + shape.segment + blockIdx.y] = total;
  } else {
    op.store(to, total, shape.count);
  }
}

// Positions i, i + step, ... before `end`, for one result.
template <class T, int V, class Op>
__device__ __forceinline__ auto reduce_stretch(const Op& op, const ReduceShape& shape, const char* base, uint32_t i,
                                               uint32_t end, uint32_t step) {
  using C = compute_t<T>;
  typename Op::Partial total = op.start();
  const auto load = [&](uint32_t position) {
    return *reinterpret_cast<const Pack<T, V>*>(base + offset_at(shape.gone, position));
  };
  const auto position = [&] { return shape.first + static_cast<int64_t>(i) * V; };
  for (; i + (kPacksAtOnce - 1) * step < end; i += kPacksAtOnce * step) {
    Pack<T, V> packs[kPacksAtOnce];
    C x[kPacksAtOnce * V];
#pragma unroll
    for (int p = 0; p < kPacksAtOnce; ++p) packs[p] = load(i + p * step);
#pragma unroll
    for (int k = 0; k < kPacksAtOnce * V; ++k) x[k] = static_cast<C>(packs[k / V].value[k % V]);
    total = op.combine(total, op.template chunk<V>(x, position(), int64_t{step} * V));
  }
  for (; i < end; i += step) {
    const Pack<T, V> pack = load(i);
    C x[V];
#pragma unroll
    for (int k = 0; k < V; ++k) x[k] = static_cast<C>(pack.value[k]);
    total = op.combine(total, op.template chunk<V>(x, position(), 0));
  }
  return total;
}

template <class Op, class T, int V>
__global__ void __launch_bounds__(kReduceThreads)
    reduce_rows(Op op, ReduceShape shape, const char* in, char* out, typename Op::Partial* partials) {
  using Partial = typename Op::Partial;
  __shared__ Partial shared[kMaxWarps];
  const uint32_t result = blockIdx.x * blockDim.y + threadIdx.y;
  const bool exists = result < shape.results;
  const auto at = shape.kept.offsets(exists ? result : 0);
  const uint32_t begin = blockIdx.y * shape.stretch, end = min(shape.positions, begin + shape.stretch);
  Partial total = op.start();
  if (exists) total = reduce_stretch<T, V>(op, shape, in + at.at[0], begin + threadIdx.x, end, blockDim.x);
  total = group_reduce(
      total, [&](const Partial& a, const Partial& b) { return op.combine(a, b); }, shared);
  if (exists && threadIdx.x == 0) put_result(op, shape, result, total, out + at.at[1], partials);
}

template <class Op, class T, int V>
__global__ void __launch_bounds__(kReduceThreads)
    reduce_columns(Op op, ReduceShape shape, const char* in, char* out, typename Op::Partial* partials) {
  using Partial = typename Op::Partial;
  using C = compute_t<T>;
  __shared__ Partial shared[kReduceThreads];
  const uint32_t result = (blockIdx.x * blockDim.x + threadIdx.x) * V;
  const bool exists = result < shape.results;
  const auto at = shape.kept.offsets(exists ? result : 0);
  const uint32_t begin = blockIdx.y * shape.stretch, end = min(shape.positions, begin + shape.stretch);
  const uint32_t step = blockDim.y;
  Partial total[V];
#pragma unroll
  for (int k = 0; k < V; ++k) total[k] = op.start();
  const auto load = [&](uint32_t row) {
    return *reinterpret_cast<const Pack<T, V>*>(in + at.at[0] + offset_at(shape.gone, row));
  };
  uint32_t i = exists ? begin + threadIdx.y : end;
  for (; i + (kPacksAtOnce - 1) * step < end; i += kPacksAtOnce * step) {
    Pack<T, V> packs[kPacksAtOnce];
#pragma unroll
    for (int p = 0; p < kPacksAtOnce; ++p) packs[p] = load(i + p * step);
#pragma unroll
    for (int k = 0; k < V; ++k) {
      C x[kPacksAtOnce];
#pragma unroll
      for (int p = 0; p < kPacksAtOnce; ++p) x[p] = static_cast<C>(packs[p].value[k]);
      total[k] = op.combine(total[k], op.template chunk<1>(x, shape.first + i, step));
    }
  }
  for (; i < end; i += step) {
    const Pack<T, V> pack = load(i);
#pragma unroll
    for (int k = 0; k < V; ++k) {
      const C x[1] = {static_cast<C>(pack.value[k])};
      total[k] = op.combine(total[k], op.template chunk<1>(x, shape.first + i, 0));
    }
  }
#pragma unroll
  for (int k = 0; k < V; ++k) {
    const Partial column = column_reduce(
        total[k], [&](const Partial& a, const Partial& b) { return op.combine(a, b); }, shared);
    if (exists && threadIdx.y == 0)
      put_result(op, shape, result + k, column, out + at.at[1] + k * shape.kept.strides[0][1], partials);
  }
}

// A result is where the index of kept dimensions has it; no segments give what an empty reduction gives.
template <class Result>
__global__ void __launch_bounds__(kReduceThreads)
    join_segments(Result op, StridedIndex<2> kept, uint32_t results, uint32_t segments, int64_t count, char* out,
                  const typename Result::Partial* partials) {
  using Partial = typename Result::Partial;
  __shared__ Partial shared[kMaxWarps];
  const uint32_t result = blockIdx.x * blockDim.y + threadIdx.y;
  const bool exists = result < results;
  Partial total = op.start();
  for (uint32_t i = threadIdx.x; exists && i < segments; i += blockDim.x)
    total = op.combine(total, partials[static_cast<int64_t>(result) * segments + i]);
  total = group_reduce(
      total, [&](const Partial& a, const Partial& b) { return op.combine(a, b); }, shared);
  if (exists && threadIdx.x == 0) op.store(out + kept.offsets(result).at[1], total, count);
}

}  // namespace mote::cuda
