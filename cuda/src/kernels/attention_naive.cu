// Attention as it is written on paper: the scores of some heads lie in global memory, and every product is one thread's
// loop over an element of its result.
//   forward   scores_kernel     S[i][j], one thread each; soft_rows_kernel: P = softmax(S), one warp a row
//   backward  weights_kernel    P from log_sum_exp and dS, one thread an element
//   both      product_kernel    out[r][c] = sum over t of weights[r][t] rows[t][c], one thread an element
// Bytes moved by forward: 4 Q K (written, read three times, written, read) beside the operands, each of which is read
// by every query or key again; tiles in shared memory save both. Heads are taken in groups, so that the scores of a
// group fit into kScratchBytes.
#include <algorithm>
#include <cmath>

#include "kernels/attention_call.h"
#include "kernels/launch.h"

namespace mote::cuda {

namespace {

constexpr int64_t kScratchBytes = int64_t{256} << 20;
constexpr int kThreads = 256;

// What the kernels of one call know: S is the storage type.
template <class S>
struct Naive {
  using T = compute_t<S>;

  Naive(const AttentionArgs& args, const View& log_sum_exp_view)
      : q(args.q),
        k(args.k),
        v(args.v),
        mask(args.mask.value_or(args.q)),  // q stands in for none, and is not read
        log_sum_exp(log_sum_exp_view),
        has_mask(args.mask.has_value()),
        causal(args.causal),
        sizes(args),
        dropout(args),
        scale(static_cast<T>(args.scale)) {}

  // Element `index` of [group of heads][queries][keys].
  struct Position {
    int64_t head, sample, head_in_sample, query, key;
  };
  __device__ Position position(int64_t index, int64_t first_head) const {
    return position_of(index / sizes.keys, index % sizes.keys, first_head);
  }
  __device__ Position position_of(int64_t row, int64_t key, int64_t first_head) const {
    const int64_t head = first_head + row / sizes.queries;
    return {head, head / sizes.heads, head % sizes.heads, row % sizes.queries, key};
  }

  __device__ bool sees(const Position& at) const {
    if (causal && at.key > at.query) return false;
    return !has_mask || mask.of(at.sample, at.head_in_sample).at(at.query, at.key);
  }

  __device__ T score(const Position& at) const {
    const Matrix<const S> a = q.of(at.sample, at.head_in_sample), b = k.of(at.sample, at.head_in_sample);
    T sum = 0;
    for (int d = 0; d < sizes.depth; ++d) sum += cast_to<T>(a.at(at.query, d)) * cast_to<T>(b.at(at.key, d));
    return sum * scale;
  }

  __device__ T factor(const Position& at) const {
    if (!dropout.active) return T(1);
    const bool kept = dropout.kept(at.head, at.query, at.key / 4) >> (at.key % 4) & 1;
    return kept ? static_cast<T>(dropout.factor) : T(0);
  }

