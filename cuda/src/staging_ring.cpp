#include "staging_ring.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "pinned_memory.h"

namespace mote::cuda {

namespace {

constexpr size_t kRingBytes = size_t{8} << 20;
constexpr size_t kPartBytes = size_t{2} << 20;
constexpr size_t kAlignment = 256;

}  // namespace

StagingRing::StagingRing(int device, char* memory, size_t bytes, size_t part_bytes)
    : device_(device), memory_(memory), bytes_(bytes), part_bytes_(part_bytes) {}

void StagingRing::copy(void* device_data, const void* host, size_t bytes, cudaStream_t stream) {
  auto* to = static_cast<char*>(device_data);
  const auto* from = static_cast<const char*>(host);
  for (size_t done = 0; done < bytes; done += part_bytes_)
    copy_part(to + done, from + done, std::min(part_bytes_, bytes - done), stream);
}

void StagingRing::copy_part(char* device_data, const char* host, size_t bytes, cudaStream_t stream) {
  const std::lock_guard lock(mutex_);
  const size_t begin = make_room((bytes + kAlignment - 1) / kAlignment * kAlignment);
  if (spare_.empty()) spare_.emplace_back(device_);
  std::memcpy(memory_ + begin, host, bytes);
  check(cudaMemcpyAsync(device_data, memory_ + begin, bytes, cudaMemcpyHostToDevice, stream), "copy to cuda");
  spare_.back().record(stream);
  parts_.push_back({begin, begin + bytes, std::move(spare_.back())});
  spare_.pop_back();
  head_ = (begin + bytes + kAlignment - 1) / kAlignment * kAlignment;
}

// From the head on lie the oldest parts, and after a turn those from the beginning.
size_t StagingRing::make_room(size_t bytes) {
  while (!parts_.empty() && parts_.front().done.is_done()) drop_oldest();
  if (head_ + bytes > bytes_) {
    while (!parts_.empty() && parts_.front().begin >= head_) drop_oldest();
    head_ = 0;
  }
  while (!parts_.empty() && parts_.front().begin >= head_ && parts_.front().begin < head_ + bytes) drop_oldest();
  return head_;
}

void StagingRing::drop_oldest() {
  parts_.front().done.wait();
  spare_.push_back(std::move(parts_.front().done));
  parts_.pop_front();
}

// Never destroyed, like the memory it has.
StagingRing& staging_ring(int device) {
  struct Slot {
    std::once_flag once;
    std::unique_ptr<StagingRing> ring;
  };
  static auto* const slots = new std::array<Slot, kMaxDevices>;
  check_device(device);
  Slot& slot = (*slots)[static_cast<size_t>(device)];
  std::call_once(slot.once, [&] {
    auto* const memory = static_cast<char*>(pinned_memory().allocate(kRingBytes));
    slot.ring = std::make_unique<StagingRing>(device, memory, kRingBytes, kPartBytes);
  });
  return *slot.ring;
}

}  // namespace mote::cuda
