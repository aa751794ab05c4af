// Attention in tiles (Dao et al. 2022), forward. A block owns kRows queries and walks over the keys, kColumns at a
// time:
//   S = q k^T in registers;  m' = max(m, max S);  P = 2^(S - m');  l = l 2^(m - m') + sum P;  O = O 2^(m - m') + P v
// with q scaled by scale log2(e), and out = O / l at the end. The scores never leave the block.
// Bytes moved: q and out once, k and v once for each block of queries; 2 (D + Dv) multiply-adds for every score against
// (D + Dv) / kRows elements loaded.
#include <numbers>

#include "kernels/attention_tile.cuh"

namespace mote::cuda {

namespace {

template <class T>
struct TiledForward {
  Heads<const T> q, k, v;
  Heads<T> out, log_sum_exp;
  AttentionMask mask;
  AttentionSizes sizes;
  AttentionDropout dropout;
  T scale;  // with log2(e)
};

// The running softmax of a thread's rows, the same in all sixteen threads of a row.
template <class Tile>
struct RunningSoftmax {
  using T = typename Tile::T;
  static constexpr int R = Tile::kRowsOfThread, C = Tile::kColumnsOfThread;

  T highest[R], sum[R];

  __device__ RunningSoftmax() {
#pragma unroll
    for (int i = 0; i < R; ++i) {
      highest[i] = -static_cast<T>(INFINITY);
      sum[i] = T(0);
    }
  }

  // Turns scores into weights, and rescales what was added up before. Sums are a thread's own until finish().
  __device__ void take(typename Tile::Scores& scores, typename Tile::Result& result) {
#pragma unroll
    for (int i = 0; i < R; ++i) {
      T top = highest[i];
#pragma unroll
      for (int j = 0; j < C; ++j) top = max(top, scores[i][j]);
#pragma unroll
      for (int step = Tile::kSide / 2; step > 0; step /= 2) top = max(top, __shfl_xor_sync(0xffffffffu, top, step));
      const T base = top == -static_cast<T>(INFINITY) ? T(0) : top;  // of a row that has seen nothing
      const T factor = std::exp2(highest[i] - base);
      highest[i] = top;
      sum[i] *= factor;
#pragma unroll
      for (int c = 0; c < Tile::kDepthOfThread; ++c) result[i][c] *= factor;
#pragma unroll
      for (int j = 0; j < C; ++j) {
        scores[i][j] = std::exp2(scores[i][j] - base);
        sum[i] += scores[i][j];
      }
    }
  }

  // Divides by the sums.
  __device__ void finish(typename Tile::Result& result) {
#pragma unroll
    for (int i = 0; i < R; ++i) {
#pragma unroll
      for (int step = Tile::kSide / 2; step > 0; step /= 2) sum[i] += __shfl_xor_sync(0xffffffffu, sum[i], step);
      const T share = sum[i] == T(0) ? T(0) : T(1) / sum[i];
#pragma unroll
      for (int c = 0; c < Tile::kDepthOfThread; ++c) result[i][c] *= share;
    }
  }

