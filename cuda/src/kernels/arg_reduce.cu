// Positions of extremes along one dimension. The first of equals wins, and the first NaN before all. A reduction whose
// partial results are a value and where it stands.
#include "cuda_backend.h"
#include "kernels/reduce_launch.cuh"
#include "kernels/reduce_ops.cuh"

namespace mote {

namespace cuda {

// position -1: nothing yet.
template <class P>
struct Placed {
  int64_t position;
  P value;
};

template <class P>
struct PlacedResult {
  using Partial = Placed<P>;
  bool least = false;

  MOTE_HD Partial start() const { return {-1, 0}; }
  MOTE_HD static bool wins(P x, P best) { return x > best || (x != x && best == best); }
  MOTE_HD Partial combine(const Partial& a, const Partial& b) const {
    if (a.position < 0 || b.position < 0) return a.position < 0 ? b : a;
    if (wins(b.value, a.value)) return b;
    if (wins(a.value, b.value)) return a;
    return a.position < b.position ? a : b;
  }
  __device__ void store(char* to, const Partial& best, int64_t) const {
    *reinterpret_cast<int64_t*>(to) = best.position;
  }
};

template <class C>
struct PlacedOp : PlacedResult<extreme_t<C>> {
  using P = extreme_t<C>;
  using Result = PlacedResult<P>;

  template <int V, int N>
  __device__ Placed<P> chunk(const C (&x)[N], int64_t first, int64_t apart) const {
    P best = turned<P>(x[0], this->least);
    int where = 0;
#pragma unroll
    for (int k = 1; k < N; ++k) {
      const P value = turned<P>(x[k], this->least);
      if (!this->wins(value, best)) continue;
      best = value;
      where = k;
    }
    return {first + where / V * apart + where % V, best};
  }
};

}  // namespace cuda

void CudaBackend::arg_reduce(bool largest, const View& out, const View& in, int64_t) {
  dispatch(in.dtype == DType::Bool ? DType::UInt8 : in.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    if constexpr (!std::is_same_v<T, bool>) {
      cuda::PlacedOp<compute_t<T>> op;
      op.least = !largest;
      cuda::run_reduction<T, is_floating_point(dtype_of<T>)>("arg_reduce", op, out, in);
    }
  });
}

}  // namespace mote
