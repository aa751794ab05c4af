#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "cpu/cpu_backend.h"
#include "cpu/parallel.h"
#include "mote/error.h"

namespace mote {

void CpuBackend::cross_entropy(const View& loss, const View& log_sum_exp, const View& logits, const View& target,
                               int64_t ignore_index, double label_smoothing) {
  const int64_t rows = logits.shape[0], classes = logits.shape[1];
  dispatch(logits.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    if constexpr (is_floating_point(dtype_of<T>)) {
      using C = compute_t<T>;
      for (int64_t r = 0; r < rows; ++r) {
        const int64_t t = target.as<int64_t>()[r * target.strides[0]];
        if (t != ignore_index && (t < 0 || t >= classes))
          throw IndexError(fmt::format("cross_entropy: target {} at row {} is outside [0, {})", t, r, classes));
        const T* x = logits.as<T>() + r * logits.strides[0];
        const auto at = [&](int64_t i) { return static_cast<double>(cast_to<C>(x[i * logits.strides[1]])); };
        double greatest = -std::numeric_limits<double>::infinity(), sum = 0, total = 0;
        for (int64_t i = 0; i < classes; ++i) greatest = std::max(greatest, at(i)), total += at(i);
        for (int64_t i = 0; i < classes; ++i) sum += std::exp(at(i) - greatest);
        const double lse = greatest + std::log(sum);
        log_sum_exp.as<C>()[r] = static_cast<C>(lse);
        loss.as<C>()[r] =
            t == ignore_index
                ? C(0)
                : static_cast<C>(
                      (1.0 - label_smoothing) * (lse - at(t)) +
                      (label_smoothing > 0 ? label_smoothing * (lse - total / static_cast<double>(classes)) : 0));
      }
    }
  });
}

void CpuBackend::cross_entropy_backward(const View& grad_logits, const View& grad_loss, const View& log_sum_exp,
                                        const View& logits, const View& target, int64_t ignore_index,
                                        double label_smoothing) {
  const int64_t rows = logits.shape[0], classes = logits.shape[1];
  dispatch(logits.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    if constexpr (is_floating_point(dtype_of<T>)) {
      using C = compute_t<T>;
      for (int64_t r = 0; r < rows; ++r) {
        const int64_t t = target.as<int64_t>()[r * target.strides[0]];
        const double g = t == ignore_index ? 0.0 : static_cast<double>(grad_loss.as<C>()[r * grad_loss.strides[0]]);
        for (int64_t i = 0; i < classes; ++i) {
          const double x = cast_to<C>(logits.as<T>()[r * logits.strides[0] + i * logits.strides[1]]);
          const double p = std::exp(x - static_cast<double>(log_sum_exp.as<C>()[r]));
          const double want = (i == t ? 1.0 - label_smoothing : 0.0) + label_smoothing / static_cast<double>(classes);
          grad_logits.as<T>()[r * grad_logits.strides[0] + i * grad_logits.strides[1]] =
              cast_to<T>(t == ignore_index ? 0.0 : (p - want) * g);
        }
      }
    }
  });
}

}  // namespace mote
