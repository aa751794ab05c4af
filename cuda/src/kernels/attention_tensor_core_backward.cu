// The gradients of attention on tensor cores, for float16 and bfloat16. As in the tiled kernel, a block's rows stay and
// it walks over columns, and one kernel serves every pass:
//   rows are queries:  S = q k^T,  dP = dO v^T;  dq += dS k
//   rows are keys:     S^T = k q^T,  dP^T = v dO^T;  dk += dS^T q,  dv += P^T dO
// Either way a product's accumulators are the left operand of the next product, so that P and dS stay in a warp's
// registers; each warp owns 16 rows. dS is kept without the scale, which multiplies the sums at the end. Columns come
// in by cp.async in two stages. Nothing is added to memory: every result is one warp's sum in the order of the columns.
// The price is that S and dP are computed by both passes, 7 products for 5. At head sizes above 128 the registers do
// not hold dk and dv together, so that they become a pass each. Bytes moved by a pass: its rows once, its columns once
// for each block of rows.
#include <numbers>

#include "kernels/attention_fragments.cuh"

namespace mote::cuda {

namespace {

// What a pass computes.
enum class Pass { Queries, KeysAndValues, Keys, Values };

// Head sizes up to D; 16 rows for each of W warps, and C columns.
template <class Type, int D, int C, int W, Pass P>
struct BackwardTile {
  using T = Type;
  static constexpr int kColumns = C, kRows = 16 * W, kThreads = 32 * W;
  static constexpr bool kKeysInRows = P != Pass::Queries;
  static constexpr bool kHasScores = P != Pass::Values;                              // dq or dk
  static constexpr bool kHasValues = P == Pass::KeysAndValues || P == Pass::Values;  // dv
  using Rows = SharedTile<T, kRows, D>;
  using Columns = SharedTile<T, C, D>;
  using Scores = Accumulators<C / 8>;
  using Result = Accumulators<D / 8>;
  using Kept = std::conditional_t<kKeysInRows, KeptByKey<C / 8>, KeptByQuery<C / 8>>;
  static constexpr size_t kShared = sizeof(T) * (2 * Rows::kElements + 4 * Columns::kElements) + sizeof(float2) * 2 * C;
};

template <class T>
struct TensorBackward {
  Heads<const T> row_scores, row_values;        // q and dO, or k and v: what S and dP are products of
  Heads<const T> column_scores, column_values;  // k and v, or q and dO
  Heads<T> grad_scores, grad_values;            // dq, or dk and dv
  Heads<const float> log_sum_exp;
  const float* delta;
  AttentionMask mask;
  AttentionSizes sizes;
  AttentionDropout dropout;
  float scale, scale_log2;  // the latter with log2(e)
};

// log_sum_exp in base 2 (x) and delta (y) of a query.
template <class T>
__device__ float2 query_terms(const TensorBackward<T>& call, const Matrix<const float>& log_sum_exp, int64_t number,
                              int query) {
  if (query >= call.sizes.queries) return make_float2(INFINITY, 0.0F);
  return make_float2(log_sum_exp.at(query, 0) * std::numbers::log2e_v<float>,
                     call.delta[number * call.sizes.queries + query]);
}

// The terms of the queries that a lane's elements belong to.
template <class Tile>
struct LaneTerms {
  const float2* columns;  // where queries are columns
  float2 rows[2];         // where they are rows: of row g and of row g + 8

  __device__ float2 at(int n, int e) const {
    if constexpr (Tile::kKeysInRows)
      return columns[8 * n + lane_index() % 4 * 2 + e % 2];
    else
      return rows[e / 2];
  }
};

// Turns the products S and dP of 16 rows into P, with dropout, and dS / scale.
template <class Tile>
__device__ __forceinline__ void differentiate(const TensorBackward<typename Tile::T>& call, const HeadMask& mask,
                                              int64_t number, int row, HeadMask::Step at, const LaneTerms<Tile>& terms,
                                              typename Tile::Scores& weights, typename Tile::Scores& grads) {
  const int g = lane_index() / 4, t = lane_index() % 4;
  uint64_t seen[2] = {~uint64_t{0}, ~uint64_t{0}};
  if (at.kind == TileClass::Partial)
#pragma unroll
    for (int half = 0; half < 2; ++half) seen[half] = mask.bits(row + g + 8 * half, at.column) >> 2 * t;
#pragma unroll
  for (int n = 0; n < Tile::kColumns / 8; ++n)
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      const float weight = ptx::ex2(weights.value[n][e] * call.scale_log2 - terms.at(n, e).x);
      weights.value[n][e] = seen[e / 2] >> (8 * n + e % 2) & 1 ? weight : 0.0F;
    }
  if (!call.dropout.active) {
    if constexpr (Tile::kHasScores)
#pragma unroll
      for (int n = 0; n < Tile::kColumns / 8; ++n)
#pragma unroll
        for (int e = 0; e < 4; ++e) grads.value[n][e] = weights.value[n][e] * (grads.value[n][e] - terms.at(n, e).y);
    return;
  }
  const typename Tile::Kept kept(call.dropout, number, row, at.column);
#pragma unroll
  for (int n = 0; n < Tile::kColumns / 8; ++n)
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      const float factor = kept.at(n, e) ? static_cast<float>(call.dropout.factor) : 0.0F;
      if constexpr (Tile::kHasScores)
        grads.value[n][e] = weights.value[n][e] * (grads.value[n][e] * factor - terms.at(n, e).y);
      weights.value[n][e] *= factor;
    }
}

