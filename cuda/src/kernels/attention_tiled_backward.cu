// The gradients of attention in tiles. One kernel serves two passes, because both compute the same tile of
//   P = 2^(S - log_sum_exp),  dP = dO v^T,  dS = P (dP - delta)
// and differ in what a block owns: `rows` stay, and the block walks over `columns`.
//   rows are queries:  S = q k^T,  dP = dO v^T;  dq += dS k
//   rows are keys:     S^T = k q^T,  dP^T = v dO^T;  dk += dS^T q,  dv += P^T dO
// Each pass adds up in the order of its columns, so that the result is the same every time; the price is that S and dP
// are computed twice, 7 products for 5. Bytes moved by a pass: its rows once, its columns once for each block of rows.
#include <numbers>

#include "kernels/attention_tile.cuh"

namespace mote::cuda {

namespace {

template <class T>
struct TiledBackward {
  Heads<const T> row_scores, row_values;        // q and dO, or k and v: what S and dP are products of
  Heads<const T> column_scores, column_values;  // k and v, or q and dO
  Heads<T> grad_scores, grad_values;            // dq, or dk and dv
  Heads<const T> log_sum_exp;
  const T* delta;
  AttentionMask mask;
  AttentionSizes sizes;
  AttentionDropout dropout;
  T scale, scale_log2;  // the latter with log2(e)
};

// log_sum_exp in base 2 and delta of one query.
template <class T>
struct QueryTerms {
  T log_sum_exp, delta;
};

template <class T>
__device__ QueryTerms<T> query_terms(const TiledBackward<T>& call, const Matrix<const T>& log_sum_exp, int64_t number,
                                     int query) {
  if (query >= call.sizes.queries) return {static_cast<T>(INFINITY), T(0)};
  return {log_sum_exp.at(query, 0) * std::numbers::log2e_v<T>, call.delta[number * call.sizes.queries + query]};
}

// Turns the products S and dP of a tile into P, with dropout, and dS.
template <class Tile, bool kKeysInRows, class T = typename Tile::T>
__device__ void differentiate(const TiledBackward<T>& call, const HeadMask& mask, const Matrix<const T>& log_sum_exp,
                              int64_t number, int row, HeadMask::Step at, typename Tile::Scores& weights,
                              typename Tile::Scores& grads) {
  constexpr int kR = Tile::kRowsOfThread, kC = Tile::kColumnsOfThread;
  const int column = at.column;
  typename Tile::Scores factors;
#pragma unroll
  for (int i = 0; i < kR; ++i)
#pragma unroll
    for (int j = 0; j < kC; ++j) factors[i][j] = T(1);
  if (call.dropout.active) {
    if constexpr (kKeysInRows)
      Tile::dropout_by_key(call.dropout, number, row, column, factors);
    else
      Tile::dropout_by_query(call.dropout, number, row, column, factors);
  }
  QueryTerms<T> terms[kKeysInRows ? kC : kR];
#pragma unroll
  for (int i = 0; i < (kKeysInRows ? kC : kR); ++i)
    terms[i] = query_terms(call, log_sum_exp, number, kKeysInRows ? column + Tile::column(i) : row + Tile::row(i));
#pragma unroll
  for (int i = 0; i < kR; ++i) {
    const uint64_t seen = at.kind == TileClass::Full ? ~uint64_t{0} : mask.bits(row + Tile::row(i), column);
#pragma unroll
    for (int j = 0; j < kC; ++j) {
      const QueryTerms<T>& term = terms[kKeysInRows ? j : i];
      const T exponent = weights[i][j] * call.scale_log2 - term.log_sum_exp;
      const T weight = seen >> Tile::column(j) & 1 ? std::exp2(exponent) : T(0);
      const T factor = factors[i][j];
      weights[i][j] = weight * factor;
      grads[i][j] = weight * (grads[i][j] * factor - term.delta) * call.scale;
    }
  }
}

template <class Tile, bool kKeysInRows, class T = typename Tile::T>
__global__ void __launch_bounds__(Tile::kThreads, 1) tiled_backward_kernel(TiledBackward<T> call) {
  constexpr int R = Tile::kRows, C = Tile::kColumns;
  T* const row_scores = dynamic_shared<T>();
  T *const row_values = row_scores + R * Tile::kPitch, *const column_scores = row_values + R * Tile::kPitch;
  T *const column_values = column_scores + C * Tile::kPitch, *const exchange = column_values + C * Tile::kPitch;
  const AttentionSizes& sizes = call.sizes;
  const int rows = kKeysInRows ? sizes.keys : sizes.queries, columns = kKeysInRows ? sizes.queries : sizes.keys;
  const int tiles = ceil_div(rows, R), tile = static_cast<int>(blockIdx.x % tiles);
  const int row = (kKeysInRows ? tile : tiles - 1 - tile) * R;  // under causality the longest come first
  const int64_t number = blockIdx.x / tiles, sample = number / sizes.heads, head = number % sizes.heads;
  const HeadMask mask = call.mask.head(sample, head);
  const Matrix<const T> log_sum_exp = call.log_sum_exp.of(sample, head);

  Tile::load(row_scores, call.row_scores.of(sample, head), R, row, rows, sizes.depth);
  Tile::load(row_values, call.row_values.of(sample, head), R, row, rows, sizes.width);
  typename Tile::Scores weights, grads;
  typename Tile::Result grad_scores, grad_values;
  Tile::clear(grad_scores);
  Tile::clear(grad_values);
  const int begin = mask.begin<C>(row), end = mask.end<R>(row);
  for (auto at = mask.next<R, C>(row, begin, end); at.column < end; at = mask.next<R, C>(row, at.column + C, end)) {
    const int column = at.column;
    __syncthreads();  // the tile before has been read
    Tile::load(column_scores, call.column_scores.of(sample, head), C, column, columns, sizes.depth);
    Tile::load(column_values, call.column_values.of(sample, head), C, column, columns, sizes.width);
    __syncthreads();
    Tile::multiply(row_scores, column_scores, weights);
    Tile::multiply(row_values, column_values, grads);
    differentiate<Tile, kKeysInRows>(call, mask, log_sum_exp, number, row, at, weights, grads);
    if constexpr (kKeysInRows) Tile::accumulate(exchange, weights, column_values, grad_values);
    Tile::accumulate(exchange, grads, column_scores, grad_scores);
  }
  Tile::store(grad_scores, call.grad_scores.of(sample, head), row, rows, sizes.depth);
  if constexpr (kKeysInRows) Tile::store(grad_values, call.grad_values.of(sample, head), row, rows, sizes.width);
}

// What a block has.
template <class Tile>
constexpr size_t shared_bytes() {
  return Tile::bytes(2, 2);
}

template <class Tile>
void run(const AttentionBackward& call) {
  using T = typename Tile::T;
  using In = Heads<const T>;
  using Out = Heads<T>;
  const int device = call.grad_q.device;
  const AttentionArgs& args = call.args;
  const AttentionSizes sizes(args);
  const AttentionDropout dropout(args);
  const PackedMask mask(kAttentionBackward, args, true);
  const In q(args.q), k(args.k), v(args.v), grad_out(call.grad_out), log_sum_exp(call.log_sum_exp);
  const Out grad_q(call.grad_q), grad_k(call.grad_k), grad_v(call.grad_v);
  const T* const delta = static_cast<const T*>(call.delta);
  const T scale = static_cast<T>(args.scale), scale_log2 = static_cast<T>(args.scale * std::numbers::log2e);
  const TiledBackward<T> by_query{q,           grad_out, k,
                                  v,           grad_q,   grad_q,  // no dv in this pass
                                  log_sum_exp, delta,    mask.by_queries(),
                                  sizes,       dropout,  scale,
                                  scale_log2};
  const TiledBackward<T> by_key{k,     v,       q,     grad_out,  grad_k, grad_v, log_sum_exp, delta, mask.by_keys(),
                                sizes, dropout, scale, scale_log2};
  const auto shape = [&](int rows) {
    const int64_t blocks = sizes.all_heads() * ceil_div(rows, Tile::kRows);
    return Launch{dim3(static_cast<unsigned>(blocks)), dim3(Tile::kThreads), shared_bytes<Tile>()};
  };
  launch(kAttentionBackward, shape(sizes.keys), device, tiled_backward_kernel<Tile, true>, by_key);
  launch(kAttentionBackward, shape(sizes.queries), device, tiled_backward_kernel<Tile, false>, by_query);
}

// Calls use(tile), where `tile` points to nothing and has the type of the tile for operands of this type and head size.
template <class Use>
auto with_tile(DType dtype, int64_t head_size, const Use& use) {
  if (dtype == DType::Float64) {
    if (head_size <= 32) return use(static_cast<AttentionTile<double, 32, 2, 2>*>(nullptr));
    if (head_size <= 64) return use(static_cast<AttentionTile<double, 64, 2, 2>*>(nullptr));
    if (head_size <= 128) return use(static_cast<AttentionTile<double, 128, 1, 1>*>(nullptr));
    return use(static_cast<AttentionTile<double, 256, 1, 1>*>(nullptr));
  }
  if (head_size <= 32) return use(static_cast<AttentionTile<float, 32, 4, 2>*>(nullptr));
  if (head_size <= 64) return use(static_cast<AttentionTile<float, 64, 4, 2>*>(nullptr));
  if (head_size <= 128) return use(static_cast<AttentionTile<float, 128, 2, 2>*>(nullptr));
  return use(static_cast<AttentionTile<float, 256, 1, 1>*>(nullptr));
}

}  // namespace

bool tiled_attention_backward_fits(DType dtype, int64_t head_size, int device) {
  const size_t bytes =
      with_tile(dtype, head_size, [](auto* tile) { return shared_bytes<std::remove_pointer_t<decltype(tile)>>(); });
  return bytes <= max_shared_bytes(device);
}

void tiled_attention_backward(const AttentionBackward& call) {
  with_tile(call.grad_q.dtype, head_size_of(call.args),
            [&](auto* tile) { run<std::remove_pointer_t<decltype(tile)>>(call); });
}

}  // namespace mote::cuda
