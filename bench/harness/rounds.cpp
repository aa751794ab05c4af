#include "rounds.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace bench {

namespace {

constexpr int64_t kMostRepetitions = 10'000'000;
constexpr double kLong = 0.05;          // seconds: a repetition of this length needs no warm-up
constexpr int64_t kLeastWarmUp = 2;     // the first brings into the caches what the second finds there
constexpr int64_t kWarmUpDivisor = 10;  // of a round's repetitions

using Clock = std::chrono::steady_clock;

struct Calibration {
  int64_t repetitions = 1;
  double each = 0;  // seconds
};

// Repetitions that a round needs. What it measures on the way warms up as well.
Calibration calibrate(Contender& contender, const TimeOptions& options) {
  int64_t repetitions = 1;
  double seconds = contender.seconds(1, 1, options.cold);
  while (seconds < options.round_seconds && repetitions < kMostRepetitions) {
    const double needed = 1.1 * options.round_seconds / std::max(seconds, 1e-9) * static_cast<double>(repetitions);
    int64_t more = std::clamp(static_cast<int64_t>(std::ceil(needed)), repetitions + 1,
                              std::min(100 * repetitions, kMostRepetitions));
    if (options.cold) {
      // A flush takes thousands of times as long as a small operation.
      const Clock::time_point start = Clock::now();
      contender.seconds(1, 0, true);
      const double all = std::chrono::duration<double>(Clock::now() - start).count();
      more = std::min(more, static_cast<int64_t>(options.cold_seconds / all));
      if (more <= repetitions) break;
    }
    repetitions = more;
    seconds = contender.seconds(repetitions, 0, options.cold);
  }
  return {repetitions, seconds / static_cast<double>(repetitions)};
}

// Whoever slept meanwhile wakes its threads and fills its caches first. With cold caches the flushes wake them.
int64_t warm_up_of(const Calibration& calibration, const TimeOptions& options) {
  if (options.cold || calibration.each > kLong) return 0;
  return std::max(kLeastWarmUp, calibration.repetitions / kWarmUpDivisor);
}

}  // namespace

std::vector<Series> time_in_turn(const std::vector<std::unique_ptr<Contender>>& contenders,
                                 const TimeOptions& options) {
  std::vector<Series> series(contenders.size());
  std::vector<int64_t> warm_up(contenders.size(), 0);
  const auto take_turn = [&](size_t i, const auto& turn) {
    if (!series[i].failed.empty()) return;
    try {
      turn();
      series[i].unsettled += !contenders[i]->settle();
    } catch (const std::exception& error) {  // of any kind: the others go on
      series[i].failed = *error.what() ? error.what() : "an error without a word";
    }
  };
  for (size_t i = 0; i < contenders.size(); ++i)
    take_turn(i, [&] {
      const Calibration calibration = calibrate(*contenders[i], options);
      series[i].repetitions = calibration.repetitions;
      warm_up[i] = warm_up_of(calibration, options);
    });
  // What a probe leaves in the caches meets whoever begins the next round, each time somebody else.
  const size_t implementations = contenders.size() - options.probes;
  for (int round = 0; round < options.rounds; ++round) {
    for (size_t turn = 0; turn < contenders.size(); ++turn) {
      const size_t i = turn < implementations ? (turn + static_cast<size_t>(round)) % implementations : turn;
      take_turn(i, [&] {
        const double seconds = contenders[i]->seconds(series[i].repetitions, warm_up[i], options.cold);
        series[i].seconds.push_back(seconds / static_cast<double>(series[i].repetitions));
      });
    }
  }
  return series;
}

}  // namespace bench
