// sum, mean, prod, max, min, any, all and the Euclidean norm over any dimensions. A bool is read as a byte of 0 or 1.
#include "cuda_backend.h"
#include "kernels/reduce_launch.cuh"
#include "kernels/reduce_ops.cuh"

namespace mote {

namespace cuda {

// Where packs are worth having: floating-point data, and masks, which are counted.
template <class T>
inline constexpr bool kReadsPacks = is_floating_point(dtype_of<T>);
template <class T>
inline constexpr bool kCountsPacks = sizeof(T) == 1;

template <class T>
void reduce_elements(ReduceOp op, const View& out, const View& in) {
  using C = compute_t<T>;
  const auto sum = [&](auto of, Finish finish, auto packs) {
    of.dtype = out.dtype;
    of.finish = finish;
    run_reduction<T, packs>("reduce", of, out, in);
  };
  constexpr std::bool_constant<kReadsPacks<T>> dense;
  switch (op) {
    case ReduceOp::Sum:
      return sum(SumOp<C>(), Finish::Nothing, std::bool_constant < kReadsPacks<T> || kCountsPacks < T >> ());
    case ReduceOp::Prod: {
      ProductOp<C> product;
      product.dtype = out.dtype;
      return run_reduction<T, false>("reduce", product, out, in);
    }
    case ReduceOp::Max:
    case ReduceOp::Min:
      return run_reduction<T, kReadsPacks<T>>("reduce", ExtremeOp<C>(out.dtype, op == ReduceOp::Min), out, in);
    case ReduceOp::Any:
      return sum(CountOp<C>(), Finish::IsAny, std::bool_constant<kCountsPacks<T>>());
    case ReduceOp::All:
      return sum(CountOp<C>(), Finish::IsAll, std::bool_constant<kCountsPacks<T>>());
    case ReduceOp::Mean:
      if constexpr (kReadsPacks<T>) return sum(SumOp<C>(), Finish::DivideByCount, dense);
      break;
    case ReduceOp::Norm:
      if constexpr (kReadsPacks<T>) return sum(SumOp<C, SquareOfElement>(), Finish::SquareRoot, dense);
      break;
  }
  throw_not_for("reduce", in.dtype);
}

}  // namespace cuda

void CudaBackend::reduce(ReduceOp op, const View& out, const View& in) {
  dispatch(in.dtype == DType::Bool ? DType::UInt8 : in.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    if constexpr (!std::is_same_v<T, bool>) cuda::reduce_elements<T>(op, out, in);
  });
}

}  // namespace mote
