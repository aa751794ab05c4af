// Peers that die, answer nonsense or run out of memory: each loses its row, and nobody else anything.
#include "harness/peer.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "harness/run_row.h"
#include "support/catch.h"

namespace {

using bench::Peer;
using mote::testing::contains;

// A program that speaks the protocol, but for what it does when it is asked for a time.
std::vector<std::string> peer_that(const std::string& when_timed, const std::string& first = "") {
  return {"sh", "-c",
          first + R"(
while read -r line; do
  case "$line" in
    *'"hello"'*) echo '{"name": "PyTorch", "version": "9", "build": "none"}' ;;
    *'"prepare"'*) echo '{"row": 0, "checksum": []}' ;;
    *'"time"'*) )" +
              when_timed + R"( ;;
    *'"memory"'*) echo '{"peak_bytes": 16, "allocations": 1}' ;;
    *) echo '{}' ;;
  esac
done)"};
}

struct Bench {
  explicit Bench(const std::vector<std::string>& command) {
    options.rounds = 2;
    context.peers.push_back(std::make_unique<Peer>(command, 1, context.device));
  }
  bench::RowResult run() {
    const bench::Row row{.family = "f",
                         .operation = "o",
                         .shape = "1",
                         .prepare = [](const bench::Row&) { return bench::Prepared{.loop = [](int64_t) {}}; },
                         .torch = {{.run = "x"}}};
    return bench::run(row, context);
  }
  Peer& peer() { return *context.peers.front(); }

  bench::Options options;
  bench::Context context{options, mote::Device(), bench::Probes(mote::Device(), true), {}};
};

}  // namespace

TEST_CASE("a program that answers something else is no peer", "[bench]") {
  CHECK_THROWS_AS(Peer({"cat"}, 1, mote::Device()), bench::ProcessError);
  CHECK_THROWS_AS(Peer({"echo", "hello"}, 1, mote::Device()), bench::ProcessError);
  CHECK_THROWS_AS(Peer({"true"}, 1, mote::Device()), bench::ProcessError);
}

TEST_CASE("a peer takes part in a row", "[bench]") {
  Bench bench(peer_that("echo '{\"seconds\": 0.002}'"));
  const bench::RowResult result = bench.run();
  REQUIRE(result.find("PyTorch 9"));
  CHECK(result.find("PyTorch 9")->seconds.median == 0.002);
  CHECK(result.find("PyTorch 9")->memory->peak_bytes == 16);
}

TEST_CASE("a peer that dies while it is timed loses its row and is there again in the next", "[bench]") {
  Bench bench(peer_that("exit 1"));
  const pid_t first = bench.peer().pid();
  for (int row = 0; row < 2; ++row) {
    const bench::RowResult result = bench.run();
    REQUIRE(result.measurements.size() == 1);
    CHECK(result.measurements[0].name == "mote");
    CHECK(result.measurements[0].rounds == 2);
    CHECK(result.notes == std::vector<std::string>{"PyTorch 9: while it was timed: sh has ended"});
  }
  CHECK(bench.peer().pid() != first);
  CHECK(bench.peer().pid() != 0);
}

TEST_CASE("an error and nonsense in place of a time are notes of the row", "[bench]") {
  Bench out_of_memory(peer_that("echo '{\"error\": \"RuntimeError: not enough memory\"}'"));
  const pid_t pid = out_of_memory.peer().pid();
  CHECK(out_of_memory.run().notes.at(0) == "PyTorch 9: while it was timed: RuntimeError: not enough memory");
  CHECK(out_of_memory.peer().pid() == pid);
  CHECK_THAT(Bench(peer_that("echo '{'")).run().notes.at(0), contains("no JSON"));
  CHECK_THAT(Bench(peer_that("echo '{\"seconds\": \"two\"}'")).run().notes.at(0), contains("\"seconds\""));
  CHECK_THAT(Bench(peer_that("echo 2")).run().notes.at(0), contains("\"seconds\""));
}

TEST_CASE("a peer that cannot be started again is given up", "[bench]") {
  const std::filesystem::path mark =
      std::filesystem::temp_directory_path() / fmt::format("mote-bench-test-{}", getpid());
  Bench bench(peer_that("exit 1", fmt::format("[ -e '{0}' ] && exit 1; touch '{0}'\n", mark.string())));
  bench.run();
  CHECK(bench.peer().pid() == 0);
  CHECK(bench.run().notes == std::vector<std::string>{"PyTorch 9: has ended"});
  std::filesystem::remove(mark);
}

TEST_CASE("a library that throws loses its row", "[bench]") {
  Bench bench(peer_that("echo '{\"seconds\": 0.002}'"));
  const bench::Loop broken = [](int64_t) { throw std::runtime_error("could not create a primitive"); };
  const bench::Row row{.family = "f",
                       .operation = "o",
                       .shape = "1",
                       .prepare = [](const bench::Row&) { return bench::Prepared{.loop = [](int64_t) {}}; },
                       .libraries = {{"oneDNN", [broken](mote::Tensor&) { return broken; }}}};
  const bench::RowResult result = bench::run(row, bench.context);
  CHECK(result.measurements.size() == 1);
  CHECK(result.notes == std::vector<std::string>{"oneDNN: could not create a primitive"});
}
