// Cross-entropy row by row: logits come from memory once forward, and once for their gradient.
#include <fmt/format.h>

#include <algorithm>

#include "cpu/cpu_backend.h"
#include "cpu/cross_entropy_kernels.h"
#include "cpu/parallel.h"
#include "cpu/row_buffers.h"
#include "cpu/streaming.h"
#include "mote/error.h"

namespace mote {

namespace {

using cpu::element;

void check_targets(const View& target, int64_t classes, int64_t ignore_index) {
  for (int64_t r = 0; r < target.shape[0]; ++r) {
    const auto t = element<int64_t>(target, r);
    if ((t < 0 || t >= classes) && t != ignore_index)
      throw IndexError(fmt::format("cross_entropy: target {} at row {} is outside [0, {})", t, r, classes));
  }
}

int64_t grain_of(int64_t classes) { return std::max<int64_t>(1, cpu::kFunctionGrain / std::max<int64_t>(classes, 1)); }

template <class C>
void forward(const View& loss, const View& log_sum_exp, const View& logits, const View& target, int64_t ignore_index,
             double smoothing) {
  const int64_t classes = logits.shape[1];
  const auto kernel = cpu::cross_entropy_kernels<C>().forward;
  const C share = static_cast<C>(smoothing / static_cast<double>(std::max<int64_t>(classes, 1)));
  cpu::parallel_for(logits.shape[0], grain_of(classes), [&](int64_t begin, int64_t end) {
    const cpu::InputRow<C> rows(logits.dtype, logits.strides[1], classes);
    for (int64_t r = begin; r < end; ++r) {
      const auto t = element<int64_t>(target, r);
      const C* const x = rows.read(cpu::row_of(logits, r));
      const auto sums = kernel(x, classes, smoothing > 0.0);
      C* const saved = static_cast<C*>(cpu::row_of(log_sum_exp, r));
      saved[0] = sums.maximum;
      saved[1] = sums.log_sum;
      if (t == ignore_index)
        element<C>(loss, r) = C(0);
      else  // relative to the maximum, so that far-off logits lose no digits
        element<C>(loss, r) =
            sums.log_sum - static_cast<C>(1.0 - smoothing) * (x[t] - sums.maximum) - share * sums.total;
    }
  });
}

template <class C>
void backward(const View& grad_logits, const View& grad_loss, const View& log_sum_exp, const View& logits,
              const View& target, int64_t ignore_index, double smoothing) {
  const int64_t classes = logits.shape[1];
  const auto kernel = cpu::cross_entropy_kernels<C>().backward;
  const cpu::Writing writing(grad_logits, logits);
  const C share = static_cast<C>(smoothing / static_cast<double>(std::max<int64_t>(classes, 1)));
  cpu::parallel_for(logits.shape[0], grain_of(classes), [&](int64_t begin, int64_t end) {
    const cpu::InputRow<C> rows(logits.dtype, logits.strides[1], classes);
    const cpu::OutputRow<C> results(grad_logits.dtype, grad_logits.strides[1], classes);
    const bool streamed = results.streamed_by(writing);
    for (int64_t r = begin; r < end; ++r) {
      void* const at = cpu::row_of(grad_logits, r);
      C* const out = results.place(at);
      const auto t = element<int64_t>(target, r);
      if (t == ignore_index) {
        std::fill_n(out, classes, C(0));
      } else {
        const C g = element<C>(grad_loss, r);
        const C* const saved = static_cast<const C*>(cpu::row_of(log_sum_exp, r));
        kernel(rows.read(cpu::row_of(logits, r)), saved[0], saved[1], share, g, out, classes, streamed);
        out[t] -= static_cast<C>(1.0 - smoothing) * g;
      }
      results.write(at);
    }
    writing.finish();
  });
}

}  // namespace

void CpuBackend::cross_entropy(const View& loss, const View& log_sum_exp, const View& logits, const View& target,
                               int64_t ignore_index, double label_smoothing) {
  check_targets(target, logits.shape[1], ignore_index);
  if (logits.dtype == DType::Float64)
    forward<double>(loss, log_sum_exp, logits, target, ignore_index, label_smoothing);
  else
    forward<float>(loss, log_sum_exp, logits, target, ignore_index, label_smoothing);
}

void CpuBackend::cross_entropy_backward(const View& grad_logits, const View& grad_loss, const View& log_sum_exp,
                                        const View& logits, const View& target, int64_t ignore_index,
                                        double label_smoothing) {
  if (logits.dtype == DType::Float64)
    backward<double>(grad_logits, grad_loss, log_sum_exp, logits, target, ignore_index, label_smoothing);
  else
    backward<float>(grad_logits, grad_loss, log_sum_exp, logits, target, ignore_index, label_smoothing);
}

}  // namespace mote
