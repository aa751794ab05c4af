// How bytes of ordinary memory get to a device without a wait: they are copied into a ring of pinned memory, from where
// the device fetches them in the order of its stream. The host's memory is free again as soon as they are in the ring.
//
// What is larger than a part of the ring goes in several: the host fills one while the device fetches another. A part
// is used again when the event behind its copy is done.
#pragma once

#include <cuda_runtime.h>

#include <deque>
#include <mutex>
#include <vector>

#include "done_event.h"

namespace mote::cuda {

class StagingRing {
 public:
  // `bytes` of pinned memory, filled by parts of up to `part_bytes`, which is at most half of it.
  StagingRing(int device, char* memory, size_t bytes, size_t part_bytes);

  // `host` may be changed when this returns.
  void copy(void* device_data, const void* host, size_t bytes, cudaStream_t stream);

 private:
  struct Part {
    size_t begin, end;
    DoneEvent done;
  };

  void copy_part(char* device_data, const char* host, size_t bytes, cudaStream_t stream);
  // Waits for the device where it still reads there.
  size_t make_room(size_t bytes);
  void drop_oldest();

  const int device_;
  char* const memory_;
  const size_t bytes_, part_bytes_;
  std::mutex mutex_;
  size_t head_ = 0;
  std::deque<Part> parts_;  // that the device may still read, oldest first
  std::vector<DoneEvent> spare_;
};

// That of a device.
StagingRing& staging_ring(int device);

}  // namespace mote::cuda
