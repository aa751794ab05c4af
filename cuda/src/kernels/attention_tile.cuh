// Pieces of the tiled attention kernels. A block of 16 x 16 threads owns a tile of kRows x kColumns scores: thread (y,
// x) has the rows kRowsOfThread * y + i and the columns x + 16 j, so that the sixteen threads of a row are neighbours
// in one warp and reduce it by shuffles. Operands lie in shared memory in the type they are computed in, with 16 bytes
// between rows, so that sixteen rows read at once fall into different banks.
#pragma once

#include <cmath>

#include "kernels/attention_call.h"
#include "kernels/launch.h"
#include "kernels/pointwise.cuh"

namespace mote::cuda {

// D: columns of the operands, a multiple of 32. R rows and C columns of scores for each thread.
template <class Type, int D, int R, int C>
struct AttentionTile {
  using T = Type;
  static constexpr int kSide = 16, kThreads = kSide * kSide;
  static constexpr int kDepth = D, kRowsOfThread = R, kColumnsOfThread = C, kDepthOfThread = D / kSide;
  static constexpr int kRows = kSide * R, kColumns = kSide * C;
  static constexpr int kPack = 16 / sizeof(T);
  static constexpr int kPitch = D + kPack, kWeightPitch = kColumns + kPack;
  // Columns of an operand that a thread takes together.
  static constexpr int kWide = kDepthOfThread % kPack == 0 ? kPack : 2;
  static_assert(kMaskTile % kColumns == 0 && kMaskTile % kRows == 0);

  static constexpr size_t bytes(int row_tiles, int column_tiles) {
    return sizeof(T) *
           static_cast<size_t>(kPitch * (row_tiles * kRows + column_tiles * kColumns) + kWeightPitch * kRows);
  }

  __device__ static int x() { return static_cast<int>(threadIdx.x % kSide); }
  __device__ static int row(int i) { return static_cast<int>(threadIdx.x / kSide) * R + i; }
  __device__ static int column(int j) { return x() + kSide * j; }
  // Where the n-th group of kWide result columns of a thread begins.
  __device__ static int depth(int n) { return (x() + kSide * n) * kWide; }

  using Scores = T[R][C];
  using Result = T[R][kDepthOfThread];

  // `count` rows from `first` on, with zeros beyond the matrix.
  __device__ static void load(T* to, const Matrix<const T>& from, int count, int first, int rows, int columns) {
    for (int i = threadIdx.x; i < count * D; i += kThreads) {
      const int r = i / D, c = i % D;
      to[r * kPitch + c] = first + r < rows && c < columns ? from.at(first + r, c) : T(0);
    }
  }

  // scores = a b^T.
  __device__ static void multiply(const T* a, const T* b, Scores& scores) {
    using P = Pack<T, kPack>;
#pragma unroll
    for (int i = 0; i < R; ++i)
#pragma unroll
      for (int j = 0; j < C; ++j) scores[i][j] = T(0);
#pragma unroll 4
    for (int d = 0; d < D; d += kPack) {
      P left[R], right[C];
#pragma unroll
      for (int i = 0; i < R; ++i) left[i] = *reinterpret_cast<const P*>(a + row(i) * kPitch + d);
#pragma unroll
      for (int j = 0; j < C; ++j) right[j] = *reinterpret_cast<const P*>(b + column(j) * kPitch + d);
#pragma unroll
      for (int i = 0; i < R; ++i)
#pragma unroll
        for (int j = 0; j < C; ++j)
#pragma unroll
          for (int k = 0; k < kPack; ++k) scores[i][j] += left[i].value[k] * right[j].value[k];
    }
  }

  // result += weights rows. The weights pass through shared memory among the threads of a row, which share a warp.
  __device__ static void accumulate(T* shared, const Scores& weights, const T* rows, Result& result) {
    using P = Pack<T, kPack>;
    using W = Pack<T, kWide>;
    __syncwarp();
#pragma unroll
    for (int i = 0; i < R; ++i)
#pragma unroll
      for (int j = 0; j < C; ++j) shared[row(i) * kWeightPitch + column(j)] = weights[i][j];
    __syncwarp();
#pragma unroll 2
    for (int t = 0; t < kColumns; t += kPack) {
      P left[R];
#pragma unroll
      for (int i = 0; i < R; ++i) left[i] = *reinterpret_cast<const P*>(shared + row(i) * kWeightPitch + t);
#pragma unroll
      for (int k = 0; k < kPack; ++k)
#pragma unroll
        for (int n = 0; n < kDepthOfThread / kWide; ++n) {
          const W right = *reinterpret_cast<const W*>(rows + (t + k) * kPitch + depth(n));
#pragma unroll
          for (int i = 0; i < R; ++i)
#pragma unroll
            for (int c = 0; c < kWide; ++c) result[i][n * kWide + c] += left[i].value[k] * right.value[c];
        }
    }
  }

  __device__ static void clear(Result& result) {
#pragma unroll
    for (int i = 0; i < R; ++i)
#pragma unroll
      for (int c = 0; c < kDepthOfThread; ++c) result[i][c] = T(0);
  }

  __device__ static void store(const Result& result, const Matrix<T>& to, int first, int rows, int columns) {
#pragma unroll
    for (int i = 0; i < R; ++i)
#pragma unroll
      for (int n = 0; n < kDepthOfThread / kWide; ++n)
#pragma unroll
        for (int c = 0; c < kWide; ++c)
          if (first + row(i) < rows && depth(n) + c < columns)
            to.at(first + row(i), depth(n) + c) = result[i][n * kWide + c];
  }

  // The factors of dropout for the tile at (first_row, first_column) of `head`. Rows are queries: the four threads that
  // have neighbouring keys share out the rows of one group of keys, and exchange its bits.
  __device__ static void dropout_by_query(const AttentionDropout& dropout, int64_t head, int first_row,
                                          int first_column, Scores& factors) {
    const int mine = x() % 4;
#pragma unroll
    for (int j = 0; j < C; ++j) {
      uint32_t bits = 0;
      if (mine < R) bits = dropout.kept(head, first_row + row(mine), (first_column + column(j)) / 4) << 4 * mine;
      bits |= __shfl_xor_sync(0xffffffffu, bits, 1);
      bits |= __shfl_xor_sync(0xffffffffu, bits, 2);
#pragma unroll
      for (int i = 0; i < R; ++i) factors[i][j] = bits >> (4 * i + mine) & 1 ? static_cast<T>(dropout.factor) : T(0);
    }
  }

  // Rows are keys: a thread's rows lie in one group of keys.
  __device__ static void dropout_by_key(const AttentionDropout& dropout, int64_t head, int first_row, int first_column,
                                        Scores& factors) {
    static_assert(4 % R == 0);
#pragma unroll
    for (int j = 0; j < C; ++j) {
      const uint32_t bits = dropout.kept(head, first_column + column(j), (first_row + row(0)) / 4);
#pragma unroll
      for (int i = 0; i < R; ++i)
        factors[i][j] = bits >> ((first_row + row(i)) % 4) & 1 ? static_cast<T>(dropout.factor) : T(0);
    }
  }
};

// Bytes of shared memory that a block may have on `device`.
size_t max_shared_bytes(int device);

}  // namespace mote::cuda
