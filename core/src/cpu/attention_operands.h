// Between the operands of attention (any strides, any floating-point type) and what its kernels read and write.
#pragma once

#include <algorithm>
#include <type_traits>

#include "cpu/attention_kernels.h"
#include "cpu/parallel.h"
#include "cpu/scratch.h"
#include "cpu/transpose_kernels.h"
#include "mote/backend.h"

namespace mote::cpu {

inline int64_t blocks_of(int64_t size) { return (size + kTile - 1) / kTile; }

// 0, n-1, 1, n-2, ...: under a causal mask neighbours then add up to the same work.
inline int64_t balanced(int64_t i, int64_t n) { return i % 2 == 0 ? i / 2 : n - 1 - i / 2; }

// How many heads are worked on at once, so that copies made for them stay small and the threads stay busy.
inline int64_t heads_in_group(int64_t heads, int64_t bytes_per_head) {
  const int64_t fit = (int64_t{64} << 20) / std::max<int64_t>(bytes_per_head, 1);
  return std::clamp<int64_t>(std::max<int64_t>(fit, 2 * max_threads()), 1, heads);
}

// A matrix by strides: the last two dimensions of one head.
template <class S>
struct Slice {
  S* data;
  int64_t row_stride;
  int64_t column_stride;

  // Head number `head`, counted over the batch, of a [B, H, rows, columns] or [B, H, rows] view.
  Slice(const View& view, int64_t head)
      : data(view.as<S>() + head / view.shape[1] * view.strides[0] + head % view.shape[1] * view.strides[1]),
        row_stride(view.strides[2]),
        column_stride(view.shape.rank() == 4 ? view.strides[3] : 0) {}

  S& at(int64_t row, int64_t column = 0) const { return data[row * row_stride + column * column_stride]; }
};

// The sizes of a call, and what its heads have in common.
struct AttentionSizes {
  AttentionSizes(const AttentionArgs& a)
      : args(a),
        heads(a.q.shape[0] * a.q.shape[1]),
        queries(a.q.shape[2]),
        keys(a.k.shape[2]),
        depth(a.q.shape[3]),
        width(a.v.shape[3]) {}

  // Tiles in a kernel's scratch beside the scores.
  int64_t dropout_tiles() const { return args.dropout_p > 0.0 ? 1 : 0; }

  template <class T>
  Head<T> head(int64_t number, const DenseRows<const T>& k, const DenseRows<const T>& v) const {
    Head<T> result{keys, depth, width, k, v, {}, {args.dropout_p, args.seed, number}};
    result.mask.causal = args.causal;
    if (args.mask) {
      const Slice<const bool> slice(*args.mask, number);
      result.mask.data = slice.data;
      result.mask.query_stride = slice.row_stride;
      result.mask.key_stride = slice.column_stride;
    }
    return result;
  }

  const AttentionArgs& args;
  int64_t heads, queries, keys, depth, width;
};

// Rows from `first` on, times `factor` and transposed, [columns][64], with zeros up to padded(rows).
template <class S, class T>
void pack_columns(const Slice<const S>& from, int64_t first, int64_t rows, int64_t columns, T factor, T* to) {
  const int64_t end = padded(rows);
  if (rows < end)
    for (int64_t j = 0; j < columns; ++j) std::fill(to + j * kTile + rows, to + j * kTile + end, T(0));
  if constexpr (std::is_same_v<S, T>)
    if (from.column_stride == 1 || columns == 1)
      return rows_to_tile(&from.at(first), from.row_stride, rows, columns, factor, to);
  for (int64_t j = 0; j < columns; ++j)
    for (int64_t i = 0; i < rows; ++i) to[j * kTile + i] = cast_to<T>(from.at(first + i, j)) * factor;
}

// Back from [columns][64], each row times its factor.
template <class S, class T>
void store_columns(const T* from, int64_t first, int64_t rows, int64_t columns, const T* factors, const Slice<S>& to) {
  if constexpr (std::is_same_v<S, T>)
    if (to.column_stride == 1 || columns == 1)
      return tile_to_rows(from, rows, columns, factors, &to.at(first), to.row_stride);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) to.at(first + i, j) = cast_to<S>(from[j * kTile + i] * factors[i]);
}

// The rows of all heads of a view as the kernels read them: in place where that is possible, else a copy for the heads
// of one group, with zeros up to a multiple of `padding` columns.
template <class S>
class ReadableRows {
 public:
  using T = compute_t<S>;

  ReadableRows(const View& view, int64_t padding, int64_t heads_in_group)
      : view_(view), columns_(view.shape[3]), stride_((columns_ + padding - 1) / padding * padding) {
    const bool in_place = std::is_same_v<S, T> && (view.strides[3] == 1 || columns_ <= 1) && stride_ == columns_;
    if (!in_place) copy_ = Scratch<T>(heads_in_group * view.shape[2] * stride_);
  }

  bool is_copied() const { return copy_.get() != nullptr; }

  // Makes the copy of some rows, where there is one.
  void copy(int64_t head, int64_t head_in_group, int64_t first, int64_t rows) const {
    if (!is_copied()) return;
    const Slice<const S> from(view_, head);
    T* to = copy_.get() + (head_in_group * view_.shape[2] + first) * stride_;
    for (int64_t i = first; i < first + rows; ++i, to += stride_) {
      for (int64_t j = 0; j < columns_; ++j) to[j] = cast_to<T>(from.at(i, j));
      std::fill(to + columns_, to + stride_, T(0));
    }
  }

  DenseRows<const T> of(int64_t head, int64_t head_in_group) const {
    if (is_copied()) return {copy_.get() + head_in_group * view_.shape[2] * stride_, stride_};
    if constexpr (std::is_same_v<S, T>) {
      const Slice<const S> slice(view_, head);
      return {slice.data, slice.row_stride};
    }
    return {};
  }

 private:
  const View& view_;
  int64_t columns_;
  int64_t stride_;
  Scratch<T> copy_;
};

}  // namespace mote::cpu
