// Whoever takes part in a row: mote, a library of this process, PyTorch in another.
#pragma once

#include <mote/device.h>

#include <memory>
#include <optional>
#include <string>

#include "bench_row.h"
#include "repetition_memory.h"

namespace bench {

class Contender {
 public:
  explicit Contender(std::string name) : name_(std::move(name)) {}
  virtual ~Contender() = default;
  Contender(const Contender&) = delete;
  Contender& operator=(const Contender&) = delete;

  const std::string& name() const { return name_; }
  // Seconds for `repetitions` of the row, after `warm_up` that are not counted. With `cold` the caches are flushed
  // before each repetition, outside the time. Throws where it cannot.
  virtual double seconds(int64_t repetitions, int64_t warm_up, bool cold) = 0;
  // Waits until its threads have gone to sleep, for a while. False where they still run.
  virtual bool settle() = 0;
  // Of one repetition; nothing where it cannot tell. Throws where it cannot go on.
  virtual std::optional<Memory> memory() = 0;

 private:
  std::string name_;
};

// Runs in this process; on a device that works asynchronously it waits for the end.
class LocalContender : public Contender {
 public:
  LocalContender(std::string name, Loop loop, const mote::Device& device, std::function<void()> release = {})
      : Contender(std::move(name)), loop_(std::move(loop)), release_(std::move(release)), device_(device) {}

  double seconds(int64_t repetitions, int64_t warm_up, bool cold) override;
  bool settle() override;
  std::optional<Memory> memory() override;

 private:
  void run(int64_t repetitions) const;

  Loop loop_;
  std::function<void()> release_;  // as Prepared::release
  mote::Device device_;
};

// Twice the greatest cache.
size_t flush_bytes();
// Writes to as much memory on all threads, as every peer does, so that nothing else is left in the caches.
void flush_caches();

}  // namespace bench
