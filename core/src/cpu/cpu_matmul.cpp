// Matrix products on the CPU: finds where each product of a batch begins and hands all to gemm. Integers, which no BLAS
// multiplies, have their own loop.
#include <vector>

#include "cpu/cpu_backend.h"
#include "cpu/gemm.h"
#include "cpu/parallel.h"

namespace mote {

namespace {

template <class T>
cpu::Matrix<T> first_matrix(const View& view) {
  const int rank = view.shape.rank();
  return {view.as<T>(), view.strides[rank - 2], view.strides[rank - 1]};
}

// Row-major over the batch dimensions.
std::vector<cpu::BatchOffset> offsets_of(const View& out, const View& a, const View& b) {
  const int rank = out.shape.rank() - 2;
  const int64_t batch = out.numel() / (out.shape[rank] * out.shape[rank + 1]);
  std::vector<cpu::BatchOffset> offsets(static_cast<size_t>(batch));
  for (int64_t i = 0; i < batch; ++i) {
    int64_t rest = i;
    for (int d = rank - 1; d >= 0; --d) {
      const int64_t index = rest % out.shape[d];
      rest /= out.shape[d];
      offsets[i].a += index * a.strides[d];
      offsets[i].b += index * b.strides[d];
      offsets[i].c += index * out.strides[d];
    }
  }
  return offsets;
}

template <class T>
void multiply_integers(int64_t n, int64_t m, int64_t k, const cpu::Matrix<const T>& a, const cpu::Matrix<const T>& b,
                       const cpu::Matrix<T>& c, bool accumulate) {
  using U = std::make_unsigned_t<std::common_type_t<T, int>>;  // wraps around
  cpu::parallel_for(
      n, std::max<int64_t>(1, cpu::kFunctionGrain / std::max<int64_t>(1, m * k)), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          if (!accumulate)
            for (int64_t j = 0; j < m; ++j) *c.at(i, j) = 0;
          for (int64_t p = 0; p < k; ++p) {
            const U left = static_cast<U>(*a.at(i, p));
            for (int64_t j = 0; j < m; ++j)
              *c.at(i, j) = static_cast<T>(static_cast<U>(*c.at(i, j)) + left * static_cast<U>(*b.at(p, j)));
          }
        }
      });
}

}  // namespace

void CpuBackend::matmul(const View& out, const View& a, const View& b, bool accumulate) {
  if (out.numel() == 0) return;
  const int rank = out.shape.rank();
  const int64_t n = out.shape[rank - 2], m = out.shape[rank - 1], k = a.shape[rank - 1];
  std::vector<cpu::BatchOffset> batch;
  if (rank > 2) batch = offsets_of(out, a, b);
  const std::span<const cpu::BatchOffset> offsets =
      rank > 2 ? std::span<const cpu::BatchOffset>(batch) : cpu::kOneProduct;
  dispatch(out.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    const cpu::Matrix<const T> left = first_matrix<const T>(a), right = first_matrix<const T>(b);
    const cpu::Matrix<T> result = first_matrix<T>(out);
    if constexpr (is_floating_point(dtype_of<T>)) {
      cpu::gemm<T>(n, m, k, left, right, result, accumulate, offsets);
    } else if constexpr (!std::is_same_v<T, bool>) {
      for (const cpu::BatchOffset& o : offsets)
        multiply_integers<T>(n, m, k, {left.data + o.a, left.row_stride, left.column_stride},
                             {right.data + o.b, right.row_stride, right.column_stride},
                             {result.data + o.c, result.row_stride, result.column_stride}, accumulate);
    }
  });
}

void CpuBackend::matmul_bias(const View& out, const View& a, const View& b, const View& bias) {
  const bool in_tiles = out.shape.rank() == 2 && (out.dtype == DType::Float32 || out.dtype == DType::Float64);
  if (!in_tiles) return Backend::matmul_bias(out, a, b, bias);
  dispatch(out.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>) {
      const cpu::RowOf<T> row{bias.as<const T>(), bias.strides[0]};
      cpu::gemm<T>(out.shape[0], out.shape[1], a.shape[1], first_matrix<const T>(a), first_matrix<const T>(b),
                   first_matrix<T>(out), false, cpu::kOneProduct, &row);
    }
  });
}

}  // namespace mote
