// Reductions over any dimensions.
#include "cpu/cpu_backend.h"
#include "cpu/reduce_ops.h"
#include "cpu/strided_loop.h"

namespace mote {

namespace {

// The views of what stays (out, in) and of what goes (in), each with only its own dimensions.
struct Split {
  Split(const View& out, const View& in) : kept_out(out), kept_in(in), gone(in) {
    for (int d = 0; d < in.shape.rank(); ++d) {
      if (out.shape[d] == in.shape[d]) {
        gone.shape[d] = 1;
      } else {
        kept_in.shape[d] = 1;
      }
    }
  }
  View kept_out, kept_in, gone;
};

template <class Op, class T>
void reduce_with(const View& out, const View& in) {
  const Split split(out, in);
  const cpu::StridedLoop<2> outputs({&split.kept_out, &split.kept_in});
  const int64_t count = split.gone.numel();
  dispatch(out.dtype, [&](auto* tag) {
    using To = std::remove_pointer_t<decltype(tag)>;
    outputs.run_parallel(std::max<int64_t>(1, cpu::kGrain / std::max<int64_t>(1, count)),
                         [&](const auto& at, const auto& strides, int64_t n) {
                           cpu::StridedLoop<1> domain({&split.gone});
                           for (int64_t i = 0; i < n; ++i) {
                             typename Op::Wide total = Op::start();
                             domain.data[0] = at[1] + i * strides[1];
                             if (count > 0)
                               domain.run(0, count, [&](const auto& from, const auto& steps, int64_t length) {
                                 for (int64_t j = 0; j < length; ++j)
                                   total = Op::combine(total,
                                                       Op::load(*reinterpret_cast<const T*>(from[0] + j * steps[0])));
                               });
                             *reinterpret_cast<To*>(at[0] + i * strides[0]) = cast_to<To>(Op::finish(total, count));
                           }
                         });
  });
}

template <class T>
void reduce_of(ReduceOp op, const View& out, const View& in) {
  switch (op) {
    case ReduceOp::Sum:
      return reduce_with<cpu::SumOp<T>, T>(out, in);
    case ReduceOp::Mean:
      return reduce_with<cpu::MeanOp<T>, T>(out, in);
    case ReduceOp::Prod:
      return reduce_with<cpu::ProdOp<T>, T>(out, in);
    case ReduceOp::Max:
      return reduce_with<cpu::MaxOp<T>, T>(out, in);
    case ReduceOp::Min:
      return reduce_with<cpu::MinOp<T>, T>(out, in);
    case ReduceOp::Any:
      return reduce_with<cpu::AnyOp<T>, T>(out, in);
    case ReduceOp::All:
      return reduce_with<cpu::AllOp<T>, T>(out, in);
    case ReduceOp::Norm:
      return reduce_with<cpu::NormOp<T>, T>(out, in);
  }
}

template <class T>
void variance_of(const View& out, const View& in, double correction) {
  const Split split(out, in);
  const cpu::StridedLoop<2> outputs({&split.kept_out, &split.kept_in});
  const int64_t count = split.gone.numel();
  outputs.run_parallel(std::max<int64_t>(1, cpu::kGrain / std::max<int64_t>(1, count)),
                       [&](const auto& at, const auto& strides, int64_t n) {
                         cpu::StridedLoop<1> domain({&split.gone});
                         for (int64_t i = 0; i < n; ++i) {
                           domain.data[0] = at[1] + i * strides[1];
                           const auto total = [&](auto term) {
                             double sum = 0;
                             if (count > 0)
                               domain.run(0, count, [&](const auto& from, const auto& steps, int64_t length) {
                                 for (int64_t j = 0; j < length; ++j)
                                   sum += term(cast_to<double>(*reinterpret_cast<const T*>(from[0] + j * steps[0])));
                               });
                             return sum;
                           };
                           const double mean = total([](double x) { return x; }) / static_cast<double>(count);
                           const double squares = total([&](double x) { return (x - mean) * (x - mean); });
                           *reinterpret_cast<T*>(at[0] + i * strides[0]) =
                               cast_to<T>(squares / std::max(0.0, static_cast<double>(count) - correction));
                         }
                       });
}

}  // namespace

void CpuBackend::reduce(ReduceOp op, const View& out, const View& in) {
  if (out.numel() == 0) return;
  dispatch(in.dtype, [&](auto* tag) { reduce_of<std::remove_pointer_t<decltype(tag)>>(op, out, in); });
}

void CpuBackend::variance(const View& out, const View& in, double correction) {
  if (out.numel() == 0) return;
  dispatch(in.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    if constexpr (is_floating_point(dtype_of<T>)) variance_of<T>(out, in, correction);
  });
}

}  // namespace mote
