// Pieces of the tensor-core attention kernels: tiles in shared memory, and products of 16 x 16 by 16 x 8 on them. The
// layouts of a warp's registers are in ptx.h; g and t are those of a lane there.
//
// A tile lies in panels of 64 columns (32 where the head size is no multiple of 64), whose rows are cut into chunks of
// 16 bytes. Chunk c of row r is kept in place c ^ (r % 8), so that ldmatrix, which reads one chunk of eight rows, meets
// all banks, and so does a row that is written (an XOR swizzle).
#pragma once

#include <cmath>

#include "kernels/attention_call.h"
#include "kernels/launch.h"
#include "kernels/ptx.h"

namespace mote::cuda {

__device__ __forceinline__ int lane_index() { return static_cast<int>(threadIdx.x % 32); }
__device__ __forceinline__ int warp_index() { return static_cast<int>(threadIdx.x / 32); }

// R rows of D elements of T, a 16-bit type.
template <class Type, int R, int D>
struct SharedTile {
  using T = Type;
  static constexpr int kRows = R, kDepth = D, kElements = R * D;
  static constexpr int kPanel = D % 64 == 0 ? 64 : 32, kChunks = kPanel / 8;
  static constexpr int kSteps = D / 16;  // of 16 columns
  static_assert(D % kPanel == 0 && R % 8 == 0);

  T* data;

  // Of element 8 * chunk of a row.
  __device__ static int offset(int row, int chunk) {
    const int swizzled = (chunk & (kChunks - 1)) ^ (kPanel == 64 ? row & 7 : row >> 1 & 3);
    return (chunk / kChunks * R + row) * kPanel + swizzled * 8;
  }

  // Starts to copy `R` rows of a dense matrix from `first` on, zeros beyond its ends. `columns` is a multiple of 8. A
  // thread keeps its chunk from row to row, so that its addresses differ by constants.
  template <int kThreads>
  __device__ __forceinline__ void copy(const Matrix<const T>& from, int first, int rows, int columns) const {
    constexpr int kRowChunks = D / 8, kRowThreads = kThreads / kRowChunks;
    const int chunk = static_cast<int>(threadIdx.x % kRowChunks), row = static_cast<int>(threadIdx.x / kRowChunks);
    if (kThreads % kRowChunks != 0 && row >= kRowThreads) return;
    const bool wide_enough = 8 * chunk < columns;
    const T* source = from.data + (first + row) * from.row_stride + 8 * chunk;
#pragma unroll
    for (int r = 0; r < R; r += kRowThreads) {
      if (R % kRowThreads != 0 && r + row >= R) break;
      const bool inside = wide_enough && first + r + row < rows;
      ptx::cp_async(data + offset(row + r, chunk), inside ? source : from.data, inside ? 16 : 0);
      source += kRowThreads * from.row_stride;
    }
  }

  // Where this lane reads for ldmatrix of 16 rows from `row` on, a multiple of 16, and the columns of `step`. One
  // offset per lane; rows and panels add constants to it, and the step within a panel is an XOR.
  __device__ const T* address(int row, int step) const {
    const int lane = offset(lane_index() % 16, lane_index() / 16);
    constexpr int kPanelSteps = kPanel / 16;
    return data + (lane ^ step % kPanelSteps * 16) + (step / kPanelSteps * R + row) * kPanel;
  }
  __device__ void load(uint32_t (&r)[4], int row, int step) const { ptx::ldmatrix(r, address(row, step)); }
  __device__ void load_transposed(uint32_t (&r)[4], int row, int step) const {
    ptx::ldmatrix_trans(r, address(row, step));
  }
};

// Accumulators of 16 rows and 8 N columns; two neighbours of row g, then of row g + 8.
template <int N>
struct Accumulators {
  float value[N][4];

  __device__ void clear() {
#pragma unroll
    for (int n = 0; n < N; ++n)
#pragma unroll
      for (int e = 0; e < 4; ++e) value[n][e] = 0.0F;
  }
};

// sums[m] = (16 rows of a from row + 16 m on) times all rows of b, transposed.
template <int M, int N, class A, class B>
__device__ __forceinline__ void multiply_rows(const A& a, int row, const B& b, Accumulators<N> (&sums)[M]) {
  static_assert(N * 8 == B::kRows && A::kDepth == B::kDepth);
#pragma unroll
  for (int m = 0; m < M; ++m) sums[m].clear();
#pragma unroll
  for (int step = 0; step < A::kSteps; ++step) {
    uint32_t left[M][4];
#pragma unroll
    for (int m = 0; m < M; ++m) a.load(left[m], row + 16 * m, step);
#pragma unroll
    for (int n = 0; n < N; n += 2) {
      uint32_t right[4];
      b.load(right, 8 * n, step);
#pragma unroll
      for (int m = 0; m < M; ++m) {
        ptx::mma<typename A::T>(sums[m].value[n], left[m], right[0], right[2]);
        ptx::mma<typename A::T>(sums[m].value[n + 1], left[m], right[1], right[3]);
      }
    }
  }
}

// sums[m] += weights[m], rounded to T, times the rows of b. Accumulators of a product are laid out as the left operand
// of the next one, so that the weights never leave their registers.
template <int M, int K, int N, class B>
__device__ __forceinline__ void accumulate_rows(const Accumulators<K> (&weights)[M], const B& b,
                                                Accumulators<N> (&sums)[M]) {
  static_assert(K * 8 == B::kRows && N * 8 == B::kDepth && K % 2 == 0);
  using T = typename B::T;
#pragma unroll
  for (int k = 0; k < K; k += 2) {
    uint32_t left[M][4];
#pragma unroll
    for (int m = 0; m < M; ++m)
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const float(&pair)[4] = weights[m].value[k + i / 2];
        left[m][i] = ptx::pack<T>(pair[i % 2 * 2], pair[i % 2 * 2 + 1]);
      }
#pragma unroll
    for (int step = 0; step < B::kSteps; ++step) {
      uint32_t right[4];
      b.load_transposed(right, 8 * k, step);
#pragma unroll
      for (int m = 0; m < M; ++m) {
        ptx::mma<T>(sums[m].value[2 * step], left[m], right[0], right[1]);
        ptx::mma<T>(sums[m].value[2 * step + 1], left[m], right[2], right[3]);
      }
    }
  }
}

