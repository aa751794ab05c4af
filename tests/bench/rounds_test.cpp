// Whose turn it is, how long it lasts and what comes before it.
#include "harness/rounds.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "support/catch.h"

namespace {

using bench::Contender;
using bench::Series;

// Says that a repetition takes `each` seconds, whatever it takes, and remembers what it was asked.
class Player : public Contender {
 public:
  explicit Player(double each) : Contender("player"), each_(each) {}

  double seconds(int64_t repetitions, int64_t warm_up, bool cold) override {
    if (++calls == fails_at) throw std::runtime_error("out of breath");
    warm_ups.push_back(warm_up);
    if (cold) std::this_thread::sleep_for(flush * repetitions);
    return each_ * static_cast<double>(repetitions);
  }
  bool settle() override { return settles; }
  std::optional<bench::Memory> memory() override { return std::nullopt; }

  int calls = 0, fails_at = 0;
  bool settles = true;
  std::chrono::milliseconds flush{0};
  std::vector<int64_t> warm_ups;

 private:
  double each_;
};

struct Game {
  std::vector<std::unique_ptr<Contender>> contenders;
  Player& add(double each) {
    auto player = std::make_unique<Player>(each);
    Player& added = *player;
    contenders.push_back(std::move(player));
    return added;
  }
};

}  // namespace

TEST_CASE("whoever throws takes no more part, and the others play on", "[bench]") {
  Game game;
  game.add(2e-3);
  Player& weak = game.add(2e-3);
  weak.fails_at = 3;  // one call calibrates
  Player& absent = game.add(2e-3);
  absent.fails_at = 1;
  const std::vector<Series> series = bench::time_in_turn(game.contenders, {.rounds = 5});
  CHECK(series[0].failed.empty());
  CHECK(series[0].seconds.size() == 5);
  CHECK(series[1].failed == "out of breath");
  CHECK(weak.calls == 3);
  CHECK(series[2].failed == "out of breath");
  CHECK(absent.calls == 1);
}

TEST_CASE("each turn begins with a warm-up, the first one too, unless a repetition is long", "[bench]") {
  Game game;
  Player &tiny = game.add(1e-6), &brief = game.add(2e-3), &lengthy = game.add(0.2);
  const std::vector<Series> series = bench::time_in_turn(game.contenders, {.rounds = 3});
  const auto last_three = [](const Player& player) {
    return std::vector<int64_t>(player.warm_ups.end() - 3, player.warm_ups.end());
  };
  CHECK(series[0].repetitions >= 1000);
  for (const int64_t warm_up : last_three(tiny)) CHECK(warm_up == series[0].repetitions / 10);
  CHECK(series[1].repetitions == 1);
  CHECK(last_three(brief) == std::vector<int64_t>{2, 2, 2});
  CHECK(last_three(lengthy) == std::vector<int64_t>{0, 0, 0});
}

TEST_CASE("with cold caches a round is limited by what it takes, flushes included", "[bench]") {
  Game game;
  game.add(1e-7).flush = std::chrono::milliseconds(2);
  Player& slow = game.add(1e-7);
  slow.flush = std::chrono::milliseconds(50);
  const std::vector<Series> series =
      bench::time_in_turn(game.contenders, {.rounds = 2, .cold = true, .cold_seconds = 0.04});
  CHECK(series[0].repetitions > 1);
  CHECK(series[0].repetitions <= 20);
  CHECK(series[1].repetitions == 1);
}

TEST_CASE("threads that still run when the turn is handed over are counted", "[bench]") {
  Game game;
  game.add(2e-3);
  game.add(2e-3).settles = false;
  const std::vector<Series> series = bench::time_in_turn(game.contenders, {.rounds = 3});
  CHECK(series[0].unsettled == 0);
  CHECK(series[1].unsettled == 4);  // once after it was calibrated
}
