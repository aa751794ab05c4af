// arange and linspace. Each value is computed from its position.
#include "cuda_backend.h"
#include "kernels/launch.h"
#include "mote/binary_functors.h"

namespace mote {

namespace cuda {

// The type in which a series of T is computed before it is rounded once.
template <class T>
using series_t = std::conditional_t<std::is_integral_v<T>, int64_t, double>;

template <class S>
struct Progression {
  S start, step;
  MOTE_HD S operator()(int64_t i) const { return functor::Add()(start, functor::Mul()(static_cast<S>(i), step)); }
};

// From both ends towards the middle, so that both ends are exact.
struct Linear {
  double first, last, step;
  int64_t count;
  MOTE_HD double operator()(int64_t i) const {
    return i < count / 2 || count == 1 ? first + step * static_cast<double>(i)
                                       : last - step * static_cast<double>(count - 1 - i);
  }
};

template <class T, class Value>
__global__ void series_kernel(Value value, int64_t count, int64_t stride, T* out) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += step)
    out[i * stride] = cast_to<T>(value(i));
}

template <class T, class Value>
void fill_series(const char* op, const View& out, const Value& value) {
  constexpr int kThreads = 256;
  const int64_t count = out.shape[0];
  launch(op, strided_launch(count, kThreads, out.device), out.device, series_kernel<T, Value>, value, count,
         out.strides[0], out.as<T>());
}

}  // namespace cuda

void CudaBackend::arange(const View& out, const Scalar& start, const Scalar& step) {
  dispatch(out.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    using S = cuda::series_t<T>;
    cuda::fill_series<T>("arange", out, cuda::Progression<S>{start.to<S>(), step.to<S>()});
  });
}

void CudaBackend::linspace(const View& out, double start, double end) {
  const int64_t count = out.shape[0];
  dispatch(out.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    const auto first = static_cast<double>(static_cast<cuda::series_t<T>>(start));
    const auto last = static_cast<double>(static_cast<cuda::series_t<T>>(end));
    const double step = count > 1 ? (last - first) / static_cast<double>(count - 1) : 0.0;
    cuda::fill_series<T>("linspace", out, cuda::Linear{first, last, step, count});
  });
}

}  // namespace mote
