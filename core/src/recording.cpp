#include "mote/recording.h"

#include <fmt/format.h>

#include <atomic>

#include "mote/error.h"

namespace mote {

namespace {

thread_local constinit Recording* recording = nullptr;

}  // namespace

Recording::Recording(const Device& device) : device_(device) {
  static std::atomic<uint32_t> recordings{0};
  id_ = ++recordings;
}

Recording* Recording::current() { return recording; }

void Recording::note_write(Storage& storage) {
  if (storage.device() == device_ && storage.made_in_recording() != id_)
    written_.try_emplace(&storage, Ref<Storage>(&storage));
}

RecordingScope::RecordingScope(Recording& current) : previous_(std::exchange(recording, &current)) {}
RecordingScope::~RecordingScope() { recording = previous_; }

void refuse_to_record(const char* op, const char* why) {
  if (recording) throw StateError(fmt::format("{}: cannot be captured in a CUDA graph: {}", op, why));
}

void refuse_host_read(const char* op, const Device& device) {
  if (recording && device == recording->device())
    refuse_to_record(op, "it reads values from the device on the host, and the host does not run again in a replay");
}

}  // namespace mote
