#include "rounds.h"

#include <algorithm>
#include <cmath>

namespace bench {

namespace {

constexpr int64_t kMostRepetitions = 10'000'000;
constexpr double kLong = 0.05;  // seconds: a repetition of this length needs no warm-up

// Repetitions that a round needs. What it measures on the way warms up as well.
int64_t calibrate(Contender& contender, const TimeOptions& options) {
  int64_t repetitions = 1;
  double seconds = contender.seconds(1, options.cold ? 0 : 1, options.cold);
  while (seconds < options.round_seconds && repetitions < kMostRepetitions) {
    const double needed = 1.1 * options.round_seconds / std::max(seconds, 1e-9) * static_cast<double>(repetitions);
    repetitions = std::clamp(static_cast<int64_t>(std::ceil(needed)), repetitions + 1,
                             std::min(100 * repetitions, kMostRepetitions));
    seconds = contender.seconds(repetitions, 0, options.cold);
  }
  return repetitions;
}

}  // namespace

std::vector<Series> time_in_turn(const std::vector<std::unique_ptr<Contender>>& contenders,
                                 const TimeOptions& options) {
  std::vector<Series> series(contenders.size());
  std::vector<int64_t> warm_up(contenders.size(), 0);
  for (size_t i = 0; i < contenders.size(); ++i) {
    series[i].repetitions = calibrate(*contenders[i], options);
    contenders[i]->settle();
  }
  // What a probe leaves in the caches meets whoever begins the next round, each time somebody else.
  const size_t implementations = contenders.size() - options.probes;
  for (int round = 0; round < options.rounds; ++round) {
    for (size_t turn = 0; turn < contenders.size(); ++turn) {
      const size_t i = turn < implementations ? (turn + static_cast<size_t>(round)) % implementations : turn;
      const int64_t repetitions = series[i].repetitions;
      const double seconds = contenders[i]->seconds(repetitions, warm_up[i], options.cold);
      const double each = seconds / static_cast<double>(repetitions);
      series[i].seconds.push_back(each);
      // Whoever slept meanwhile wakes its threads and fills its caches first.
      warm_up[i] = options.cold || each > kLong ? 0 : std::max<int64_t>(1, repetitions / 10);
      contenders[i]->settle();
    }
  }
  return series;
}

}  // namespace bench
