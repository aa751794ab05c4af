// Attention without its scores (Dao et al. 2022): 64 queries at a time meet 64 keys at a time. Operands are read where
// they lie if their type and strides allow it; the queries are transposed once, see attention_kernels.h.
#include <cmath>
#include <limits>
#include <numbers>

#include "cpu/attention_operands.h"
#include "cpu/attention_query_kernels.h"
#include "cpu/cpu_backend.h"
#include "cpu/parallel.h"

namespace mote {

namespace {

using cpu::kTile;
using cpu::Scratch;
using cpu::Slice;

template <class S>
class AttentionForward {
 public:
  using T = compute_t<S>;

  AttentionForward(const View& out, const View& log_sum_exp, const AttentionArgs& args)
      : out_(out),
        log_sum_exp_(log_sum_exp),
        sizes_(args),
        group_(cpu::heads_in_group(sizes_.heads,
                                   sizes_.keys * (sizes_.depth + sizes_.width) * static_cast<int64_t>(sizeof(T)))),
        k_(args.k, 1, group_),
        v_(args.v, 1, group_) {}

  void run() {
    const int64_t blocks = cpu::blocks_of(sizes_.queries);
    for (int64_t first = 0; first < sizes_.heads; first += group_) {
      const int64_t heads = std::min(group_, sizes_.heads - first);
      if (k_.is_copied() || v_.is_copied())
        cpu::parallel_for(heads, 1, [&](int64_t begin, int64_t end) {
          for (int64_t h = begin; h < end; ++h) {
            k_.copy(first + h, h, 0, sizes_.keys);
            v_.copy(first + h, h, 0, sizes_.keys);
          }
        });
      if (sizes_.queries <= cpu::kFewQueries && sizes_.args.dropout_p == 0.0) {
        run_queries(first, heads);
        continue;
      }
      cpu::parallel_for(heads * blocks, 1, [&](int64_t begin, int64_t end) {
        const Scratch<T> scratch((sizes_.depth + sizes_.width + 2 + (1 + sizes_.dropout_tiles()) * kTile) * kTile);
        for (int64_t t = begin; t < end; ++t)
          run_block(first + t / blocks, t / blocks, cpu::balanced(t % blocks, blocks) * kTile, scratch.get());
      });
    }
  }

 private:
  void run_block(int64_t number, int64_t number_in_group, int64_t query, T* scratch) const {
    cpu::ForwardBlock<T> block;
    block.query = query;
    block.queries = std::min(kTile, sizes_.queries - query);
    block.q = scratch;
    block.out = scratch + sizes_.depth * kTile;
    block.sum = block.out + sizes_.width * kTile;
    block.maximum = block.sum + kTile;
    block.scores = block.maximum + kTile;
    block.factors = block.scores + kTile * kTile;
    cpu::pack_columns<S, T>(Slice<const S>(sizes_.args.q, number), query, block.queries, sizes_.depth,
                            static_cast<T>(sizes_.args.scale * std::numbers::log2e), scratch);
    const int64_t columns = cpu::padded(block.queries);
    for (int64_t row = 0; row <= sizes_.width; ++row) std::fill_n(block.out + row * kTile, columns, T(0));  // and sum
    std::fill_n(block.maximum, columns, -std::numeric_limits<T>::infinity());
    attention_forward(sizes_.head<T>(number, k_.of(number, number_in_group), v_.of(number, number_in_group)), block);
    finish(number, block);
  }

  // Each query of the group's heads on its own. Little work stays on the calling thread.
  void run_queries(int64_t first, int64_t heads) const {
    const int64_t work = std::max<int64_t>(sizes_.keys * (sizes_.depth + sizes_.width), 1);
    const int64_t grain = std::max<int64_t>(1, cpu::kFunctionGrain / work);
    cpu::parallel_for(heads * sizes_.queries, grain, [&](int64_t begin, int64_t end) {
      const Scratch<T> scratch(sizes_.depth + sizes_.width);
      for (int64_t t = begin; t < end; ++t)
        run_query(first + t / sizes_.queries, t / sizes_.queries, t % sizes_.queries, scratch.get());
    });
  }

  void run_query(int64_t number, int64_t number_in_group, int64_t i, T* scratch) const {
    const Slice<const S> q(sizes_.args.q, number);
    for (int64_t j = 0; j < sizes_.depth; ++j)
      scratch[j] = cast_to<T>(q.at(i, j)) * static_cast<T>(sizes_.args.scale * std::numbers::log2e);
    cpu::ForwardQuery<T> query;
    query.query = i;
    query.q = scratch;
    query.out = scratch + sizes_.depth;
    attention_forward(sizes_.head<T>(number, k_.of(number, number_in_group), v_.of(number, number_in_group)), query);
    const Slice<S> out(out_, number);
    const T share = query.sum == T(0) ? T(0) : T(1) / query.sum;
    for (int64_t j = 0; j < sizes_.width; ++j) out.at(i, j) = cast_to<S>(query.out[j] * share);
    Slice<T>(log_sum_exp_, number).at(i) = log_sum_exp_of(query.maximum, query.sum);
  }

  // In base e; a query that looks at nothing has the sum 0.
  static T log_sum_exp_of(T maximum, T sum) {
    if (sum == T(0)) return std::numeric_limits<T>::infinity();
    return (maximum + std::log2(sum)) * std::numbers::ln2_v<T>;
  }

  // Divides by the sum of weights.
  void finish(int64_t number, const cpu::ForwardBlock<T>& block) const {
    T factors[kTile];
    const Slice<T> log_sum_exp(log_sum_exp_, number);
    for (int64_t i = 0; i < block.queries; ++i) {
      factors[i] = block.sum[i] == T(0) ? T(0) : T(1) / block.sum[i];
      log_sum_exp.at(block.query + i) = log_sum_exp_of(block.maximum[i], block.sum[i]);
    }
    cpu::store_columns(block.out, block.query, block.queries, sizes_.width, factors, Slice<S>(out_, number));
  }

  const View& out_;
  const View& log_sum_exp_;
  cpu::AttentionSizes sizes_;
  int64_t group_;  // heads at once
  cpu::ReadableRows<S> k_, v_;
};

}  // namespace

void CpuBackend::attention(const View& out, const View& log_sum_exp, const AttentionArgs& args) {
  if (log_sum_exp.numel() == 0) return;
  dispatch(out.dtype, [&](auto* tag) {
    using S = std::remove_pointer_t<decltype(tag)>;
    if constexpr (is_floating_point(dtype_of<S>)) AttentionForward<S>(out, log_sum_exp, args).run();
  });
}

}  // namespace mote
