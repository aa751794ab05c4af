// Variance over any dimensions: mean square deviation divided by (n - correction). A thread takes a few elements at a
// time and has their mean and squared deviations by the corrected two-pass algorithm over registers; these join
// pairwise (both in Chan, Golub and LeVeque 1983). Elements are read once.
#include "cuda_backend.h"
#include "kernels/reduce_launch.cuh"
#include "kernels/reduce_ops.cuh"

namespace mote {

namespace cuda {

// Of `count` elements: their mean and the sum of squared deviations from it.
struct Moments {
  double count, mean, squares;
};

struct MomentsResult {
  using Partial = Moments;
  DType dtype = DType::Float32;
  double correction = 0;

  MOTE_HD Moments start() const { return {0, 0, 0}; }
  MOTE_HD Moments combine(const Moments& a, const Moments& b) const {
    const double count = a.count + b.count, share = count > 0 ? b.count / count : 0, distance = b.mean - a.mean;
    return {count, a.mean + distance * share, a.squares + b.squares + distance * distance * (a.count * share)};
  }
  __device__ void store(char* to, const Moments& moments, int64_t count) const {
    const double freedom = static_cast<double>(count) - correction;
    store_as(to, dtype, moments.squares / (freedom > 0 ? freedom : 0));
  }
};

template <class C>
struct Deviation {
  C center;
  __device__ C operator()(C x) const { return x - center; }
};
template <class C>
struct SquaredDeviation {
  C center;
  __device__ C operator()(C x) const { return (x - center) * (x - center); }
};

template <class C>
struct MomentsOp : MomentsResult {
  using Result = MomentsResult;

  template <int V, int N>
  __device__ Moments chunk(const C (&x)[N], int64_t, int64_t) const {
    const C mean = tree_sum(x, SameElement()) / static_cast<C>(N);
    const double rest = tree_sum(x, Deviation<C>{mean});  // what rounding left of the mean
    const double squares = tree_sum(x, SquaredDeviation<C>{mean}) - rest * rest / N;
    return {N, mean + rest / N, squares < 0 ? 0 : squares};
  }
};

}  // namespace cuda

void CudaBackend::variance(const View& out, const View& in, double correction) {
  dispatch(in.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    if constexpr (is_floating_point(dtype_of<T>)) {
      cuda::MomentsOp<compute_t<T>> op;
      op.dtype = out.dtype;
      op.correction = correction;
      cuda::run_reduction<T, true>("variance", op, out, in);
    } else {
      cuda::throw_not_for("variance", in.dtype);
    }
  });
}

}  // namespace mote
