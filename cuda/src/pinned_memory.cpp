#include "pinned_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "mote/error.h"
#include "out_of_memory.h"

namespace mote::cuda {

namespace {

constexpr size_t kSmallest = 4096;  // the system pins whole pages
constexpr size_t kUnit = size_t{1} << 20;

// Few sizes, so that a freed block fits the next request: powers of two, then whole MiB.
size_t block_size(size_t bytes) {
  if (bytes <= kUnit) return std::max(std::bit_ceil(bytes), kSmallest);
  return (bytes + kUnit - 1) / kUnit * kUnit;
}

bool are_done(const auto& uses) {
  return std::all_of(uses.begin(), uses.end(), [](const auto& use) { return use.done.is_done(); });
}

SegmentSource system_memory() {
  const auto allocate = [](size_t bytes) -> void* {
    void* memory = nullptr;
    const cudaError_t status = cudaHostAlloc(&memory, bytes, cudaHostAllocPortable);
    if (status == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      return nullptr;
    }
    check(status, "cudaHostAlloc");
    return memory;
  };
  const auto free = [](void* memory) { cudaFreeHost(memory); };
  return {allocate, free, [] { return std::string("the system pins no more"); }};
}

}  // namespace

PinnedMemory::PinnedMemory(SegmentSource source, bool keeps) : source_(std::move(source)), keeps_(keeps) {}

PinnedMemory::~PinnedMemory() {
  for (const auto& [data, block] : waiting_) source_.free(data);
  release_free();
}

void* PinnedMemory::allocate(size_t bytes) {
  const std::lock_guard lock(mutex_);
  collect(false);
  const size_t size = keeps_ ? block_size(bytes) : bytes;
  auto block = take_free(size);
  if (block == used_.end())
    block = new_block(size);
  else
    ++stats_.cache_hits;
  ++stats_.allocations;
  ++stats_.live_blocks;
  stats_.allocated_bytes += block->second.size;
  stats_.peak_allocated_bytes = std::max(stats_.peak_allocated_bytes, stats_.allocated_bytes);
  return block->first;
}

void PinnedMemory::deallocate(void* data) noexcept {
  const std::lock_guard lock(mutex_);
  auto block = used_.extract(static_cast<char*>(data));
  if (block.empty()) return;
  --stats_.live_blocks;
  stats_.allocated_bytes -= block.mapped().size;
  try {
    if (are_done(block.mapped().uses))
      keep_or_release(block.key(), block.mapped().size);
    else
      waiting_.insert(std::move(block));
  } catch (...) {  // no memory for an entry of the list: the block is not given out again
  }
}

PinnedMemory::Blocks::iterator PinnedMemory::find(const void* address) {
  auto* const at = static_cast<char*>(const_cast<void*>(address));
  auto found = used_.upper_bound(at);
  if (found == used_.begin()) return used_.end();
  --found;
  return at < found->first + found->second.size ? found : used_.end();
}

bool PinnedMemory::owns(const void* address) const {
  const std::lock_guard lock(mutex_);
  return const_cast<PinnedMemory*>(this)->find(address) != used_.end();
}

void PinnedMemory::note_use(const void* address, cudaStream_t stream, int device) {
  const std::lock_guard lock(mutex_);
  const auto found = find(address);
  if (found == used_.end()) return;
  std::vector<Use>& uses = found->second.uses;
  auto use = std::find_if(uses.begin(), uses.end(),
                          [&](const Use& one) { return one.stream == stream && one.device == device; });
  if (use == uses.end()) use = uses.insert(uses.end(), Use{stream, device, DoneEvent(device)});
  use->done.record(stream);
}

void PinnedMemory::empty_cache() {
  const std::lock_guard lock(mutex_);
  collect(true);
  release_free();
}

MemoryStats PinnedMemory::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

void PinnedMemory::reset_peak() {
  const std::lock_guard lock(mutex_);
  stats_.peak_allocated_bytes = stats_.allocated_bytes;
  stats_.peak_reserved_bytes = stats_.reserved_bytes;
}

PinnedMemory::Blocks::iterator PinnedMemory::take_free(size_t size) {
  const auto found = free_.lower_bound(size);
  if (found == free_.end() || found->first > 2 * size) return used_.end();  // too large a block would be wasted
  const auto [block_size, data] = *found;
  const auto taken = used_.emplace(data, Block{block_size, {}}).first;
  free_.erase(found);
  return taken;
}

PinnedMemory::Blocks::iterator PinnedMemory::new_block(size_t size) {
  void* memory = source_.allocate(size);
  if (!memory) {
    collect(true);
    release_free();
    memory = source_.allocate(size);
  }
  if (!memory)
    throw OutOfMemoryError(fmt::format(
        "pinned memory: there is no room for {}: {}; mote holds {} in {} live blocks; free tensors, or use memory that "
        "is not pinned",
        in_words(size), source_.describe(), in_words(stats_.allocated_bytes), stats_.live_blocks));
  stats_.reserved_bytes += size;
  stats_.peak_reserved_bytes = std::max(stats_.peak_reserved_bytes, stats_.reserved_bytes);
  ++stats_.segments;
  return used_.emplace(static_cast<char*>(memory), Block{size, {}}).first;
}

void PinnedMemory::collect(bool wait) {
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    if (wait)
      for (const Use& use : at->second.uses) use.done.wait();
    const bool done = wait || are_done(at->second.uses);
    if (done) keep_or_release(at->first, at->second.size);
    at = done ? waiting_.erase(at) : std::next(at);
  }
}

void PinnedMemory::keep_or_release(char* data, size_t size) {
  if (keeps_)
    free_.emplace(size, data);
  else
    release(data, size);
}

void PinnedMemory::release(char* data, size_t size) {
  source_.free(data);
  stats_.reserved_bytes -= size;
  --stats_.segments;
}

void PinnedMemory::release_free() {
  for (const auto& [size, data] : free_) release(data, size);
  free_.clear();
}

// Never destroyed: tensors of static lifetime are freed after any static of this file.
PinnedMemory& pinned_memory() {
  static auto* const memory = new PinnedMemory(system_memory(), keeps_memory());
  return *memory;
}

MemoryStats host_memory_stats() { return device_count() > 0 ? pinned_memory().stats() : MemoryStats(); }

void reset_peak_host_memory_stats() {
  if (device_count() > 0) pinned_memory().reset_peak();
}

void empty_host_cache() {
  if (device_count() > 0) pinned_memory().empty_cache();
}

}  // namespace mote::cuda
