// What a training run shows while it runs: one line that is drawn again and again on a terminal, plain lines elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace gpt {

class Progress {
 public:
  // Of `total` steps, `first` are done already.
  Progress(int64_t first, int64_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // True where it is time to show something new: some ten times a second on a terminal, else every ten seconds.
  bool due() const;
  // Shows the state after `step` steps.
  void show(int64_t step, double loss, double lr, const std::string& speed);
  // Writes a line that stays.
  void note(const std::string& line);
  // ", 1 min 20 s left", by what the steps so far took; empty before the first.
  std::string time_left(int64_t step) const;

 private:
  using Clock = std::chrono::steady_clock;

  void clear();

  bool terminal_;
  int64_t first_;
  int64_t total_;
  bool drawn_ = false;
  Clock::time_point start_;
  Clock::time_point last_shown_;
};

// "47 s", "3 min 20 s" or "2 h 05 min".
std::string duration(double seconds);

}  // namespace gpt
