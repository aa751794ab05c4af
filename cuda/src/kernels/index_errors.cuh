// How a kernel reports a bad position or target, and how others learn of it.
#pragma once

#include "index_errors.h"
#include "kernels/launch.h"

namespace mote::cuda {

// The first error of the device is kept until the host has thrown it. One thread of a kernel calls this.
__device__ __forceinline__ void report_index_error(const IndexErrorSlot& slot, int64_t index, int64_t place,
                                                   int64_t size) {
  if (atomicCAS(slot.pending, 0u, 1u) != 0u) return;
  IndexErrorRecord& record = *slot.record;
  record.kind = slot.kind;
  record.op = slot.op;
  record.call = slot.call;
  record.index = index;
  record.place = place;
  record.size = size;
  __threadfence_system();
  *static_cast<volatile uint32_t*>(&record.state) = 1;
}

}  // namespace mote::cuda