// The shared memory of a block.
template <class Tile>
struct SharedOperands {
  using T = typename Tile::T;
  typename Tile::Rows row_scores{dynamic_shared<T>()}, row_values{row_scores.data + Tile::Rows::kElements};
  T* stages = row_values.data + Tile::Rows::kElements;
  float2* terms = reinterpret_cast<float2*>(stages + 4 * Tile::Columns::kElements);

  __device__ typename Tile::Columns column_scores(int stage) const {
    return {stages + 2 * stage * Tile::Columns::kElements};
  }
  __device__ typename Tile::Columns column_values(int stage) const {
    return {stages + (2 * stage + 1) * Tile::Columns::kElements};
  }
  __device__ float2* terms_of(int stage) const { return terms + stage * Tile::kColumns; }
};

template <class Tile, class T = typename Tile::T>
__global__ void __launch_bounds__(Tile::kThreads) tensor_backward_kernel(TensorBackward<T> call) {
  constexpr int R = Tile::kRows, C = Tile::kColumns, kThreads = Tile::kThreads;
  const SharedOperands<Tile> shared;
  const AttentionSizes& sizes = call.sizes;
  const int rows = Tile::kKeysInRows ? sizes.keys : sizes.queries;
  const int columns = Tile::kKeysInRows ? sizes.queries : sizes.keys;
  const int tiles = ceil_div(rows, R), tile = static_cast<int>(blockIdx.x % tiles);
  const int row = (Tile::kKeysInRows ? tile : tiles - 1 - tile) * R;  // under causality the longest come first
  const int64_t number = blockIdx.x / tiles, sample = number / sizes.heads, head = number % sizes.heads;
  const HeadMask mask = call.mask.head(sample, head);
  const Matrix<const float> log_sum_exp = call.log_sum_exp.of(sample, head);
  const Matrix<const T> scores = call.column_scores.of(sample, head), values = call.column_values.of(sample, head);
  const int score_columns = sizes.depth, value_columns = sizes.width, thread = static_cast<int>(threadIdx.x);
  const auto copy_tile = [&](int column, int stage) {
    shared.column_scores(stage).template copy<kThreads>(scores, column, columns, score_columns);
    shared.column_values(stage).template copy<kThreads>(values, column, columns, value_columns);
    if (Tile::kKeysInRows && thread < C)
      shared.terms_of(stage)[thread] = query_terms(call, log_sum_exp, number, column + thread);
  };

  const int end = mask.end<R>(row), warp_row = warp_index() * 16;
  HeadMask::Step at = mask.next<R, C>(row, mask.begin<C>(row), end);
  shared.row_scores.template copy<kThreads>(call.row_scores.of(sample, head), row, rows, score_columns);
  if constexpr (Tile::kHasScores)
    shared.row_values.template copy<kThreads>(call.row_values.of(sample, head), row, rows, value_columns);
  if (at.column < end) copy_tile(at.column, 0);
  ptx::cp_async_commit();

  LaneTerms<Tile> terms{};
  if constexpr (!Tile::kKeysInRows)
    for (int half = 0; half < 2; ++half)
      terms.rows[half] = query_terms(call, log_sum_exp, number, row + warp_row + lane_index() / 4 + 8 * half);
  typename Tile::Result grad_scores[1], grad_values[1];
  grad_scores[0].clear();
  grad_values[0].clear();
  for (int stage = 0; at.column < end; stage ^= 1) {
    const HeadMask::Step next = mask.next<R, C>(row, at.column + C, end);
    ptx::cp_async_wait<0>();
    __syncthreads();  // this tile is there, and nobody reads the other stage any more
    if (next.column < end) copy_tile(next.column, stage ^ 1);
    ptx::cp_async_commit();
    if (!mask.is_beyond<16, C>(row + warp_row, at.column)) {
      typename Tile::Scores weights[1], grads[1];
      multiply_rows(shared.row_scores, warp_row, shared.column_scores(stage), weights);
      if constexpr (Tile::kHasScores) multiply_rows(shared.row_values, warp_row, shared.column_values(stage), grads);
      terms.columns = shared.terms_of(stage);
      differentiate<Tile>(call, mask, number, row + warp_row, at, terms, weights[0], grads[0]);
      if constexpr (Tile::kHasValues) accumulate_rows(weights, shared.column_values(stage), grad_values);
      if constexpr (Tile::kHasScores) accumulate_rows(grads, shared.column_scores(stage), grad_scores);
    }
    at = next;
  }
  ptx::cp_async_wait<0>();
  __syncthreads();
  if constexpr (Tile::kHasScores)
    store_rows(shared.row_scores, warp_row, grad_scores[0], call.scale, call.scale, call.grad_scores.of(sample, head),
               row, rows, score_columns);
  if constexpr (Tile::kHasValues)
    store_rows(shared.row_values, warp_row, grad_values[0], 1.0F, 1.0F, call.grad_values.of(sample, head), row, rows,
               value_columns);
}

