#include "mote/storage.h"

#include "mote/backend.h"
#include "mote/recording.h"
#include "small_objects.h"

namespace mote {

Storage::Storage(size_t bytes, Device device) : bytes_(bytes), device_(device), backend_(&backend_of(device)) {
  if (bytes > 0) data_ = backend_->allocate(bytes, device.index());
  if (const Recording* recording = Recording::current()) made_in_recording_ = recording->id();
}

Storage::Storage(size_t bytes, Backend& pinning) : bytes_(bytes), pinned_(true), backend_(&pinning) {
  if (bytes > 0) data_ = pinning.allocate_pinned(bytes);
}

Storage::Storage(void* data, size_t bytes, Device device, std::function<void(void*)> deleter)
    : data_(data), bytes_(bytes), device_(device), deleter_(std::move(deleter)) {}

void Storage::bump_version() {
  ++version_;
  if (Recording* recording = Recording::current()) recording->note_write(*this);
}

Storage::~Storage() {
  if (deleter_) deleter_(data_);
  if (!backend_ || !data_) return;
  if (pinned_)
    backend_->deallocate_pinned(data_);
  else
    backend_->deallocate(data_, bytes_, device_.index());
}

void* Storage::operator new(size_t size) { return allocate_object(size); }
void Storage::operator delete(void* memory, size_t size) noexcept { deallocate_object(memory, size); }

}  // namespace mote
