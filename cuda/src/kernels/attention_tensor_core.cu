// Attention on tensor cores, forward, for float16 and bfloat16: the tiled kernel's walk over the keys, with the scores
// in the registers of a warp. Each warp owns 16 M queries of its block.
//   S = q k^T by mma.sync m16n8k16;  P = 2^(scale S - m), one multiply-add and one ex2 for a score;  O += P v
// P is rounded to 16 bits in place as the left operand of O += P v; sums are in float32. Keys and values come in by
// cp.async in two stages: while a tile is worked on, the next one is on its way, and one barrier a tile parts the two.
// A row's sum is added up across its four lanes once, at the end. Bytes moved: q and out once, k and v once for each
// block of queries. Shared memory stays below 99 KB, which every GPU of compute capability 8.0 and later gives a block.
#include <cfloat>
#include <numbers>

#include "kernels/attention_fragments.cuh"

namespace mote::cuda {

namespace {

// Head sizes up to D; 16 M queries for each of W warps, and C keys.
template <class Type, int D, int M, int C, int W>
struct ForwardTile {
  using T = Type;
  static constexpr int kBlocksOfWarp = M, kColumns = C, kThreads = 32 * W;
  static constexpr int kWarpRows = 16 * M, kRows = kWarpRows * W;
  using Queries = SharedTile<T, kRows, D>;
  using Keys = SharedTile<T, C, D>;
  static constexpr size_t kShared = sizeof(T) * (Queries::kElements + 4 * Keys::kElements);
  using Scores = Accumulators<C / 8>;
  using Result = Accumulators<D / 8>;
};

template <class T>
struct TensorForward {
  Heads<const T> q, k, v;
  Heads<T> out;
  Heads<float> log_sum_exp;
  AttentionMask mask;
  AttentionSizes sizes;
  AttentionDropout dropout;
  float scale;    // with log2(e); positive, so that the greatest product is the greatest score
  bool negative;  // the scale has the other sign
};

// The running softmax of 16 rows: of row g, and of row g + 8.
struct RunningSoftmax {
  float highest[2] = {-INFINITY, -INFINITY};  // of the products
  float sum[2] = {0.0F, 0.0F};                // of this lane's columns

  // Turns products into weights, and rescales what was added up before.
  template <int N, int K>
  __device__ __forceinline__ void take(Accumulators<N>& scores, float scale, Accumulators<K>& result) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float top = highest[half];
#pragma unroll
      for (int n = 0; n < N; ++n) top = max(top, max(scores.value[n][2 * half], scores.value[n][2 * half + 1]));
      top = max(top, __shfl_xor_sync(kAllLanes, top, 1));
      top = max(top, __shfl_xor_sync(kAllLanes, top, 2));
      const float base = top == -INFINITY ? 0.0F : top * scale;  // of a row that has seen nothing
      const float factor = ptx::ex2(highest[half] * scale - base);
      highest[half] = top;
      sum[half] *= factor;
      if (__any_sync(kAllLanes, factor != 1.0F)) {  // seldom after the first tiles: maxima stop growing
#pragma unroll
        for (int n = 0; n < K; ++n) {
          result.value[n][2 * half] *= factor;
          result.value[n][2 * half + 1] *= factor;
        }
      }
#pragma unroll
      for (int n = 0; n < N; ++n)
#pragma unroll
        for (int e = 2 * half; e < 2 * half + 2; ++e) {
          scores.value[n][e] = ptx::ex2(scores.value[n][e] * scale - base);
          sum[half] += scores.value[n][e];
        }
    }
  }

  __device__ void finish() {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      sum[half] += __shfl_xor_sync(kAllLanes, sum[half], 1);
      sum[half] += __shfl_xor_sync(kAllLanes, sum[half], 2);
    }
  }
  __device__ float share(int half) const { return sum[half] == 0.0F ? 0.0F : 1.0F / sum[half]; }
  __device__ float log_sum_exp(int half, float scale) const {
    if (sum[half] == 0.0F) return INFINITY;
    return (highest[half] * scale + log2f(sum[half])) * std::numbers::ln2_v<float>;
  }
};