  __device__ T log_sum_exp(int i) const {
    return sum[i] == T(0) ? static_cast<T>(INFINITY) : (highest[i] + std::log2(sum[i])) * std::numbers::ln2_v<T>;
  }
};

template <class Tile, class T = typename Tile::T>
__global__ void __launch_bounds__(Tile::kThreads, 1) tiled_forward_kernel(TiledForward<T> call) {
  constexpr int R = Tile::kRows, C = Tile::kColumns;
  T* const q = dynamic_shared<T>();
  T *const k = q + R * Tile::kPitch, *const v = k + C * Tile::kPitch, *const weights = v + C * Tile::kPitch;
  const AttentionSizes& sizes = call.sizes;
  const int tiles = ceil_div(sizes.queries, R);
  const int row = (tiles - 1 - static_cast<int>(blockIdx.x % tiles)) * R;  // under causality the longest come first
  const int64_t number = blockIdx.x / tiles, sample = number / sizes.heads, head = number % sizes.heads;
  const HeadMask mask = call.mask.head(sample, head);
  const Matrix<const T> keys = call.k.of(sample, head), values = call.v.of(sample, head);

  Tile::load(q, call.q.of(sample, head), R, row, sizes.queries, sizes.depth);
  RunningSoftmax<Tile> softmax;
  typename Tile::Scores scores;
  typename Tile::Result result;
  Tile::clear(result);
  const int end = mask.end<R>(row);
  for (auto at = mask.next<R, C>(row, 0, end); at.column < end; at = mask.next<R, C>(row, at.column + C, end)) {
    const int column = at.column;
    __syncthreads();  // the tile before has been read
    Tile::load(k, keys, C, column, sizes.keys, sizes.depth);
    Tile::load(v, values, C, column, sizes.keys, sizes.width);
    __syncthreads();
    Tile::multiply(q, k, scores);
#pragma unroll
    for (int i = 0; i < Tile::kRowsOfThread; ++i) {
      const uint64_t seen = at.kind == TileClass::Full ? ~uint64_t{0} : mask.bits(row + Tile::row(i), column);
#pragma unroll
      for (int j = 0; j < Tile::kColumnsOfThread; ++j)
        scores[i][j] = seen >> Tile::column(j) & 1 ? scores[i][j] * call.scale : -static_cast<T>(INFINITY);
    }
    softmax.take(scores, result);
    if (call.dropout.active) {
      typename Tile::Scores factors;
      Tile::dropout_by_query(call.dropout, number, row, column, factors);
#pragma unroll
      for (int i = 0; i < Tile::kRowsOfThread; ++i)
#pragma unroll
        for (int j = 0; j < Tile::kColumnsOfThread; ++j) scores[i][j] *= factors[i][j];
    }
    Tile::accumulate(weights, scores, v, result);
  }
  softmax.finish(result);
  Tile::store(result, call.out.of(sample, head), row, sizes.queries, sizes.width);
  const Matrix<T> log_sum_exp = call.log_sum_exp.of(sample, head);
#pragma unroll
  for (int i = 0; i < Tile::kRowsOfThread; ++i)
    if (Tile::x() == 0 && row + Tile::row(i) < sizes.queries)
      log_sum_exp.at(row + Tile::row(i), 0) = softmax.log_sum_exp(i);
}

// What a block has.
template <class Tile>
constexpr size_t shared_bytes() {
  return Tile::bytes(1, 2);
}

template <class Tile>
void run(const AttentionForward& call) {
  using T = typename Tile::T;
  const int device = call.out.device;
  const AttentionArgs& args = call.args;
  const AttentionSizes sizes(args);
  const PackedMask mask(kAttention, args, false);
  const TiledForward<T> parameters{Heads<const T>(args.q),
                                   Heads<const T>(args.k),
                                   Heads<const T>(args.v),
                                   Heads<T>(call.out),
                                   Heads<T>(call.log_sum_exp),
                                   mask.by_queries(),
                                   sizes,
                                   AttentionDropout(args),
                                   static_cast<T>(args.scale * std::numbers::log2e)};
  const auto blocks = static_cast<unsigned>(sizes.all_heads() * ceil_div(sizes.queries, Tile::kRows));
  launch(kAttention, {dim3(blocks), dim3(Tile::kThreads), shared_bytes<Tile>()}, device, tiled_forward_kernel<Tile>,
         parameters);
}

// Calls use(tile), where `tile` points to nothing and has the type of the tile for operands of this type and head size.
template <class Use>
auto with_tile(DType dtype, int64_t head_size, const Use& use) {
  if (dtype == DType::Float64) {
    if (head_size <= 32) return use(static_cast<AttentionTile<double, 32, 2, 2>*>(nullptr));
    if (head_size <= 64) return use(static_cast<AttentionTile<double, 64, 2, 2>*>(nullptr));
    if (head_size <= 128) return use(static_cast<AttentionTile<double, 128, 2, 1>*>(nullptr));
    return use(static_cast<AttentionTile<double, 256, 1, 1>*>(nullptr));
  }
  if (head_size <= 32) return use(static_cast<AttentionTile<float, 32, 4, 4>*>(nullptr));
  if (head_size <= 64) return use(static_cast<AttentionTile<float, 64, 4, 4>*>(nullptr));
  if (head_size <= 128) return use(static_cast<AttentionTile<float, 128, 4, 2>*>(nullptr));
  return use(static_cast<AttentionTile<float, 256, 2, 1>*>(nullptr));
}

}  // namespace

bool tiled_attention_fits(DType dtype, int64_t head_size, int device) {
  const size_t bytes =
      with_tile(dtype, head_size, [](auto* tile) { return shared_bytes<std::remove_pointer_t<decltype(tile)>>(); });
  return bytes <= max_shared_bytes(device);
}

void tiled_attention(const AttentionForward& call) {
  with_tile(call.out.dtype, head_size_of(call.args),
            [&](auto* tile) { run<std::remove_pointer_t<decltype(tile)>>(call); });
}

}  // namespace mote::cuda
