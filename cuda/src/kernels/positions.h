// What gather, scatter and their kin share: the check of positions, and index tensors in the shape of the values.
#pragma once

#include <span>

#include "device_buffer.h"
#include "mote/backend.h"
#include "mote/host_device.h"

namespace mote::cuda {

// Positions that count in dimension `dim` of size `size`; negative ones count from its end where `wraps`.
struct PositionRange {
  View index;
  int64_t dim, size;
  bool wraps;
};

// Where a kernel that reads or writes at the positions of a call learns that one of them lies outside: it does nothing
// then.
struct Refusal {
  const uint32_t* allowed = nullptr;  // null where there are no positions

  MOTE_HD bool holds() const { return allowed && *allowed == 0; }
};

// Has the device look for the first position, in row-major order, that lies outside. It is reported as an IndexError
// (index_errors.h): the constructor throws where that is known at once, as in the simulator or with MOTE_CUDA_SYNC=1.
// To be kept until the kernels that take the refusal were launched.
class PositionCheck {
 public:
  PositionCheck(const char* op, std::span<const PositionRange> ranges);
  PositionCheck(const char* op, const PositionRange& range) : PositionCheck(op, std::span(&range, 1)) {}

  Refusal refusal() const;

 private:
  DeviceBuffer search_;
};

// A position counted from the beginning.
MOTE_HD inline int64_t wrapped(int64_t position, int64_t size) { return position < 0 ? position + size : position; }

// A list of positions in the shape of `values`.
View broadcast_list(const View& index, const View& values, int64_t dim);

// The dimension along which elements can be moved `pack` at a time: dense and aligned in both views of values, with one
// position for all of them, and not `dim`; -1 where there is none. The views have one shape except along dim.
int packed_dimension(const View& a, const View& b, const View& index, int64_t dim, int64_t pack);
// `view` with `pack` neighbours along `dim` seen as one element, in strides of its dtype.
View packed_view(const View& view, int dim, int64_t pack);

}  // namespace mote::cuda
