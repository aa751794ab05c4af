// Selection: where, masked_fill and triangles. Elements are only moved, so one kernel serves every dtype of a size.
#include "cuda_backend.h"
#include "kernels/pointwise.cuh"
#include "mote/element_bits.h"

namespace mote {

namespace cuda {

template <class T>
struct Choose {
  MOTE_HD T operator()(bool condition, T a, T b) const { return condition ? a : b; }
};

template <class T>
struct FillWhere {
  T fill;
  MOTE_HD T operator()(T x, bool filled) const { return filled ? fill : x; }
};

// Element `position` of [..., rows, columns] keeps its value on one side of the diagonal.
struct Triangle {
  int64_t rows, columns, diagonal;
  bool upper;
  MOTE_HD bool keeps(int64_t position) const {
    const int64_t distance = position % columns - position / columns % rows;
    return upper ? distance >= diagonal : distance <= diagonal;
  }
};

template <class T>
__global__ void triangle_kernel(Triangle triangle, StridedIndex<2> index, uint32_t count, int64_t first, T* out,
                                const T* in) {
  const uint32_t step = gridDim.x * blockDim.x;
  for (uint32_t i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += step) {
    const auto offsets = index.offsets(i);
    T* const to = reinterpret_cast<T*>(reinterpret_cast<char*>(out) + offsets.at[0]);
    const T* const from = reinterpret_cast<const T*>(reinterpret_cast<const char*>(in) + offsets.at[1]);
    *to = triangle.keeps(first + i) ? *from : T(0);
  }
}

}  // namespace cuda

void CudaBackend::where(const View& out, const View& condition, const View& a, const View& b) {
  dispatch_size(out.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    cuda::pointwise<true, T, bool, T, T>("where", cuda::Choose<T>(), out, condition, a, b);
  });
}

void CudaBackend::masked_fill(const View& out, const View& in, const View& mask, const Scalar& value) {
  dispatch_size(out.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    cuda::pointwise<true, T, T, bool>("masked_fill", cuda::FillWhere<T>{bits_of<T>(value, out.dtype)}, out, in, mask);
  });
}

void CudaBackend::triangle(const View& out, const View& in, int64_t diagonal, bool upper) {
  const cuda::Triangle triangle{out.shape[out.shape.rank() - 2], out.shape.back(), diagonal, upper};
  dispatch_size(out.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    cuda::StridedParts<2>({out, in}, cuda::Order::RowMajor)
        .for_each([&](const auto& views, const auto& index, uint32_t count, int64_t first) {
          cuda::launch("triangle", cuda::strided_launch(count, cuda::kPointwiseThreads, out.device), out.device,
                       cuda::triangle_kernel<T>, triangle, index, count, first, views[0].template as<T>(),
                       views[1].template as<const T>());
        });
  });
}

}  // namespace mote