template <class Tile>
void run_pass(const TensorBackward<typename Tile::T>& parameters, int device) {
  const AttentionSizes& sizes = parameters.sizes;
  const int rows = Tile::kKeysInRows ? sizes.keys : sizes.queries;
  const auto blocks = static_cast<unsigned>(sizes.all_heads() * ceil_div(rows, Tile::kRows));
  launch(kAttentionBackward, {dim3(blocks), dim3(Tile::kThreads), Tile::kShared}, device, tensor_backward_kernel<Tile>,
         parameters);
}

// The parameters of both kinds of passes, and the mask that they point to.
template <class T>
struct Passes {
  explicit Passes(const AttentionBackward& call)
      : device(call.grad_q.device),
        mask(kAttentionBackward, call.args, true),
        by_query(with(call, In(call.args.q), In(call.grad_out), In(call.args.k), In(call.args.v), Out(call.grad_q),
                      Out(call.grad_q), mask.by_queries())),
        by_key(with(call, In(call.args.k), In(call.args.v), In(call.args.q), In(call.grad_out), Out(call.grad_k),
                    Out(call.grad_v), mask.by_keys())) {}

  using In = Heads<const T>;
  using Out = Heads<T>;

  static TensorBackward<T> with(const AttentionBackward& call, const In& row_scores, const In& row_values,
                                const In& column_scores, const In& column_values, const Out& grad_scores,
                                const Out& grad_values, const AttentionMask& mask) {
    const auto scale = static_cast<float>(call.args.scale);
    const auto scale_log2 = static_cast<float>(call.args.scale * std::numbers::log2e);
    return {row_scores,
            row_values,
            column_scores,
            column_values,
            grad_scores,
            grad_values,
            Heads<const float>(call.log_sum_exp),
            static_cast<const float*>(call.delta),
            mask,
            AttentionSizes(call.args),
            AttentionDropout(call.args),
            scale,
            scale_log2};
  }

  // D: the head sizes; C columns and W warps.
  template <int D, int C, int W>
  void run() const {
    if constexpr (D > 128) {
      run_pass<BackwardTile<T, D, C, W, Pass::Keys>>(by_key, device);
      run_pass<BackwardTile<T, D, C, W, Pass::Values>>(by_key, device);
    } else {
      run_pass<BackwardTile<T, D, C, W, Pass::KeysAndValues>>(by_key, device);
    }
    run_pass<BackwardTile<T, D, C, W, Pass::Queries>>(by_query, device);
  }

  int device;
  PackedMask mask;
  TensorBackward<T> by_query, by_key;
};

template <class T>
void run_size(const AttentionBackward& call) {
  const int64_t size = std::max(call.args.q.shape[3], call.args.v.shape[3]);
  const Passes<T> passes(call);
  if (size <= 32) return passes.template run<32, 64, 8>();
  if (size <= 64) return passes.template run<64, 64, 8>();
  if (size <= 96) return passes.template run<96, 32, 8>();
  if (size <= 128) return passes.template run<128, 32, 8>();
  passes.template run<256, 16, 4>();
}

}  // namespace

void tensor_core_attention_backward(const AttentionBackward& call) {
  if (call.grad_q.dtype == DType::Float16)
    run_size<Half>(call);
  else
    run_size<BFloat16>(call);
}

}  // namespace mote::cuda
