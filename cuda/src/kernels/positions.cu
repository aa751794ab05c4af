// The check of positions: each thread looks at some, and the first one outside, in row-major order, is found by an
// atomic minimum over where they stand. The last block to end reports it. It reads 8 bytes a position; a dimension of
// stride 0 is read once.
#include "kernels/positions.h"

#include "index_errors.h"
#include "kernels/index_errors.cuh"
#include "kernels/launch.h"
#include "kernels/strided_index.h"

namespace mote::cuda {

namespace {

constexpr int kThreads = 256;

// All bits set at first, and again after a kernel that found nothing.
struct Search {
  uint32_t first;    // where the first position outside stands
  uint32_t blocks;   // that have ended, less 1
  uint32_t allowed;  // 0 once a position lies outside
};

struct Bounds {
  int64_t dim, size;
  uint64_t lowest, width;

  explicit Bounds(const PositionRange& range)
      : dim(range.dim),
        size(range.size),
        lowest(static_cast<uint64_t>(range.wraps ? -range.size : 0)),
        width(static_cast<uint64_t>(range.wraps ? 2 * range.size : range.size)) {}
};

__global__ void find_outside(StridedIndex<1> index, uint32_t count, Bounds bounds, const char* positions,
                             Search* search, IndexErrorSlot slot) {
  const auto position_at = [&](uint32_t i) {
    return *reinterpret_cast<const int64_t*>(positions + index.offsets(i).at[0]);
  };
  const uint32_t step = gridDim.x * blockDim.x;
  for (uint32_t i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += step)
    if (static_cast<uint64_t>(position_at(i)) - bounds.lowest >= bounds.width) atomicMin(&search->first, i);
  __threadfence();
  __syncthreads();
  if (threadIdx.x != 0 || atomicAdd(&search->blocks, 1u) + 2 != gridDim.x) return;
  __threadfence();
  const uint32_t found = atomicExch(&search->first, ~0u);
  search->blocks = ~0u;
  if (found == ~0u) return;
  search->allowed = 0;
  report_index_error(slot, position_at(found), bounds.dim, bounds.size);
}

// The positions without their repetitions.
View distinct(View index) {
  for (int d = 0; d < index.shape.rank(); ++d)
    if (index.strides[d] == 0 && index.shape[d] > 1) index.shape[d] = 1;
  return index;
}

}  // namespace

PositionCheck::PositionCheck(const char* op, std::span<const PositionRange> ranges) {
  bool any = false;
  for (const PositionRange& range : ranges) any |= range.index.numel() > 0;
  if (!any) return;
  const int device = ranges[0].index.device;
  const IndexErrorSlot slot = index_error_slot(IndexErrorKind::Position, nullptr, device);
  search_ = DeviceBuffer(sizeof(Search), device);
  {
    const DeviceGuard guard(device);
    check(cudaMemsetAsync(search_.data(), 0xff, sizeof(Search), current_stream(device)), op);
  }
  for (const PositionRange& range : ranges)
    StridedParts<1>({distinct(range.index)}, Order::RowMajor)
        .for_each([&](const auto& views, const auto& index, uint32_t count, int64_t) {
          launch(op, strided_launch(count, kThreads, device), device, find_outside, index, count, Bounds(range),
                 views[0].template as<const char>(), search_.as<Search>(), slot);
        });
  raise_index_error(device, slot.call);
}

Refusal PositionCheck::refusal() const { return {search_.data() ? &search_.as<Search>()->allowed : nullptr}; }

View broadcast_list(const View& index, const View& values, int64_t dim) {
  View result{index.data, index.dtype, values.shape, Shape::filled(values.shape.rank(), 0), index.device};
  result.strides[dim] = index.strides[0];
  return result;
}

int packed_dimension(const View& a, const View& b, const View& index, int64_t dim, int64_t pack) {
  int found = -1;
  for (int d = 0; d < a.shape.rank(); ++d)
    if (d != dim && a.shape[d] > 1 && a.strides[d] == 1 && b.strides[d] == 1) found = d;
  if (found < 0 || a.shape[found] % pack != 0 || index.strides[found] != 0) return -1;
  for (const View* view : {&a, &b}) {
    if (reinterpret_cast<uintptr_t>(view->data) % (size_of(view->dtype) * static_cast<size_t>(pack)) != 0) return -1;
    for (int d = 0; d < view->shape.rank(); ++d)
      if (d != found && view->shape[d] > 1 && view->strides[d] % pack != 0) return -1;
  }
  return found;
}

View packed_view(const View& view, int dim, int64_t pack) {
  View result = view;
  result.shape[dim] /= pack;
  result.strides[dim] *= pack;
  return result;
}

}  // namespace mote::cuda
