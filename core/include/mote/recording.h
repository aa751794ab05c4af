// A thread's work on a device that is recorded in place of being done, to be repeated later: the capture of a CUDA
// graph (cuda_graph.h). A repetition runs the kernels again with the arguments that they had; the host's code does not
// run again. So what the host reads from the device, or changes from step to step, asks here what it has to do.
#pragma once

#include <cstdint>
#include <functional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "mote/device.h"
#include "mote/ref.h"
#include "mote/storage.h"

namespace mote {

class Recording {
 public:
  explicit Recording(const Device& device);
  virtual ~Recording() = default;
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  // What this thread records; null nearly always.
  static Recording* current();
  const Device& device() const { return device_; }
  // Its number, counted from 1 for each process.
  uint32_t id() const { return id_; }

  // Before each repetition prepare() is called. It may throw a StateError where the repetition would no longer be
  // right.
  void before_each_replay(std::function<void()> prepare) { preparations_.push_back(std::move(prepare)); }
  void prepare_replay() const {
    for (const auto& prepare : preparations_) prepare();
  }

  // Recorded work writes this memory in place. Memory from before the recording is kept until the recording is gone,
  // and each repetition counts as a change of it. What the recording itself allocated is written as a whole by every
  // repetition, and what was saved of it there stays right.
  void note_write(Storage& storage);
  // After each repetition.
  void bump_versions() const {
    for (const auto& [address, storage] : written_) storage->bump_version();
  }

 private:
  Device device_;
  uint32_t id_;
  std::unordered_map<const Storage*, Ref<Storage>> written_;
  std::vector<std::function<void()>> preparations_;
};

// Makes `recording` the thread's current one until the scope ends.
class RecordingScope {
 public:
  explicit RecordingScope(Recording& recording);
  ~RecordingScope();
  RecordingScope(const RecordingScope&) = delete;
  RecordingScope& operator=(const RecordingScope&) = delete;

 private:
  Recording* previous_;
};

// While this thread records: throws StateError "<op>: cannot be captured in a CUDA graph: <why>".
void refuse_to_record(const char* op, const char* why);
// The same for an operation that reads from `device` on the host, where that is the device whose work is recorded.
void refuse_host_read(const char* op, const Device& device);

}  // namespace mote
