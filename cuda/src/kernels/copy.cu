// Filling, copying and casting.
#include "cuda_backend.h"
#include "kernels/pointwise.cuh"
#include "mote/element_bits.h"

namespace mote {

namespace cuda {

template <class T>
struct Constant {
  T value;
  MOTE_HD T operator()() const { return value; }
};

template <class T>
struct Same {
  MOTE_HD T operator()(T x) const { return x; }
};

template <class To, class From>
struct Cast {
  MOTE_HD To operator()(From x) const { return cast_to<To>(x); }
};

template <class T>
void copy_same_dtype(const View& out, const View& in) {
  if (!out.is_contiguous() || !in.is_contiguous()) return pointwise<true, T, T>("copy", Same<T>(), out, in);
  const DeviceGuard guard(out.device);
  check(cudaMemcpyAsync(out.data, in.data, static_cast<size_t>(out.numel()) * sizeof(T), cudaMemcpyDefault,
                        current_stream(out.device)),
        "copy");
}

template <class To>
void cast_from(const View& out, const View& in) {
  dispatch(in.dtype, [&](auto* tag) {
    using From = std::remove_pointer_t<decltype(tag)>;
    constexpr bool kDense = is_floating_point(dtype_of<To>) && is_floating_point(dtype_of<From>);
    pointwise<kDense, To, From>("cast", Cast<To, From>(), out, in);
  });
}

}  // namespace cuda

void CudaBackend::fill(const View& out, const Scalar& value) {
  dispatch_size(out.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    cuda::pointwise<true, T>("fill", cuda::Constant<T>{bits_of<T>(value, out.dtype)}, out);
  });
}

void CudaBackend::copy(const View& out, const View& in) {
  if (out.numel() == 0) return;
  if (out.dtype == in.dtype)
    return dispatch_size(out.dtype,
                         [&](auto* tag) { cuda::copy_same_dtype<std::remove_pointer_t<decltype(tag)>>(out, in); });
  dispatch(out.dtype, [&](auto* tag) { cuda::cast_from<std::remove_pointer_t<decltype(tag)>>(out, in); });
}

}  // namespace mote
