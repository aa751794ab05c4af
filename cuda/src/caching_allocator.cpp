#include "caching_allocator.h"

#include <algorithm>
#include <cstdint>
#include <tuple>
#include <vector>

#include "out_of_memory.h"

namespace mote::cuda {

namespace {

constexpr size_t kGranularity = 512;
constexpr size_t kSmallLimit = size_t{1} << 20;
constexpr size_t kSmallSegment = size_t{2} << 20;
constexpr size_t kMediumLimit = size_t{10} << 20;
constexpr size_t kMediumSegment = size_t{20} << 20;
constexpr size_t kLargeGranularity = size_t{2} << 20;

size_t round_up(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

size_t segment_size(size_t size) {
  if (size <= kSmallLimit) return kSmallSegment;
  return size < kMediumLimit ? kMediumSegment : round_up(size, kLargeGranularity);
}

// What is left over of a block is worth a block of its own from here on.
size_t smallest_rest(bool large) { return large ? kSmallLimit + 1 : kGranularity; }

}  // namespace

CachingAllocator::CachingAllocator(std::string device_name, SegmentSource source, bool keeps)
    : device_name_(std::move(device_name)), source_(std::move(source)), keeps_(keeps) {}

CachingAllocator::~CachingAllocator() {
  for (const Waiting& waiting : waiting_) put_back(waiting.block);
  release_free_segments();
  for (const auto& [data, block] : used_) delete block;  // whose memory somebody still holds
}

bool CachingAllocator::Smaller::operator()(const Block* a, const Block* b) const {
  const auto key = [](const Block* block) {
    return std::tuple(block->pool, reinterpret_cast<uintptr_t>(block->stream), block->size,
                      reinterpret_cast<uintptr_t>(block->data));
  };
  return key(a) < key(b);
}

void* CachingAllocator::allocate(size_t bytes, cudaStream_t stream, int64_t pool) {
  const std::lock_guard lock(mutex_);
  const size_t size = keeps_ ? round_up(std::max<size_t>(bytes, 1), kGranularity) : bytes;
  if (size < bytes) throw_out_of_memory(bytes);
  collect(false);
  Block* block = keeps_ ? take_free(size, stream, pool) : nullptr;
  if (block)
    ++stats_.cache_hits;
  else
    block = new_segment(size, stream, pool);
  if (keeps_ && block->size - size >= smallest_rest(block->large)) split(block, size);
  block->requested = bytes;
  used_.emplace(block->data, block);
  count_allocation(*block);
  return block->data;
}

void CachingAllocator::deallocate(void* data, int64_t pool) noexcept {
  const std::lock_guard lock(mutex_);
  free_quietly(data, pool);
}

void CachingAllocator::free_quietly(void* data, int64_t pool) noexcept {
  try {
    free_or_hold(data, pool);
  } catch (...) {  // the device is lost, or the host has no memory for a list: the block is not given out again
  }
}

void CachingAllocator::free_or_hold(void* data, int64_t pool) {
  const auto found = used_.find(data);
  if (found == used_.end()) return;
  Block* block = found->second;
  if (pool != 0 && block->pool != pool) return held_[pool].push_back(data);
  if (block->pool != 0 && !keeps_) return held_[block->pool].push_back(data);
  used_.erase(found);
  stats_.allocated_bytes -= block->size;
  --stats_.live_blocks;
  block->requested = 0;
  if (!keeps_) return release_segment(block);  // for which the driver waits for all streams
  if (block->users.empty())
    put_back(block);
  else
    wait_for_users(block);
}

void CachingAllocator::put_back(Block* block) {
  FreeList& list = free_[block->large];
  if (block->next && block->next->requested == 0 && list.erase(block->next) > 0) merge_with_next(block);
  if (block->previous && block->previous->requested == 0 && list.erase(block->previous) > 0) {
    block = block->previous;
    merge_with_next(block);
  }
  list.insert(block);
}

void CachingAllocator::wait_for_users(Block* block) {
  Waiting waiting{block, {}};
  for (const Stream& user : block->users)
    waiting.users.emplace_back(user.device()).record(static_cast<cudaStream_t>(user.native_handle()));
  waiting_.push_back(std::move(waiting));
  block->users.clear();
}

void CachingAllocator::collect(bool wait) {
  if (wait)
    for (const Waiting& waiting : waiting_)
      for (const DoneEvent& user : waiting.users) user.wait();
  std::erase_if(waiting_, [this](const Waiting& waiting) {
    const auto is_done = [](const DoneEvent& user) { return user.is_done(); };
    const bool done = std::all_of(waiting.users.begin(), waiting.users.end(), is_done);
    if (done) put_back(waiting.block);
    return done;
  });
}

void CachingAllocator::record_stream(void* data, const Stream& stream) {
  const std::lock_guard lock(mutex_);
  const auto found = used_.find(data);
  if (found == used_.end()) return;
  Block* const block = found->second;
  const auto is_stream = [&](const Stream& user) { return user.native_handle() == stream.native_handle(); };
  if (stream.native_handle() == block->stream) return;
  if (std::none_of(block->users.begin(), block->users.end(), is_stream)) block->users.push_back(stream);
}

int64_t CachingAllocator::open_pool() {
  const std::lock_guard lock(mutex_);
  return ++pools_;
}

void CachingAllocator::close_pool(int64_t pool, cudaStream_t stream) noexcept {
  const std::lock_guard lock(mutex_);
  const auto make_ordinary = [&](Block* block) {
    block->pool = 0;
    block->stream = stream;
  };
  for (const auto& [data, block] : used_)
    if (block->pool == pool) make_ordinary(block);
  for (const Waiting& waiting : waiting_)
    if (waiting.block->pool == pool) make_ordinary(waiting.block);
  for (FreeList& list : free_) {
    std::vector<Block*> blocks;
    std::copy_if(list.begin(), list.end(), std::back_inserter(blocks), [&](Block* b) { return b->pool == pool; });
    for (Block* block : blocks) list.erase(block);
    std::for_each(blocks.begin(), blocks.end(), make_ordinary);
    list.insert(blocks.begin(), blocks.end());
  }
  const auto held = held_.extract(pool);
  if (held.empty()) return;
  for (void* data : held.mapped()) free_quietly(data, 0);
}

void CachingAllocator::empty_cache() {
  const std::lock_guard lock(mutex_);
  collect(true);
  release_free_segments();
}

MemoryStats CachingAllocator::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

void CachingAllocator::reset_peak() {
  const std::lock_guard lock(mutex_);
  stats_.peak_allocated_bytes = stats_.allocated_bytes;
  stats_.peak_reserved_bytes = stats_.reserved_bytes;
}

CachingAllocator::Block* CachingAllocator::take_free(size_t size, cudaStream_t stream, int64_t pool) {
  FreeList& list = free_[size > kSmallLimit];
  Block wanted{nullptr, size, 0, stream, pool, false, nullptr, nullptr};
  const auto found = list.lower_bound(&wanted);
  if (found == list.end() || (*found)->pool != pool || (*found)->stream != stream) return nullptr;
  Block* block = *found;
  list.erase(found);
  return block;
}

CachingAllocator::Block* CachingAllocator::new_segment(size_t size, cudaStream_t stream, int64_t pool) {
  const size_t bytes = keeps_ ? segment_size(size) : size;
  void* memory = source_.allocate(bytes);
  if (!memory) {
    collect(true);
    release_free_segments();
    memory = source_.allocate(bytes);
  }
  if (!memory) throw_out_of_memory(size);
  stats_.reserved_bytes += bytes;
  stats_.peak_reserved_bytes = std::max(stats_.peak_reserved_bytes, stats_.reserved_bytes);
  ++stats_.segments;
  return new Block{static_cast<char*>(memory), bytes, 0, stream, pool, size > kSmallLimit, nullptr, nullptr};
}

void CachingAllocator::split(Block* block, size_t size) {
  auto* rest = new Block{block->data + size, block->size - size, 0,     block->stream,
                         block->pool,        block->large,       block, block->next};
  if (rest->next) rest->next->previous = rest;
  block->next = rest;
  block->size = size;
  free_[rest->large].insert(rest);
}

void CachingAllocator::merge_with_next(Block* block) {
  Block* const next = block->next;
  block->size += next->size;
  block->next = next->next;
  if (block->next) block->next->previous = block;
  delete next;
}

void CachingAllocator::release_segment(Block* block) {
  source_.free(block->data);
  stats_.reserved_bytes -= block->size;
  --stats_.segments;
  delete block;
}

void CachingAllocator::release_free_segments() {
  for (FreeList& list : free_)
    for (auto at = list.begin(); at != list.end();) {
      Block* const block = *at;
      const bool whole = !block->previous && !block->next && block->pool == 0;
      at = whole ? list.erase(at) : std::next(at);
      if (whole) release_segment(block);
    }
}

void CachingAllocator::count_allocation(const Block& block) {
  ++stats_.allocations;
  ++stats_.live_blocks;
  stats_.allocated_bytes += block.size;
  stats_.peak_allocated_bytes = std::max(stats_.peak_allocated_bytes, stats_.allocated_bytes);
}

void CachingAllocator::throw_out_of_memory(size_t bytes) const {
  std::map<size_t, int64_t, std::greater<>> by_size;
  for (const auto& [data, block] : used_) ++by_size[block->requested];
  std::vector<std::pair<size_t, int64_t>> largest(by_size.begin(), by_size.end());
  largest.resize(std::min<size_t>(largest.size(), 3));
  mote::throw_out_of_memory(device_name_, bytes, source_.describe(), stats_, largest);
}

}  // namespace mote::cuda
