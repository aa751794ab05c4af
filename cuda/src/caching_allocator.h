// Keeps freed device memory and gives it out again: asking the driver costs a synchronisation of the whole device.
//
// The driver is asked for segments, which are cut into blocks; neighbours that are free are one block again. A freed
// block goes only to work of the stream that it was made for, which is therefore done with it by then; if other streams
// were named that use it, it waits until they are done with what they had been given when it was freed. Blocks of up to
// 1 MiB are cut from segments of 2 MiB, larger ones below 10 MiB from segments of 20 MiB, and the rest have their own.
//
// A captured graph writes the same memory in each replay. So it has a pool: segments whose blocks go to its own capture
// alone, until the pool is closed.
#pragma once

#include <cuda_runtime.h>

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "done_event.h"
#include "mote/cuda.h"
#include "mote/cuda_stream.h"

namespace mote::cuda {

// Where segments come from; tests put a small one in the driver's place.
struct SegmentSource {
  std::function<void*(size_t bytes)> allocate;  // null where there is no memory
  std::function<void(void*)> free;
  std::function<std::string()> describe;  // what the whole device holds, for the error message
};

class CachingAllocator {
 public:
  // Without keeping, every block is a segment of exactly its size and goes back at once: an access beyond its end is
  // then one beyond an allocation, which the simulator and compute-sanitizer notice.
  CachingAllocator(std::string device_name, SegmentSource source, bool keeps);
  ~CachingAllocator();

  // 512-byte aligned (256 without keeping), not cleared. Throws OutOfMemoryError that says what holds the memory; a
  // failure to get memory frees what is kept and tries again first.
  void* allocate(size_t bytes, cudaStream_t stream, int64_t pool = 0);
  // A block that is freed in a capture, for which `pool` is that of the graph, and does not come from there is kept
  // until the pool is closed: captured work may use it. Without keeping, so are the pool's own.
  void deallocate(void* data, int64_t pool = 0) noexcept;
  // `stream`, of the same device, uses this block too. Nothing happens for memory of somebody else.
  void record_stream(void* data, const Stream& stream);
  // A number for a new pool; 0 stands for ordinary memory.
  int64_t open_pool();
  // All memory of the pool becomes ordinary memory of `stream`. None of its graph's work may still run.
  void close_pool(int64_t pool, cudaStream_t stream) noexcept;
  // Gives back every segment of which no block is in use.
  void empty_cache();
  MemoryStats stats() const;
  void reset_peak();

 private:
  struct Block {
    char* data;
    size_t size;
    size_t requested;  // by the tensor; 0 while free
    cudaStream_t stream;
    int64_t pool;  // the same in a whole segment, as is the stream
    bool large;
    Block* previous;  // neighbours in the segment
    Block* next;
    std::vector<Stream> users = {};  // besides its own
  };
  struct Waiting {
    Block* block;
    std::vector<DoneEvent> users;
  };
  // Of one pool and stream the smallest first, and the lowest address of equal ones.
  struct Smaller {
    bool operator()(const Block* a, const Block* b) const;
  };
  using FreeList = std::set<Block*, Smaller>;

  Block* take_free(size_t size, cudaStream_t stream, int64_t pool);
  Block* new_segment(size_t size, cudaStream_t stream, int64_t pool);
  void free_quietly(void* data, int64_t pool) noexcept;
  void free_or_hold(void* data, int64_t pool);
  void put_back(Block* block);
  void wait_for_users(Block* block);
  // Puts back the blocks that nobody uses any more; with `wait`, after a wait all of them.
  void collect(bool wait);
  void split(Block* block, size_t size);
  void merge_with_next(Block* block);
  void release_segment(Block* block);
  void release_free_segments();
  void count_allocation(const Block& block);
  [[noreturn]] void throw_out_of_memory(size_t bytes) const;

  const std::string device_name_;
  const SegmentSource source_;
  const bool keeps_;
  mutable std::mutex mutex_;
  std::array<FreeList, 2> free_;  // small and large
  std::unordered_map<void*, Block*> used_;
  std::vector<Waiting> waiting_;                          // freed, but other streams may still use them
  std::unordered_map<int64_t, std::vector<void*>> held_;  // freed by the program, but not before the pool is closed
  int64_t pools_ = 0;
  MemoryStats stats_;
};

// The allocator of a device.
CachingAllocator& allocator_of(int device);

// Whether freed memory is kept: see MOTE_CUDA_CACHE.
bool keeps_memory();

}  // namespace mote::cuda
