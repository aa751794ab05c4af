// Pinned memory of the host, which is kept when it is freed: to pin and to unpin pages takes the system long, and waits
// for the device.
//
// A block that the device may still read or write when it is freed waits until the events behind those copies are done,
// and is given out again only then.
#pragma once

#include <cuda_runtime.h>

#include <map>
#include <mutex>
#include <vector>

#include "caching_allocator.h"
#include "done_event.h"

namespace mote::cuda {

class PinnedMemory {
 public:
  // Without keeping, a block is as large as asked for and goes back once the device is done with it.
  PinnedMemory(SegmentSource source, bool keeps);
  ~PinnedMemory();
  PinnedMemory(const PinnedMemory&) = delete;
  PinnedMemory& operator=(const PinnedMemory&) = delete;

  // Not cleared. Throws OutOfMemoryError, after what is kept was given back.
  void* allocate(size_t bytes);
  void deallocate(void* data) noexcept;
  // Whether the address lies in a block that is in use.
  bool owns(const void* address) const;
  // The stream was given a copy from or to this address. Nothing happens for an address of somebody else.
  void note_use(const void* address, cudaStream_t stream, int device);
  // Gives back what nobody uses; waits for the device where that is in use by it only.
  void empty_cache();
  MemoryStats stats() const;
  void reset_peak();

 private:
  struct Use {
    cudaStream_t stream;
    int device;
    DoneEvent done;
  };
  struct Block {
    size_t size;
    std::vector<Use> uses;  // one for each stream
  };
  using Blocks = std::map<char*, Block>;

  Blocks::iterator find(const void* address);
  Blocks::iterator take_free(size_t size);
  Blocks::iterator new_block(size_t size);
  // Goes through the freed blocks that the device had in use.
  void collect(bool wait);
  void keep_or_release(char* data, size_t size);
  void release(char* data, size_t size);
  void release_free();

  const SegmentSource source_;
  const bool keeps_;
  mutable std::mutex mutex_;
  Blocks used_, waiting_;
  std::multimap<size_t, char*> free_;
  MemoryStats stats_;
};

// The process's.
PinnedMemory& pinned_memory();

}  // namespace mote::cuda
