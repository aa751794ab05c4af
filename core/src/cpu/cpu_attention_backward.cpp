// The gradients of attention. Weights are computed again from the scores' log-sum-exp:
//   P = exp(S - log_sum_exp),  dV = P^T dO,  dP = dO V^T,  dS = P (dP - delta) scale,  dQ = dS K,  dK = dS^T Q,
// with delta = sum(dO * O) along a row. Where there are heads enough for the threads, each is one task and computes a
// tile's P and dP once; else keys and queries are shared out separately, which computes them twice. Every sum has the
// same order either way.
#include <algorithm>
#include <limits>
#include <numbers>

#include "cpu/attention_operands.h"
#include "cpu/cpu_backend.h"
#include "cpu/parallel.h"

namespace mote {

namespace {

using cpu::BackwardParts;
using cpu::kPadding;
using cpu::kTile;
using cpu::padded;
using cpu::Scratch;
using cpu::Slice;

// The product of two rows. Eight partial sums, which a compiler may hold in vectors.
template <class S, class T = compute_t<S>>
T dot(const Slice<const S>& a, const Slice<const S>& b, int64_t row, int64_t columns) {
  T sums[8] = {};
  int64_t j = 0;
  const S *x = &a.at(row), *y = &b.at(row);
  if (a.column_stride == 1 && b.column_stride == 1)
    for (; j + 8 <= columns; j += 8)
      for (int64_t k = 0; k < 8; ++k) sums[k] += cast_to<T>(x[j + k]) * cast_to<T>(y[j + k]);
  for (; j < columns; ++j) sums[0] += cast_to<T>(a.at(row, j)) * cast_to<T>(b.at(row, j));
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

struct Gradients {
  const View &q, &k, &v;
};

template <class S>
class AttentionBackward {
 public:
  using T = compute_t<S>;

  AttentionBackward(const Gradients& gradients, const View& grad_out, const View& out, const View& log_sum_exp,
                    const AttentionArgs& args)
      : gradients_(gradients),
        grad_out_(grad_out),
        out_(out),
        log_sum_exp_(log_sum_exp),
        sizes_(args),
        query_blocks_(cpu::blocks_of(sizes_.queries)),
        key_blocks_(cpu::blocks_of(sizes_.keys)),
        block_size_((2 * sizes_.depth + sizes_.width + 2) * kTile),
        group_(cpu::heads_in_group(sizes_.heads, bytes_per_head())),
        k_(args.k, 1, group_),
        v_(args.v, 1, group_),
        q_(args.q, kPadding, group_),
        grad_(grad_out, kPadding, group_),
        blocks_(group_ * query_blocks_ * block_size_) {}

  void run() {
    for (int64_t first = 0; first < sizes_.heads; first += group_) {
      const int64_t heads = std::min(group_, sizes_.heads - first);
      first_ = first;
      for_tasks(heads * query_blocks_, [&](int64_t t, T*) { prepare_queries(t / query_blocks_, t % query_blocks_); });
      if (k_.is_copied() || v_.is_copied())
        for_tasks(heads, [&](int64_t h, T*) {
          k_.copy(first_ + h, h, 0, sizes_.keys);
          v_.copy(first_ + h, h, 0, sizes_.keys);
        });
      if (heads >= 2 * cpu::max_threads() || heads % cpu::max_threads() == 0)
        for_tasks(heads, [&](int64_t h, T* scratch) { run_head(h, scratch); });
      else
        run_parts(heads);
    }
  }

 private:
  int64_t bytes_per_head() const {
    return (sizes_.keys * (sizes_.depth + sizes_.width) + 2 * query_blocks_ * block_size_) *
           static_cast<int64_t>(sizeof(T));
  }

  // Calls task(i, scratch) for i in [0, count).
  template <class Task>
  void for_tasks(int64_t count, const Task& task) const {
    cpu::parallel_for(count, 1, [&](int64_t begin, int64_t end) {
      const int64_t tiles = 2 + sizes_.dropout_tiles();
      const Scratch<T> scratch((padded(sizes_.depth) + padded(sizes_.width) + tiles * kTile) * kTile);
      for (int64_t i = begin; i < end; ++i) task(i, scratch.get());
    });
  }

  // The packed form of a block of queries; `head` counts from the start of the group, as everywhere below.
  cpu::QueryBlock<T> query_block(int64_t head, int64_t number) const {
    T* const at = blocks_.get() + (head * query_blocks_ + number) * block_size_;
    cpu::QueryBlock<T> block;
    block.query = number * kTile;
    block.queries = std::min(kTile, sizes_.queries - block.query);
    block.q_columns = at;
    block.grad_q = at + sizes_.depth * kTile;
    block.grad_columns = block.grad_q + sizes_.depth * kTile;
    block.log_sum_exp = block.grad_columns + sizes_.width * kTile;
    block.delta = block.log_sum_exp + kTile;
    const auto rows_from = [&](const cpu::ReadableRows<S>& rows) {
      const cpu::DenseRows<const T> all = rows.of(first_ + head, head);
      return cpu::DenseRows<const T>{all.row(block.query), all.stride};
    };
    block.q = rows_from(q_);
    block.grad = rows_from(grad_);
    return block;
  }

  void prepare_queries(int64_t head, int64_t number) const {
    const cpu::QueryBlock<T> block = query_block(head, number);
    const Slice<const S> q(sizes_.args.q, first_ + head), grad(grad_out_, first_ + head), out(out_, first_ + head);
    const Slice<const T> log_sum_exp(log_sum_exp_, first_ + head);
    const auto writable = [](const T* packed) { return const_cast<T*>(packed); };
    cpu::pack_columns<S, T>(q, block.query, block.queries, sizes_.depth,
                            static_cast<T>(sizes_.args.scale * std::numbers::log2e), writable(block.q_columns));
    cpu::pack_columns<S, T>(grad, block.query, block.queries, sizes_.width, T(1), writable(block.grad_columns));
    std::fill(block.grad_q, block.grad_q + sizes_.depth * kTile, T(0));
    q_.copy(first_ + head, head, block.query, block.queries);
    grad_.copy(first_ + head, head, block.query, block.queries);
    for (int64_t i = 0; i < kTile; ++i) {
      writable(block.delta)[i] = i < block.queries ? dot(grad, out, block.query + i, sizes_.width) : T(0);
      writable(block.log_sum_exp)[i] = i < block.queries ? log_sum_exp.at(block.query + i) * std::numbers::log2e_v<T>
                                                         : std::numeric_limits<T>::infinity();
    }
  }

  cpu::Head<T> head_of(int64_t head) const {
    return sizes_.head<T>(first_ + head, k_.of(first_ + head, head), v_.of(first_ + head, head));
  }

  // One block of keys against the queries of blocks [begin, end). Writes the gradients of the keys where asked for.
  void run_keys(int64_t head, int64_t number, int64_t begin, int64_t end, BackwardParts parts, T* scratch) const {
    const cpu::Head<T> operands = head_of(head);
    const int64_t depth = padded(sizes_.depth), width = padded(sizes_.width);
    cpu::KeyBlock<T> block;
    block.key = number * kTile;
    block.keys = std::min(kTile, sizes_.keys - block.key);
    block.grad_k = scratch;
    block.grad_v = block.grad_k + depth * kTile;
    block.weights = block.grad_v + width * kTile;
    block.gradients = block.weights + kTile * kTile;
    block.factors = block.gradients + kTile * kTile;
    if (parts.keys) std::fill(block.grad_k, block.weights, T(0));
    begin = std::max(begin, operands.mask.query_begin(block.key) / kTile);
    for (int64_t i = begin; i < end; ++i)
      attention_backward(operands, query_block(head, i), block, static_cast<T>(sizes_.args.scale), parts);
    if (!parts.keys) return;
    const auto store = [&](const T* from, int64_t stride, int64_t columns, const Slice<S>& to) {
      for (int64_t i = 0; i < block.keys; ++i, from += stride) {
        S* const row = &to.at(block.key + i);
        if constexpr (std::is_same_v<S, T>)
          if (to.column_stride == 1) {
            std::copy_n(from, columns, row);
            continue;
          }
        for (int64_t j = 0; j < columns; ++j) row[j * to.column_stride] = cast_to<S>(from[j]);
      }
    };
    store(block.grad_k, depth, sizes_.depth, Slice<S>(gradients_.k, first_ + head));
    store(block.grad_v, width, sizes_.width, Slice<S>(gradients_.v, first_ + head));
  }

  void store_queries(int64_t head, int64_t number) const {
    const cpu::QueryBlock<T> block = query_block(head, number);
    T ones[kTile];
    std::fill_n(ones, kTile, T(1));
    cpu::store_columns(block.grad_q, block.query, block.queries, sizes_.depth, ones,
                       Slice<S>(gradients_.q, first_ + head));
  }

  void run_head(int64_t head, T* scratch) const {
    for (int64_t j = 0; j < key_blocks_; ++j)
      run_keys(head, j, 0, query_blocks_, {.queries = true, .keys = true}, scratch);
    for (int64_t i = 0; i < query_blocks_; ++i) store_queries(head, i);
  }

  void run_parts(int64_t heads) const {
    for_tasks(heads * key_blocks_, [&](int64_t t, T* scratch) {
      const int64_t number = cpu::balanced(t % key_blocks_, key_blocks_);
      run_keys(t / key_blocks_, number, 0, query_blocks_, {.queries = false, .keys = true}, scratch);
    });
    for_tasks(heads * query_blocks_, [&](int64_t t, T* scratch) {
      const int64_t head = t / query_blocks_, number = cpu::balanced(t % query_blocks_, query_blocks_);
      for (int64_t j = 0; j < key_blocks_; ++j)
        run_keys(head, j, number, number + 1, {.queries = true, .keys = false}, scratch);
      store_queries(head, number);
    });
  }

  Gradients gradients_;
  const View &grad_out_, &out_, &log_sum_exp_;
  cpu::AttentionSizes sizes_;
  int64_t query_blocks_, key_blocks_;
  int64_t block_size_;  // of a packed block of queries
  int64_t group_;       // heads at once
  int64_t first_ = 0;   // head of the group
  cpu::ReadableRows<S> k_, v_, q_, grad_;
  Scratch<T> blocks_;
};

}  // namespace

void CpuBackend::attention_backward(const View& grad_q, const View& grad_k, const View& grad_v, const View& grad_out,
                                    const View& out, const View& log_sum_exp, const AttentionArgs& args) {
  if (args.q.shape[0] * args.q.shape[1] == 0) return;
  dispatch(grad_q.dtype, [&](auto* tag) {
    using S = std::remove_pointer_t<decltype(tag)>;
    if constexpr (is_floating_point(dtype_of<S>))
      AttentionBackward<S>({grad_q, grad_k, grad_v}, grad_out, out, log_sum_exp, args).run();
  });
}

}  // namespace mote
