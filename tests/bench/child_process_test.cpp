// Children that answer lines with lines, and the quiet that is waited for between turns.
#include "harness/child_process.h"

#include <unistd.h>

#include <atomic>
#include <thread>

#include "harness/quiet.h"
#include "support/catch.h"

TEST_CASE("a child process answers each line", "[bench]") {
  bench::Process cat({"cat"});
  CHECK(cat.ask("one") == "one\n");
  CHECK(cat.ask("two") == "two\n");
}

TEST_CASE("a program that is not there, or has ended, is an error with its name", "[bench]") {
  CHECK_THROWS_AS(bench::Process({"no-such-program-of-mote-bench"}), bench::ProcessError);
  bench::Process end({"true"});
  CHECK_THROWS_WITH(end.ask("anybody?"), "true has ended");
}

TEST_CASE("a process is quiet when no thread of it runs, the asking one apart", "[bench]") {
  bench::Process cat({"cat"});
  cat.ask("ready");
  CHECK(bench::wait_until_quiet(cat.pid()));
  std::atomic<bool> stop = false;
  std::thread busy([&stop] {
    while (!stop) {
    }
  });
  CHECK_FALSE(bench::wait_until_quiet(getpid()));
  stop = true;
  busy.join();
}
