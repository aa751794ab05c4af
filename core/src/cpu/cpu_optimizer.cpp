// One step of Adam (Kingma and Ba 2015) or AdamW (Loshchilov and Hutter 2019) over all parameters.
#include <cmath>

#include "cpu/cpu_backend.h"
#include "cpu/strided_loop.h"

namespace mote {

void CpuBackend::adamw(std::span<const View> parameters, std::span<const View> gradients, std::span<const View> exp_avg,
                       std::span<const View> exp_avg_sq, const AdamWArgs& args) {
  const double correction1 = 1.0 - std::pow(args.beta1, static_cast<double>(args.step));
  const double correction2 = std::sqrt(1.0 - std::pow(args.beta2, static_cast<double>(args.step)));
  for (size_t n = 0; n < parameters.size(); ++n) {
    if (parameters[n].numel() == 0) continue;
    const cpu::StridedLoop<4> loop({&parameters[n], &gradients[n], &exp_avg[n], &exp_avg_sq[n]});
    dispatch(parameters[n].dtype, [&](auto* tag) {
      using T = std::remove_pointer_t<decltype(tag)>;
      if constexpr (is_floating_point(dtype_of<T>)) {
        using C = compute_t<T>;
        const C decay = static_cast<C>(1.0 - args.lr * args.weight_decay), l2 = static_cast<C>(args.weight_decay);
        const C beta1 = static_cast<C>(args.beta1), rest1 = static_cast<C>(1.0 - args.beta1);
        const C beta2 = static_cast<C>(args.beta2), rest2 = static_cast<C>(1.0 - args.beta2);
        const C root = static_cast<C>(correction2), eps = static_cast<C>(args.eps);
        const C step_size = static_cast<C>(args.lr / correction1);
        loop.run_parallel(cpu::kGrain, [&](const auto& data, const auto& strides, int64_t count) {
          for (int64_t i = 0; i < count; ++i) {
            T& p = *reinterpret_cast<T*>(data[0] + i * strides[0]);
            T& m = *reinterpret_cast<T*>(data[2] + i * strides[2]);
            T& v = *reinterpret_cast<T*>(data[3] + i * strides[3]);
            C g = cast_to<C>(*reinterpret_cast<const T*>(data[1] + i * strides[1]));
            C value = cast_to<C>(p);
            if (args.decoupled)
              value *= decay;
            else
              g += l2 * value;
            const C average = cast_to<C>(m) * beta1 + rest1 * g;
            const C square = cast_to<C>(v) * beta2 + rest2 * g * g;
            m = cast_to<T>(average);
            v = cast_to<T>(square);
            p = cast_to<T>(value - step_size * average / (std::sqrt(square) / root + eps));
          }
        });
      }
    });
  }
}

}  // namespace mote
