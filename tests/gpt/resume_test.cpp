// A run that was stopped or killed goes on to the same bytes as one that was not.
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <random>
#include <sstream>

#include "gpt/process.h"
#include "support/catch.h"

using gpt::testing::Arguments;
using gpt::testing::Process;
using gpt::testing::read;
using gpt::testing::Result;
using gpt::testing::run;
using gpt::testing::TemporaryDirectory;
using mote::testing::contains;

namespace {

Arguments train(const std::string& text, const std::string& out) {
  return {"train",   "--data", text,      "--out",  out,         "--layers",     "2",         "--heads", "2",
          "--width", "16",     "--steps", "200",    "--dropout", "0.1",          "--context", "16",      "--batch",
          "4",       "--lr",   "0.005",   "--seed", "7",         "--eval-every", "20"};
}

Arguments resume(const std::string& out) { return {"train", "--out", out, "--resume"}; }

// The log without tokens_per_second and peak_share, which are a matter of the clock.
std::string losses(const std::string& out) {
  std::istringstream lines(read(out + "/log.csv"));
  std::string text;
  for (std::string line; std::getline(lines, line);)
    text += line.substr(0, line.rfind(',', line.rfind(',') - 1)) + "\n";
  return text;
}

// A run that nobody interrupted, made once.
struct Whole {
  Whole() : text(dir.write("text.txt", gpt::testing::some_text(4000))), out(dir / "whole") {
    const Result result = run(train(text, out));
    INFO(result.err);
    REQUIRE(result.code == 0);
    checkpoint = read(out + "/checkpoint.safetensors");
  }

  void check_equal(const std::string& other) const {
    CHECK(read(other + "/checkpoint.safetensors") == checkpoint);
    CHECK(losses(other) == losses(out));
    CHECK(std::filesystem::file_size(other + "/loss.png") > 1000);
  }

  TemporaryDirectory dir;
  std::string text, out, checkpoint;
};

const Whole& whole_run() {
  static const Whole whole;
  return whole;
}

void wait_for(Process& process, const std::string& file) {
  while (process.running() && !std::filesystem::exists(file)) usleep(2000);
}

}  // namespace

TEST_CASE("the same options give the same run", "[gpt]") {
  const Whole& whole = whole_run();
  REQUIRE(run(train(whole.text, whole.dir / "again")).code == 0);
  whole.check_equal(whole.dir / "again");
  CHECK_THAT(read(whole.out + "/log.csv"), contains("step,train_loss,val_loss,lr,tokens_per_second,peak_share\n0,"));
  CHECK_THAT(read(whole.out + "/log.csv"), contains("\n200,"));
}

TEST_CASE("a run that Ctrl-C stopped says how to go on, and goes on to the same bytes", "[gpt]") {
  const Whole& whole = whole_run();
  for (const int signal : {SIGINT, SIGTERM}) {
    const std::string out = whole.dir / ("stopped" + std::to_string(signal));
    Process process(train(whole.text, out));
    wait_for(process, out + "/log.csv");
    process.signal(signal);
    const Result result = process.wait();
    INFO(result.out << result.err);
    CHECK(result.code == 130);
    CHECK_THAT(result.out, contains("To go on: mote-gpt train --out " + out + " --resume"));
    CHECK(read(out + "/checkpoint.safetensors") != whole.checkpoint);
    CHECK(run(resume(out)).code == 0);
    whole.check_equal(out);
  }
}

TEST_CASE("a run that was killed again and again goes on to the same bytes", "[gpt]") {
  const Whole& whole = whole_run();
  const std::string out = whole.dir / "killed";
  std::mt19937 random(11);
  int kills = 0;
  for (int attempt = 0; attempt < 12; ++attempt) {
    const bool begun = std::filesystem::exists(out + "/checkpoint.safetensors");
    Process process(begun ? resume(out) : train(whole.text, out));
    if (!begun) wait_for(process, out + "/checkpoint.safetensors");
    usleep(random() % 150000);
    process.signal(SIGKILL);
    const Result result = process.wait();
    INFO(result.out << result.err);
    REQUIRE((result.code == 128 + SIGKILL || result.code == 0));
    kills += result.code != 0 ? 1 : 0;
    REQUIRE(run({"info", out}).code == 0);
  }
  CHECK(kills > 0);
  CHECK(run(resume(out)).code == 0);
  whole.check_equal(out);
}

TEST_CASE("a finished run has nothing to go on with, but can be made longer", "[gpt]") {
  const Whole& whole = whole_run();
  const std::string out = whole.dir / "longer";
  std::filesystem::copy(whole.out, out);
  CHECK(run(resume(out)).code == 0);
  whole.check_equal(out);
  Arguments longer = resume(out);
  longer.insert(longer.end(), {"--steps", "220"});
  CHECK(run(longer).code == 0);
  CHECK_THAT(read(out + "/log.csv"), contains("\n220,"));
}

namespace {

Arguments in_bfloat16(Arguments arguments) {
  arguments.insert(arguments.end(), {"--dtype", "bfloat16"});
  return arguments;
}

// The last validation loss of the log.
double final_loss(const std::string& out) {
  std::istringstream lines(read(out + "/log.csv"));
  std::string line, last;
  while (std::getline(lines, line)) last = line;
  std::istringstream cells(last);
  std::string cell;
  for (int i = 0; i < 3; ++i) std::getline(cells, cell, ',');
  return std::stod(cell);
}

}  // namespace

TEST_CASE("a run in bfloat16 comes to the loss of float32 within 1 %, and goes on to the same bytes", "[gpt]") {
  const Whole& whole = whole_run();
  const std::string through = whole.dir / "bfloat16", out = whole.dir / "bfloat16-stopped";
  REQUIRE(run(in_bfloat16(train(whole.text, through))).code == 0);
  CHECK(losses(through) != losses(whole.out));
  CHECK(final_loss(through) == mote::testing::Approx(final_loss(whole.out)).epsilon(0.01));
  CHECK_THAT(run({"info", through}).out, contains(", bfloat16\n"));

  Process process(in_bfloat16(train(whole.text, out)));
  wait_for(process, out + "/log.csv");
  process.signal(SIGINT);
  CHECK(process.wait().code == 130);
  const Result refused = run([&] {
    Arguments arguments = resume(out);
    arguments.insert(arguments.end(), {"--dtype", "float32"});
    return arguments;
  }());
  CHECK(refused.code == 2);
  CHECK_THAT(refused.err, contains("was begun with --dtype bfloat16, not float32"));
  CHECK(run(in_bfloat16(resume(out))).code == 0);
  CHECK(read(out + "/checkpoint.safetensors") == read(through + "/checkpoint.safetensors"));
  CHECK(losses(out) == losses(through));
}
