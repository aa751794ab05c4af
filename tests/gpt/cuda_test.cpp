// mote-gpt on a CUDA device beside the same on the CPU.
#include <mote/core.h>
#include <mote/cuda.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <sstream>

#include "gpt/process.h"
#include "support/catch.h"

using gpt::testing::Arguments;
using gpt::testing::Process;
using gpt::testing::read;
using gpt::testing::Result;
using gpt::testing::run;
using gpt::testing::TemporaryDirectory;
using mote::testing::Approx;
using mote::testing::contains;

namespace {

// So few characters that an evaluation is one batch.
const std::string& text() {
  static const TemporaryDirectory dir;
  static const std::string path = dir.write("text.txt", gpt::testing::some_text(400));
  return path;
}

Arguments train(const std::string& out, const std::string& device, const Arguments& more = {}) {
  Arguments arguments{"train", "--data",  text(), "--out",     out, "--device", device, "--layers", "1", "--heads",
                      "2",     "--width", "16",   "--context", "8", "--batch",  "2",    "--steps",  "6", "--eval-every",
                      "3",     "--lr",    "0.01", "--seed",    "3"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

void check_run(const Arguments& arguments) {
  const Result result = run(arguments);
  INFO(result.out << result.err);
  REQUIRE(result.code == 0);
  // The speed of the simulator, or of the CPU, is not compared with a card's peak.
  if (mote::cuda::is_simulated()) CHECK_THAT(result.out, contains("tokens/s") && !contains("of peak"));
}

// The losses of the log, two for each evaluation.
std::vector<double> losses(const std::string& out) {
  std::istringstream lines(read(out + "/log.csv"));
  std::string line;
  std::getline(lines, line);
  std::vector<double> values;
  while (std::getline(lines, line)) {
    std::istringstream cells(line.substr(line.find(',') + 1));
    for (int i = 0; i < 2; ++i) {
      std::string cell;
      std::getline(cells, cell, ',');
      values.push_back(std::stod(cell));
    }
  }
  return values;
}

void check_losses(const std::string& got, const std::string& want, double tolerance) {
  const std::vector<double> a = losses(got), b = losses(want);
  REQUIRE(a.size() == 2 * 3);
  REQUIRE(b.size() == a.size());
  CHECK(b.back() < 0.97 * b[1]);  // it learns
  for (size_t i = 0; i < a.size(); ++i) CHECK(a[i] == Approx(b[i]).epsilon(tolerance));
}

std::string checkpoint(const std::string& out) { return read(out + "/checkpoint.safetensors"); }

// Trains on the device in one go, and once more with a stop by SIGINT: the same bytes.
void check_resume(const TemporaryDirectory& dir, const std::string& name, const Arguments& more) {
  const std::string through = dir / name, out = dir / (name + "-stopped");
  check_run(train(through, "cuda", more));
  Process process(train(out, "cuda", more));
  while (process.running() && !std::filesystem::exists(out + "/log.csv")) usleep(1000);
  process.signal(SIGINT);
  const Result stopped = process.wait();
  INFO(stopped.out << stopped.err);
  REQUIRE(stopped.code == 130);
  CHECK_THAT(stopped.out, contains("--out " + out + " --device cuda --resume"));
  CHECK(checkpoint(out) != checkpoint(through));
  check_run({"train", "--out", out, "--device", "cuda", "--resume"});
  CHECK(checkpoint(out) == checkpoint(through));
  CHECK(losses(out) == losses(through));
}

std::string sample(const std::string& out, const std::string& device) {
  const Result result = run({"sample", "--out", out, "--device", device, "--tokens", "12", "--temperature", "0"});
  INFO(result.err);
  CHECK(result.code == 0);
  return result.out;
}

}  // namespace

TEST_CASE("training on a CUDA device takes the CPU's steps, goes on to the same bytes, and writes", "[gpt]") {
  if (!mote::cuda::is_available()) return;
  const TemporaryDirectory dir;
  check_run(train(dir / "cpu", "cpu"));
  check_resume(dir, "cuda", {});
  check_losses(dir / "cuda", dir / "cpu", 1e-4);
  const std::string written = sample(dir / "cuda", "cuda");
  CHECK(written.size() == 12 + 1);
  CHECK(sample(dir / "cuda", "cpu") == written);  // a checkpoint belongs to no device
}

TEST_CASE("training in bfloat16 on a CUDA device comes to the CPU's losses within 1 %", "[gpt]") {
  if (!mote::cuda::is_available()) return;
  const TemporaryDirectory dir;
  check_run(train(dir / "cpu", "cpu", {"--dtype", "bfloat16"}));
  check_resume(dir, "cuda", {"--dtype", "bfloat16"});
  check_losses(dir / "cuda", dir / "cpu", 0.01);
}

TEST_CASE("dropout on a CUDA device draws the same masks after a stop", "[gpt]") {
  if (!mote::cuda::is_available()) return;
  const TemporaryDirectory dir;
  check_resume(dir, "cuda", {"--dropout", "0.2"});
  check_run(train(dir / "none", "cuda"));
  CHECK(losses(dir / "cuda") != losses(dir / "none"));
}
