#include <cmath>
#include <limits>
#include <vector>

#include "cpu/cpu_backend.h"
#include "cpu/parallel.h"
#include "mote/philox.h"

namespace mote {

namespace {

template <class T>
struct Array4 {
  explicit Array4(const View& view) : data(view.as<T>()), strides(view.strides) {}
  T& operator()(int64_t b, int64_t h, int64_t i, int64_t j) const {
    return data[b * strides[0] + h * strides[1] + i * strides[2] + j * strides[3]];
  }
  T* data;
  Shape strides;
};

// One row of softmax weights, with the dropout factors beside.
template <class T>
struct Rows {
  using C = compute_t<T>;
  explicit Rows(const AttentionArgs& a)
      : args(a), q(a.q), k(a.k), p(static_cast<size_t>(a.k.shape[2])), factor(p.size()) {}

  double compute(int64_t b, int64_t h, int64_t i) {
    const int64_t keys = args.k.shape[2], depth = args.q.shape[3];
    double greatest = -std::numeric_limits<double>::infinity(), sum = 0;
    for (int64_t j = 0; j < keys; ++j) {
      double s = 0;
      for (int64_t d = 0; d < depth; ++d)
        s += static_cast<double>(cast_to<C>(q(b, h, i, d))) * static_cast<double>(cast_to<C>(k(b, h, j, d)));
      if ((args.causal && j > i) || (args.mask && !Array4<bool>(*args.mask)(b, h, i, j)))
        s = -std::numeric_limits<double>::infinity();
      p[static_cast<size_t>(j)] = s * args.scale;
      greatest = std::max(greatest, p[static_cast<size_t>(j)]);
      factor[static_cast<size_t>(j)] = 1.0;
      if (args.dropout_p > 0.0) {
        const PhiloxWords words = attention_dropout_words(args.seed, b * args.q.shape[1] + h, i, j / 4);
        factor[static_cast<size_t>(j)] =
            words.word[j % 4] >= attention_dropout_threshold(args.dropout_p) ? 1.0 / (1.0 - args.dropout_p) : 0.0;
      }
    }
    if (greatest == -std::numeric_limits<double>::infinity()) {
      std::fill(p.begin(), p.end(), 0.0);
      return std::numeric_limits<double>::infinity();
    }
    for (double& x : p) sum += x = std::exp(x - greatest);
    for (double& x : p) x /= sum;
    return greatest + std::log(sum);
  }

  const AttentionArgs& args;
  Array4<T> q, k;
  std::vector<double> p, factor;
};

}  // namespace

void CpuBackend::attention(const View& out, const View& log_sum_exp, const AttentionArgs& args) {
  dispatch(out.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    if constexpr (is_floating_point(dtype_of<T>)) {
      using C = compute_t<T>;
      const Array4<T> v(args.v), o(out);
      Rows<T> rows(args);
      for (int64_t b = 0; b < out.shape[0]; ++b)
        for (int64_t h = 0; h < out.shape[1]; ++h)
          for (int64_t i = 0; i < out.shape[2]; ++i) {
            log_sum_exp.as<C>()[(b * out.shape[1] + h) * out.shape[2] + i] = static_cast<C>(rows.compute(b, h, i));
            for (int64_t d = 0; d < out.shape[3]; ++d) {
              double sum = 0;
              for (int64_t j = 0; j < args.k.shape[2]; ++j)
                sum += rows.p[static_cast<size_t>(j)] * rows.factor[static_cast<size_t>(j)] *
                       static_cast<double>(cast_to<C>(v(b, h, j, d)));
              o(b, h, i, d) = cast_to<T>(sum);
            }
          }
    }
  });
}

void CpuBackend::attention_backward(const View& grad_q, const View& grad_k, const View& grad_v, const View& grad_out,
                                    const View&, const View&, const AttentionArgs& args) {
  dispatch(grad_q.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    if constexpr (is_floating_point(dtype_of<T>)) {
      using C = compute_t<T>;
      const Array4<T> v(args.v), g(grad_out), dq(grad_q), dk(grad_k), dv(grad_v);
      Rows<T> rows(args);
      const int64_t queries = args.q.shape[2], keys = args.k.shape[2], depth = args.q.shape[3], width = args.v.shape[3];
      for (int64_t b = 0; b < args.q.shape[0]; ++b)
        for (int64_t h = 0; h < args.q.shape[1]; ++h) {
          std::vector<double> sum_q(static_cast<size_t>(queries * depth)), sum_k(static_cast<size_t>(keys * depth)),
              sum_v(static_cast<size_t>(keys * width));
          for (int64_t i = 0; i < queries; ++i) {
            rows.compute(b, h, i);
            std::vector<double> ds(static_cast<size_t>(keys));
            double dot = 0;
            for (int64_t j = 0; j < keys; ++j) {
              const double f = rows.factor[static_cast<size_t>(j)], p = rows.p[static_cast<size_t>(j)];
              double s = 0;
              for (int64_t d = 0; d < width; ++d) {
                const double gd = cast_to<C>(g(b, h, i, d));
                s += gd * static_cast<double>(cast_to<C>(v(b, h, j, d)));
                sum_v[static_cast<size_t>(j * width + d)] += p * f * gd;
              }
              ds[static_cast<size_t>(j)] = s * f;
              dot += s * f * p;
            }
            for (int64_t j = 0; j < keys; ++j) {
              const double s = args.scale * rows.p[static_cast<size_t>(j)] * (ds[static_cast<size_t>(j)] - dot);
              for (int64_t d = 0; d < depth; ++d) {
                sum_q[static_cast<size_t>(i * depth + d)] += s * static_cast<double>(cast_to<C>(rows.k(b, h, j, d)));
                sum_k[static_cast<size_t>(j * depth + d)] += s * static_cast<double>(cast_to<C>(rows.q(b, h, i, d)));
              }
            }
          }
          for (int64_t i = 0; i < queries; ++i)
            for (int64_t d = 0; d < depth; ++d) dq(b, h, i, d) = cast_to<T>(sum_q[static_cast<size_t>(i * depth + d)]);
          for (int64_t j = 0; j < keys; ++j) {
            for (int64_t d = 0; d < depth; ++d) dk(b, h, j, d) = cast_to<T>(sum_k[static_cast<size_t>(j * depth + d)]);
            for (int64_t d = 0; d < width; ++d) dv(b, h, j, d) = cast_to<T>(sum_v[static_cast<size_t>(j * width + d)]);
          }
        }
    }
  });
}

}  // namespace mote