// Writes 16 rows of this warp, times `upper` for row g and `lower` for row g + 8, to rows from first + row on of a
// dense matrix, through rows from `row` on of a tile that only this warp uses: what a lane holds is 4 bytes, and what
// it writes to global memory 16.
template <class Tile, int N>
__device__ void store_rows(const Tile& tile, int row, const Accumulators<N>& sums, float upper, float lower,
                           const Matrix<typename Tile::T>& to, int first, int rows, int columns) {
  static_assert(N * 8 == Tile::kDepth);
  using T = typename Tile::T;
  const int g = lane_index() / 4, t = lane_index() % 4;
#pragma unroll
  for (int n = 0; n < N; ++n) {
    const auto put = [&](int r, uint32_t pair) {
      *reinterpret_cast<uint32_t*>(tile.data + Tile::offset(row + r, n) + 2 * t) = pair;
    };
    put(g, ptx::pack<T>(sums.value[n][0] * upper, sums.value[n][1] * upper));
    put(g + 8, ptx::pack<T>(sums.value[n][2] * lower, sums.value[n][3] * lower));
  }
  __syncwarp();
#pragma unroll 4
  for (int i = lane_index(); i < 16 * N; i += 32) {
    const int r = row + i / N, chunk = i % N;
    if (first + r < rows && 8 * chunk < columns)
      *reinterpret_cast<uint4*>(to.data + (first + r) * to.row_stride + 8 * chunk) =
          *reinterpret_cast<const uint4*>(tile.data + Tile::offset(r, chunk));
  }
}

// Which weights of 16 rows and 8 N columns dropout keeps, as bits: for a lane's elements at value[n][e].
// Rows are queries: one call of Philox decides about four keys, which two lanes hold, of two rows each. So a lane asks
// for one of the rows, and the two exchange what they got.
template <int N>
struct KeptByQuery {
  static_assert(N <= 8);
  uint32_t words[2];  // of row g and of row g + 8

  __device__ KeptByQuery(const AttentionDropout& dropout, int64_t head, int row, int column) {
    const int g = lane_index() / 4, t = lane_index() % 4;
    uint32_t mine = 0;
#pragma unroll 1
    for (int n = 0; n < N; ++n) mine |= dropout.kept(head, row + g + t % 2 * 8, (column + 8 * n) / 4 + t / 2) << 4 * n;
    const uint32_t other = __shfl_xor_sync(kAllLanes, mine, 1);
    words[0] = (t % 2 ? other : mine) >> t % 2 * 2;
    words[1] = (t % 2 ? mine : other) >> t % 2 * 2;
  }
  __device__ bool at(int n, int e) const { return words[e / 2] >> (4 * n + e % 2) & 1; }
};

// Rows are keys: four lanes hold the four keys of a call, for two groups of keys and two queries each. Every lane makes
// one of these four calls.
template <int N>
struct KeptByKey {
  static_assert(N % 2 == 0);
  uint32_t words[N / 2];

  __device__ KeptByKey(const AttentionDropout& dropout, int64_t head, int row, int column) {
    const int g = lane_index() / 4, t = lane_index() % 4, call = g % 4;
    const int group = (row + g / 4 * 4 + call / 2 * 8) / 4, query = column + 2 * t + call % 2;
#pragma unroll
    for (int n = 0; n < N; n += 2) {
      uint32_t kept = 0;
#pragma unroll 1
      for (int i = 0; i < 2; ++i) kept |= dropout.kept(head, query + 8 * (n + i), group) << (4 * call + 16 * i);
      kept |= __shfl_xor_sync(kAllLanes, kept, 4);
      kept |= __shfl_xor_sync(kAllLanes, kept, 8);
      words[n / 2] = kept >> call;
    }
  }
  __device__ bool at(int n, int e) const { return words[n / 2] >> (16 * (n % 2) + 4 * e) & 1; }
};

}  // namespace mote::cuda
