// y[i] = f(x[i]) for the functors of mote/unary_functors.h.
#include "cuda_backend.h"
#include "kernels/element_op.cuh"
#include "mote/unary_functors.h"

namespace mote {

namespace cuda {

template <class Functor, class Out, class T>
struct UnaryElement {
  MOTE_HD Out operator()(T x) const { return cast_to<Out>(Functor()(cast_to<compute_t<T>>(x))); }
};

template <class Functor, OpKind kKind>
void run_unary(const char* name, const View& out, const View& in) {
  dispatch(in.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    if constexpr (kAccepts<kKind, T>) {
      using Out = result_t<kKind, T>;
      pointwise<kDenseResult<Out>, Out, T>(name, UnaryElement<Functor, Out, T>(), out, in);
    } else {
      throw_not_for(name, in.dtype);
    }
  });
}

}  // namespace cuda

void CudaBackend::unary(UnaryOp op, const View& out, const View& in) {
#define MOTE_UNARY_CASE(name, kind) \
  case UnaryOp::name:               \
    return cuda::run_unary<functor::name, OpKind::kind>(#name, out, in);
  switch (op) { MOTE_UNARY_OPS(MOTE_UNARY_CASE) }
#undef MOTE_UNARY_CASE
}

}  // namespace mote
