// Reductions over any dimensions, for every dtype.
#include "cpu/cpu_backend.h"
#include "cpu/reduce_driver.h"

namespace mote {

namespace {

// What becomes of a partial result over `count` elements at the end.
struct AsItIs {
  template <class Partial>
  Partial operator()(Partial total, int64_t, double) const {
    return total;
  }
};
struct DividedByCount {
  double operator()(double total, int64_t count, double) const { return total / static_cast<double>(count); }
};
struct SquareRoot {
  double operator()(double total, int64_t, double) const { return std::sqrt(total); }
};
struct DividedByFreedom {
  double operator()(const cpu::Moments& moments, int64_t count, double correction) const {
    return moments.squares / std::max(0.0, static_cast<double>(count) - correction);
  }
};

template <class To, class Partial, class Finish>
void store(char* to, const Partial& total, int64_t count, double correction) {
  *reinterpret_cast<To*>(to) = cast_to<To>(Finish()(total, count, correction));
}

template <class Op, class C, class Finish = AsItIs>
void reduce_with(const View& out, const View& in, double correction = 0.0) {
  using Store = typename cpu::Reducer<Op, C>::Store;
  const Store to_out = dispatch(out.dtype, [](auto* tag) -> Store {
    return store<std::remove_pointer_t<decltype(tag)>, typename Op::Partial, Finish>;
  });
  const int64_t n = in.numel();
  if (out.numel() == 1 && n > 0 && n <= cpu::kRun && in.dtype == dtype_of<C> && in.is_contiguous())
    return to_out(out.as<char>(), Op::run(in.as<const C>(), n), n, correction);  // small: nothing to plan
  cpu::Reducer<Op, C>(out, in, to_out, correction).run();
}

template <class C>
void reduce_of(ReduceOp op, const View& out, const View& in) {
  switch (op) {
    case ReduceOp::Sum:
      return reduce_with<cpu::SumOp<C>, C>(out, in);
    case ReduceOp::Prod:
      return reduce_with<cpu::ProdOp<C>, C>(out, in);
    case ReduceOp::Max:
      return reduce_with<cpu::MaxOp<C>, C>(out, in);
    case ReduceOp::Min:
      return reduce_with<cpu::MinOp<C>, C>(out, in);
    case ReduceOp::Any:
      return reduce_with<cpu::AnyOp<C>, C>(out, in);
    case ReduceOp::All:
      return reduce_with<cpu::AllOp<C>, C>(out, in);
    case ReduceOp::Mean:
      if constexpr (std::is_floating_point_v<C>) return reduce_with<cpu::SumOp<C>, C, DividedByCount>(out, in);
      break;
    case ReduceOp::Norm:
      if constexpr (std::is_floating_point_v<C>) return reduce_with<cpu::SquaresOp<C>, C, SquareRoot>(out, in);
      break;
  }
}

}  // namespace

void CpuBackend::reduce(ReduceOp op, const View& out, const View& in) {
  if (out.numel() == 0) return;
  dispatch(cpu::compute_dtype(in.dtype),
           [&](auto* tag) { reduce_of<compute_t<std::remove_pointer_t<decltype(tag)>>>(op, out, in); });
}

void CpuBackend::variance(const View& out, const View& in, double correction) {
  if (out.numel() == 0) return;
  if (in.dtype == DType::Float64)
    return reduce_with<cpu::MomentsOp<double>, double, DividedByFreedom>(out, in, correction);
  reduce_with<cpu::MomentsOp<float>, float, DividedByFreedom>(out, in, correction);
}

}  // namespace mote