  Heads<const S> q, k, v;
  Heads<const bool> mask;
  Heads<T> log_sum_exp;
  bool has_mask, causal;
  AttentionSizes sizes;
  AttentionDropout dropout;
  T scale;
};

__device__ int64_t first_index() { return int64_t{blockIdx.x} * blockDim.x + threadIdx.x; }
__device__ int64_t index_step() { return int64_t{gridDim.x} * blockDim.x; }

template <class S>
__global__ void scores_kernel(Naive<S> call, int64_t first_head, int64_t count, compute_t<S>* scores) {
  for (int64_t i = first_index(); i < count; i += index_step()) {
    const auto at = call.position(i, first_head);
    scores[i] = call.sees(at) ? call.score(at) : -static_cast<compute_t<S>>(INFINITY);
  }
}

template <class T>
__device__ T warp_sum(T value) {
#pragma unroll
  for (int step = 16; step > 0; step /= 2) value += __shfl_xor_sync(kAllLanes, value, step);
  return value;
}

// A score that is NaN makes its row's weights NaN, whatever the maximum is.
template <class S>
__global__ void soft_rows_kernel(Naive<S> call, int64_t first_head, int64_t rows, compute_t<S>* scores) {
  using T = compute_t<S>;
  const int lane = threadIdx.x % 32, keys = call.sizes.keys;
  for (int64_t row = first_index() / 32; row < rows; row += index_step() / 32) {
    T* const s = scores + row * keys;
    T highest = -static_cast<T>(INFINITY);
    for (int j = lane; j < keys; j += 32) highest = max(highest, s[j]);
#pragma unroll
    for (int step = 16; step > 0; step /= 2) highest = max(highest, __shfl_xor_sync(kAllLanes, highest, step));
    const T base = highest == -static_cast<T>(INFINITY) ? T(0) : highest;
    T sum = 0;
    for (int j = lane; j < keys; j += 32) sum += std::exp(s[j] - base);
    sum = warp_sum(sum);
    const T share = sum == T(0) ? T(0) : T(1) / sum;
    auto at = call.position_of(row, 0, first_head);
    for (int j = lane; j < keys; j += 32) {
      at.key = j;
      s[j] = std::exp(s[j] - base) * share * call.factor(at);
    }
    if (lane == 0)
      call.log_sum_exp.of(at.sample, at.head_in_sample).at(at.query, 0) =
          sum == T(0) ? static_cast<T>(INFINITY) : base + std::log(sum);
  }
}

template <class S>
__global__ void weights_kernel(Naive<S> call, Heads<const S> grad_out, const compute_t<S>* delta, int64_t first_head,
                               int64_t count, compute_t<S>* weights, compute_t<S>* grad_scores) {
  using T = compute_t<S>;
  for (int64_t i = first_index(); i < count; i += index_step()) {
    const auto at = call.position(i, first_head);
    const Matrix<const S> g = grad_out.of(at.sample, at.head_in_sample), v = call.v.of(at.sample, at.head_in_sample);
    T grad_weight = 0;
    for (int d = 0; d < call.sizes.width; ++d)
      grad_weight += cast_to<T>(g.at(at.query, d)) * cast_to<T>(v.at(at.key, d));
    const T base = call.log_sum_exp.of(at.sample, at.head_in_sample).at(at.query, 0);
    const T weight = call.sees(at) ? std::exp(call.score(at) - base) : T(0), factor = call.factor(at);
    weights[i] = weight * factor;
    grad_scores[i] = weight * (grad_weight * factor - delta[at.head * call.sizes.queries + at.query]) * call.scale;
  }
}

// The left side of a product for each head of a group: weights [heads][rows][terms] by strides.
template <class T>
struct Weights {
  const T* data;
  int64_t rows, terms, row_stride, term_stride;
};

template <class S>
__global__ void product_kernel(Heads<S> out, Weights<compute_t<S>> weights, Heads<const S> right, int64_t columns,
                               int64_t heads, int64_t first_head, int64_t count) {
  using T = compute_t<S>;
  for (int64_t i = first_index(); i < count; i += index_step()) {
    const int64_t column = i % columns, row = i / columns % weights.rows, group = i / columns / weights.rows;
    const int64_t head = first_head + group;
    const T* const w = weights.data + group * weights.rows * weights.terms + row * weights.row_stride;
    const Matrix<const S> rows = right.of(head / heads, head % heads);
    T sum = 0;
    for (int64_t t = 0; t < weights.terms; ++t) sum += w[t * weights.term_stride] * cast_to<T>(rows.at(t, column));
    out.of(head / heads, head % heads).at(row, column) = cast_to<S>(sum);
  }
}

// Calls body(first head, heads, elements of their scores) for the groups.
template <class T, class Body>
void for_groups(const AttentionSizes& sizes, int64_t scratch_arrays, const Body& body) {
  const int64_t elements = int64_t{sizes.queries} * sizes.keys;
  const int64_t bytes = std::max<int64_t>(elements * scratch_arrays * static_cast<int64_t>(sizeof(T)), 1);
  const int64_t heads = sizes.all_heads(), group = std::clamp<int64_t>(kScratchBytes / bytes, 1, heads);
  for (int64_t first = 0; first < heads; first += group) {
    const int64_t count = std::min(group, heads - first);
    body(first, count, count * elements);
  }
}

template <class S>
class NaiveLaunches {
 public:
  using T = compute_t<S>;

