// The check of positions: each thread looks at some, and the first one outside, in row-major order, is found by an
// atomic minimum over where they stand. It reads 8 bytes a position; a dimension of stride 0 is read once.
#include "kernels/positions.h"

#include <vector>

#include "device_buffer.h"
#include "kernels/launch.h"
#include "kernels/strided_index.h"
#include "mote/recording.h"

namespace mote::cuda {

namespace {

constexpr int kThreads = 256;
using Place = unsigned long long;  // what atomicMin takes
constexpr Place kNowhere = ~Place{0};

__global__ void find_outside(StridedIndex<1> index, uint32_t count, int64_t first, uint64_t lowest, uint64_t range,
                             const char* positions, Place* found) {
  const uint32_t step = gridDim.x * blockDim.x;
  for (uint32_t i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += step) {
    const int64_t position = *reinterpret_cast<const int64_t*>(positions + index.offsets(i).at[0]);
    if (static_cast<uint64_t>(position) - lowest >= range) atomicMin(found, static_cast<Place>(first) + i);
  }
}

// The positions without their repetitions.
View distinct(View index) {
  for (int d = 0; d < index.shape.rank(); ++d)
    if (index.strides[d] == 0 && index.shape[d] > 1) index.shape[d] = 1;
  return index;
}

int64_t read_position(Backend& backend, const View& index, int64_t place) {
  const int64_t* at = index.as<const int64_t>();
  for (int d = index.shape.rank() - 1; d >= 0; --d) {
    at += place % index.shape[d] * index.strides[d];
    place /= index.shape[d];
  }
  int64_t position = 0;
  backend.copy_to_host(&position, at, sizeof(position), index.device);
  return position;
}

}  // namespace

void check_positions(const char* op, std::span<const PositionRange> ranges) {
  bool any = false;
  for (const PositionRange& range : ranges) any |= range.index.numel() > 0;
  if (!any) return;
  const int device = ranges[0].index.device;
  refuse_host_read(op, Device(DeviceType::CUDA, device));
  const auto count = static_cast<int64_t>(ranges.size());
  const size_t bytes = ranges.size() * sizeof(Place);
  const DeviceBuffer found(bytes, device);
  {
    const DeviceGuard guard(device);
    check(cudaMemsetAsync(found.data(), 0xff, bytes, current_stream(device)), op);
  }
  for (int64_t k = 0; k < count; ++k) {
    const PositionRange& range = ranges[static_cast<size_t>(k)];
    const auto lowest = static_cast<uint64_t>(range.wraps ? -range.size : 0);
    const auto width = static_cast<uint64_t>(range.wraps ? 2 * range.size : range.size);
    StridedParts<1>({distinct(range.index)}, Order::RowMajor)
        .for_each([&](const auto& views, const auto& index, uint32_t n, int64_t first) {
          launch(op, strided_launch(n, kThreads, device), device, find_outside, index, n, first, lowest, width,
                 views[0].template as<const char>(), found.as<Place>() + k);
        });
  }
  Backend& backend = backend_of(Device(DeviceType::CUDA, device));
  std::vector<Place> places(ranges.size());
  backend.copy_to_host(places.data(), found.data(), bytes, device);
  for (size_t k = 0; k < places.size(); ++k) {
    if (places[k] == kNowhere) continue;
    const auto place = static_cast<int64_t>(places[k]);
    throw_out_of_range(read_position(backend, distinct(ranges[k].index), place), ranges[k].dim, ranges[k].size);
  }
}

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