// -inf where the 16 rows from `row` on may not look.
template <int N>
__device__ void hide(const HeadMask& mask, int row, int column, Accumulators<N>& scores) {
  const int g = lane_index() / 4, t = lane_index() % 4;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const uint64_t seen = mask.bits(row + g + 8 * half, column) >> 2 * t;
#pragma unroll
    for (int n = 0; n < N; ++n)
#pragma unroll
      for (int e = 0; e < 2; ++e)
        if (!(seen >> (8 * n + e) & 1)) scores.value[n][2 * half + e] = -INFINITY;
  }
}

// A tile of keys and values against this warp's queries.
template <class Tile>
__device__ __forceinline__ void attend(const TensorForward<typename Tile::T>& call, const HeadMask& mask,
                                       int64_t number, int row, HeadMask::Step at, const typename Tile::Queries& q,
                                       const typename Tile::Keys& k, const typename Tile::Keys& v,
                                       RunningSoftmax (&softmax)[Tile::kBlocksOfWarp],
                                       typename Tile::Result (&result)[Tile::kBlocksOfWarp]) {
  const int column = at.column;
  if (mask.is_beyond<Tile::kWarpRows, Tile::kColumns>(row, column)) return;
  typename Tile::Scores scores[Tile::kBlocksOfWarp];
  multiply_rows(q, warp_index() * Tile::kWarpRows, k, scores);
  if (call.negative) {
#pragma unroll
    for (auto& block : scores)
#pragma unroll
      for (auto& pair : block.value)
#pragma unroll
        for (float& score : pair) score = -score;
  }
#pragma unroll
  for (int m = 0; m < Tile::kBlocksOfWarp; ++m) {
    if (at.kind == TileClass::Partial) hide(mask, row + 16 * m, column, scores[m]);
    softmax[m].take(scores[m], call.scale, result[m]);
    if (call.dropout.active) {
      const KeptByQuery<Tile::kColumns / 8> kept(call.dropout, number, row + 16 * m, column);
      const auto factor = static_cast<float>(call.dropout.factor);
#pragma unroll
      for (int n = 0; n < Tile::kColumns / 8; ++n)
#pragma unroll
        for (int e = 0; e < 4; ++e) scores[m].value[n][e] = kept.at(n, e) ? scores[m].value[n][e] * factor : 0.0F;
    }
  }
  accumulate_rows(scores, v, result);
}