  NaiveLaunches(const char* op, const AttentionArgs& args, const View& log_sum_exp)
      : op_(op), device_(log_sum_exp.device), call_(args, log_sum_exp) {}

  void forward(const View& out) {
    const AttentionSizes& sizes = call_.sizes;
    for_groups<T>(sizes, 1, [&](int64_t first, int64_t heads, int64_t count) {
      const DeviceBuffer scores(static_cast<size_t>(count) * sizeof(T), device_);
      const int64_t rows = heads * sizes.queries;
      run(count, scores_kernel<S>, call_, first, count, scores.as<T>());
      run(rows * 32, soft_rows_kernel<S>, call_, first, rows, scores.as<T>());
      product(first, heads, out, by_query(scores), call_.v, sizes.width);
    });
  }

  void backward(const AttentionBackward& call) {
    const AttentionSizes& sizes = call_.sizes;
    const Heads<const S> grad_out(call.grad_out);
    for_groups<T>(sizes, 2, [&](int64_t first, int64_t heads, int64_t count) {
      const DeviceBuffer weights(static_cast<size_t>(count) * sizeof(T), device_);
      const DeviceBuffer grad_scores(static_cast<size_t>(count) * sizeof(T), device_);
      run(count, weights_kernel<S>, call_, grad_out, static_cast<const T*>(call.delta), first, count, weights.as<T>(),
          grad_scores.as<T>());
      product(first, heads, call.grad_q, by_query(grad_scores), call_.k, sizes.depth);
      product(first, heads, call.grad_k, by_key(grad_scores), call_.q, sizes.depth);
      product(first, heads, call.grad_v, by_key(weights), grad_out, sizes.width);
    });
  }

 private:
  Weights<T> by_query(const DeviceBuffer& scores) const {
    return {scores.as<const T>(), call_.sizes.queries, call_.sizes.keys, call_.sizes.keys, 1};
  }
  Weights<T> by_key(const DeviceBuffer& scores) const {
    return {scores.as<const T>(), call_.sizes.keys, call_.sizes.queries, 1, call_.sizes.keys};
  }

  void product(int64_t first, int64_t heads, const View& out, const Weights<T>& weights, const Heads<const S>& right,
               int64_t columns) const {
    const int64_t count = heads * weights.rows * columns;
    run(count, product_kernel<S>, Heads<S>(out), weights, right, columns, call_.sizes.heads, first, count);
  }

  template <class... P, class... A>
  void run(int64_t threads, void (*kernel)(P...), const A&... arguments) const {
    if (threads > 0) launch(op_, strided_launch(threads, kThreads, device_), device_, kernel, arguments...);
  }

  const char* op_;
  int device_;
  Naive<S> call_;
};

template <class F>
void for_type(DType dtype, const F& f) {
  dispatch(dtype, [&](auto* tag) {
    using S = std::remove_pointer_t<decltype(tag)>;
    if constexpr (is_floating_point(dtype_of<S>)) f(tag);
  });
}

}  // namespace

void naive_attention(const AttentionForward& call) {
  for_type(call.out.dtype, [&](auto* tag) {
    using S = std::remove_pointer_t<decltype(tag)>;
    NaiveLaunches<S>(kAttention, call.args, call.log_sum_exp).forward(call.out);
  });
}

void naive_attention_backward(const AttentionBackward& call) {
  for_type(call.grad_q.dtype, [&](auto* tag) {
    using S = std::remove_pointer_t<decltype(tag)>;
    NaiveLaunches<S>(kAttentionBackward, call.args, call.log_sum_exp).backward(call);
  });
}

}  // namespace mote::cuda
