// C[i, j] = sum over p of A[i, p] B[p, j] for integers: one thread an element, so that neighbours read neighbouring
// columns of B and share the elements of A. Products of integers are rare; nothing is tiled.
#include "kernels/matmul_integer.h"

#include "kernels/launch.h"
#include "kernels/strided_index.h"

namespace mote::cuda {

namespace {

template <class T>
__global__ void integer_product(StridedIndex<3> index, uint32_t count, int64_t inner, int64_t a_step, int64_t b_step,
                                bool accumulate, T* out, const T* a, const T* b) {
  using U = std::make_unsigned_t<std::common_type_t<T, int>>;  // wraps around
  const uint32_t step = gridDim.x * blockDim.x;
  for (uint32_t i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += step) {
    const auto offsets = index.offsets(i);
    T* const to = reinterpret_cast<T*>(reinterpret_cast<char*>(out) + offsets.at[0]);
    const T* const row = reinterpret_cast<const T*>(reinterpret_cast<const char*>(a) + offsets.at[1]);
    const T* const column = reinterpret_cast<const T*>(reinterpret_cast<const char*>(b) + offsets.at[2]);
    U sum = accumulate ? static_cast<U>(*to) : U(0);
    for (int64_t p = 0; p < inner; ++p) sum += static_cast<U>(row[p * a_step]) * static_cast<U>(column[p * b_step]);
    *to = static_cast<T>(sum);
  }
}

template <class T>
void run(const View& out, const View& a, const View& b, bool accumulate) {
  const int rank = out.shape.rank();
  View rows = a, columns = b;  // as large as out: the inner dimension is walked by the kernel
  rows.shape = columns.shape = out.shape;
  rows.strides[rank - 1] = 0;
  columns.strides[rank - 2] = 0;
  const int64_t a_step = a.strides[rank - 1], b_step = b.strides[rank - 2], inner = a.shape[rank - 1];
  StridedParts<3>({out, rows, columns}).for_each([&](const auto& views, const auto& index, uint32_t count, int64_t) {
    launch("matmul", strided_launch(count, 256, out.device), out.device, integer_product<T>, index, count, inner,
           a_step, b_step, accumulate, views[0].template as<T>(), views[1].template as<const T>(),
           views[2].template as<const T>());
  });
}

}  // namespace

void multiply_integers(const View& out, const View& a, const View& b, bool accumulate) {
  switch (out.dtype) {
    case DType::UInt8:
      return run<uint8_t>(out, a, b, accumulate);
    case DType::Int32:
      return run<int32_t>(out, a, b, accumulate);
    case DType::Int64:
      return run<int64_t>(out, a, b, accumulate);
    default:
      throw_not_for("matmul", out.dtype);
  }
}

}  // namespace mote::cuda
