// Matrix products on the CPU: walks the batch, and hands each product to gemm.
#include <vector>

#include "cpu/cpu_backend.h"
#include "cpu/gemm.h"
#include "cpu/parallel.h"

namespace mote {

namespace {

template <class T>
cpu::Matrix<T> matrix_of(const View& view, int64_t offset) {
  const int rank = view.shape.rank();
  return {view.as<T>() + offset, view.strides[rank - 2], view.strides[rank - 1]};
}

int64_t batch_offset(const View& view, int64_t index) {
  int64_t offset = 0;
  for (int d = view.shape.rank() - 3; d >= 0; --d) {
    offset += index % view.shape[d] * view.strides[d];
    index /= view.shape[d];
  }
  return offset;
}

template <class T>
std::vector<float> widened(const cpu::Matrix<const T>& x, int64_t rows, int64_t columns) {
  std::vector<float> result(static_cast<size_t>(rows * columns));
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) result[i * columns + j] = static_cast<float>(x.at(i, j));
  return result;
}

template <class T>
void multiply(int64_t n, int64_t m, int64_t k, const cpu::Matrix<const T>& a, const cpu::Matrix<const T>& b,
              const cpu::Matrix<T>& c, bool accumulate) {
  if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>) {
    cpu::gemm(n, m, k, a, b, c, accumulate);
  } else if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
    const std::vector<float> left = widened(a, n, k), right = widened(b, k, m);
    std::vector<float> out = accumulate ? widened<T>({c.data, c.row_stride, c.column_stride}, n, m)
                                        : std::vector<float>(static_cast<size_t>(n * m));
    cpu::gemm(n, m, k, {left.data(), k, 1}, {right.data(), m, 1}, {out.data(), m, 1}, accumulate);
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < m; ++j) c.at(i, j) = T(out[i * m + j]);
  } else {
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j < m; ++j) {
        T total = accumulate ? c.at(i, j) : T(0);
        for (int64_t p = 0; p < k; ++p) total = static_cast<T>(total + a.at(i, p) * b.at(p, j));
        c.at(i, j) = total;
      }
    }
  }
}

}  // namespace

void CpuBackend::matmul(const View& out, const View& a, const View& b, bool accumulate) {
  const int rank = out.shape.rank();
  const int64_t n = out.shape[rank - 2], m = out.shape[rank - 1], k = a.shape[rank - 1];
  if (n == 0 || m == 0) return;
  const int64_t batch = out.numel() / (n * m);
  dispatch(out.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    if constexpr (!std::is_same_v<T, bool>) {
      for (int64_t i = 0; i < batch; ++i)
        multiply<T>(n, m, k, matrix_of<const T>(a, batch_offset(a, i)), matrix_of<const T>(b, batch_offset(b, i)),
                    matrix_of<T>(out, batch_offset(out, i)), accumulate);
    }
  });
}

}  // namespace mote
