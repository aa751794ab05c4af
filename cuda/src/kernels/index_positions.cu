// index_positions: several index tensors become one position in memory, out[i] = sum over k of strides[k] *
// indices[k][i]. One launch for each of them, 24 bytes an element.
#include <vector>

#include "cuda_backend.h"
#include "kernels/pointwise.cuh"
#include "kernels/positions.h"

namespace mote {

namespace cuda {

// Outside of everything, so that what works at these positions is refused too.
inline constexpr int64_t kRefusedPosition = INT64_MIN;

struct FirstPosition {
  int64_t size, stride;
  Refusal refusal;
  MOTE_HD int64_t operator()(int64_t position) const {
    return refusal.holds() ? kRefusedPosition : wrapped(position, size) * stride;
  }
};

struct NextPosition {
  int64_t size, stride;
  Refusal refusal;
  MOTE_HD int64_t operator()(int64_t sum, int64_t position) const {
    return refusal.holds() ? kRefusedPosition : sum + wrapped(position, size) * stride;
  }
};

}  // namespace cuda

void CudaBackend::index_positions(const View& out, std::span<const View> indices, const Shape& dims, const Shape& sizes,
                                  const Shape& strides) {
  constexpr const char* kOp = "index_positions";
  std::vector<cuda::PositionRange> ranges;
  for (size_t k = 0; k < indices.size(); ++k) {
    const auto d = static_cast<int64_t>(k);
    ranges.push_back({indices[k], dims[d], sizes[d], true});
  }
  const cuda::PositionCheck check(kOp, ranges);
  for (size_t k = 0; k < indices.size(); ++k) {
    const int64_t size = ranges[k].size, stride = strides[static_cast<int64_t>(k)];
    if (k == 0)
      cuda::pointwise<false, int64_t, int64_t>(kOp, cuda::FirstPosition{size, stride, check.refusal()}, out,
                                               indices[k]);
    else
      cuda::pointwise<false, int64_t, int64_t, int64_t>(kOp, cuda::NextPosition{size, stride, check.refusal()}, out,
                                                        out, indices[k]);
  }
}

}  // namespace mote