template <class Tile, class T = typename Tile::T>
__global__ void __launch_bounds__(Tile::kThreads) tensor_forward_kernel(TensorForward<T> call) {
  constexpr int R = Tile::kRows, C = Tile::kColumns, kThreads = Tile::kThreads, M = Tile::kBlocksOfWarp;
  const typename Tile::Queries q{dynamic_shared<T>()};
  T* const stages = q.data + Tile::Queries::kElements;
  const auto keys_of = [&](int stage) { return typename Tile::Keys{stages + 2 * stage * Tile::Keys::kElements}; };
  const auto values_of = [&](int stage) {
    return typename Tile::Keys{stages + (2 * stage + 1) * Tile::Keys::kElements};
  };
  const AttentionSizes& sizes = call.sizes;
  const int tiles = ceil_div(sizes.queries, R);
  const int row = (tiles - 1 - static_cast<int>(blockIdx.x % tiles)) * R;  // under causality the longest come first
  const int64_t number = blockIdx.x / tiles, sample = number / sizes.heads, head = number % sizes.heads;
  const HeadMask mask = call.mask.head(sample, head);
  const Matrix<const T> k = call.k.of(sample, head), v = call.v.of(sample, head);
  const auto copy_tile = [&](int column, int stage) {
    keys_of(stage).template copy<kThreads>(k, column, sizes.keys, sizes.depth);
    values_of(stage).template copy<kThreads>(v, column, sizes.keys, sizes.width);
  };

  const int warp_row = warp_index() * Tile::kWarpRows;
  const int end = mask.end<R>(row);
  HeadMask::Step at = mask.next<R, C>(row, 0, end);
  q.template copy<kThreads>(call.q.of(sample, head), row, sizes.queries, sizes.depth);
  if (at.column < end) copy_tile(at.column, 0);
  ptx::cp_async_commit();

  RunningSoftmax softmax[M];
  typename Tile::Result result[M];
#pragma unroll
  for (int m = 0; m < M; ++m) result[m].clear();
  for (int stage = 0; at.column < end; stage ^= 1) {
    const HeadMask::Step next = mask.next<R, C>(row, at.column + C, end);
    ptx::cp_async_wait<0>();
    __syncthreads();  // this tile is there, and nobody reads the other stage any more
    if (next.column < end) copy_tile(next.column, stage ^ 1);
    ptx::cp_async_commit();
    attend<Tile>(call, mask, number, row + warp_row, at, q, keys_of(stage), values_of(stage), softmax, result);
    at = next;
  }
  ptx::cp_async_wait<0>();
  __syncthreads();

  const Matrix<T> out = call.out.of(sample, head);
  const Matrix<float> log_sum_exp = call.log_sum_exp.of(sample, head);
#pragma unroll
  for (int m = 0; m < M; ++m) {
    softmax[m].finish();
    store_rows(q, warp_row + 16 * m, result[m], softmax[m].share(0), softmax[m].share(1), out, row, sizes.queries,
               sizes.width);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int query = row + warp_row + 16 * m + lane_index() / 4 + 8 * half;
      if (lane_index() % 4 == 0 && query < sizes.queries)
        log_sum_exp.at(query, 0) = softmax[m].log_sum_exp(half, call.scale);
    }
  }
}

template <class Tile>
void run(const AttentionForward& call) {
  using T = typename Tile::T;
  const AttentionArgs& args = call.args;
  const AttentionSizes sizes(args);
  const PackedMask mask(kAttention, args, false);
  // A scale of 0 becomes the least one, so that -inf stays -inf.
  const float scale = std::max(static_cast<float>(std::abs(args.scale) * std::numbers::log2e), FLT_MIN);
  const TensorForward<T> parameters{Heads<const T>(args.q),
                                    Heads<const T>(args.k),
                                    Heads<const T>(args.v),
                                    Heads<T>(call.out),
                                    Heads<float>(call.log_sum_exp),
                                    mask.by_queries(),
                                    sizes,
                                    AttentionDropout(args),
                                    scale,
                                    args.scale < 0};
  const auto blocks = static_cast<unsigned>(sizes.all_heads() * ceil_div(sizes.queries, Tile::kRows));
  launch(kAttention, {dim3(blocks), dim3(Tile::kThreads), Tile::kShared}, call.out.device, tensor_forward_kernel<Tile>,
         parameters);
}

template <class T>
void run_size(const AttentionForward& call) {
  const int64_t size = std::max(call.args.q.shape[3], call.args.v.shape[3]);
  if (size <= 32) return run<ForwardTile<T, 32, 2, 64, 4>>(call);
  if (size <= 64) return run<ForwardTile<T, 64, 2, 64, 4>>(call);
  if (size <= 96) return run<ForwardTile<T, 96, 2, 64, 4>>(call);
  if (size <= 128) return run<ForwardTile<T, 128, 2, 32, 4>>(call);
  run<ForwardTile<T, 256, 1, 32, 4>>(call);
}

}  // namespace

void tensor_core_attention(const AttentionForward& call) {
  if (call.out.dtype == DType::Float16)
    run_size<Half>(call);
  else
    run_size<BFloat16>(call);
}

}  // namespace mote::cuda
