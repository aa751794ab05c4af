// Bad positions and targets, found by the device while the host goes on. The first one is written to a record in memory
// of the host that the device can reach, and a word on the device says that it is there. The host looks at the record,
// which takes no waiting, at each call that looks up positions and wherever it has waited for the device, and throws.
#pragma once

#include <cstdint>

namespace mote::cuda {

enum class IndexErrorKind : uint32_t { Position, Target };

struct IndexErrorRecord {
  uint32_t state;  // 1 when the rest is complete
  IndexErrorKind kind;
  const char* op;  // the host's; null where nobody said which operation it is
  uint64_t call;
  int64_t index, place, size;  // place: the dimension of a position, the row of a target
};

// What a kernel needs to report the error of one call (kernels/index_errors.cuh).
struct IndexErrorSlot {
  IndexErrorRecord* record;  // as the device sees it
  uint32_t* pending;         // not 0 from the first error until the host has thrown it
  IndexErrorKind kind;
  const char* op;
  uint64_t call;  // its number; not 0
};

// For a call of this thread's index_error_name(), or `op` where it has none.
IndexErrorSlot index_error_slot(IndexErrorKind kind, const char* op, int device);

// The word on the device: what would be spoilt by wrong gradients looks at it.
const uint32_t* pending_index_error(int device);

// Throws the IndexError that is in the record, and forgets it; not while this thread captures. `call` is the number of
// the call that looks, 0 for none: the error of another one says that it is an earlier call's.
void raise_index_error(int device, uint64_t call = 0);

}  // namespace mote::cuda
