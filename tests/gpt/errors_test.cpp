// Whatever a user gets wrong is answered with one sentence on the error stream and exit code 2, and nothing is written.
#include <algorithm>
#include <filesystem>

#include "gpt/process.h"
#include "mote/backend.h"
#include "mote/creation.h"
#include "mote/serialize.h"
#include "support/catch.h"

using gpt::testing::Arguments;
using gpt::testing::Result;
using gpt::testing::run;
using gpt::testing::some_text;
using gpt::testing::TemporaryDirectory;
using mote::testing::contains;

namespace {

void check_refused(const Arguments& arguments, const std::string& sentence) {
  std::string command = "mote-gpt";
  for (const std::string& argument : arguments) command += " " + argument;
  INFO(command);
  const Result result = run(arguments);
  CHECK(result.code == 2);
  CHECK(result.out == "");
  CHECK_THAT(result.err, contains(sentence));
  CHECK(result.err.starts_with("mote-gpt: "));
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
  CHECK(result.err.ends_with("\n"));
}

// Options of a model that trains in no time.
Arguments tiny(Arguments first) {
  for (const char* argument : {"--layers", "1", "--heads", "2", "--width", "8", "--context", "8", "--batch", "2"})
    first.push_back(argument);
  return first;
}

void trained_run(const TemporaryDirectory& dir, const std::string& name) {
  const std::string text = dir.write("text.txt", some_text(2000));
  const Result result = run(tiny({"train", "--data", text, "--out", dir / name, "--steps", "2"}));
  REQUIRE(result.code == 0);
}

}  // namespace

TEST_CASE("wrong options of mote-gpt are refused", "[gpt]") {
  const TemporaryDirectory dir;
  const std::string text = dir.write("text.txt", some_text(2000)), out = dir / "run";
  check_refused({}, "say what to do: train, sample or info");
  check_refused({"dance"}, "there is no command 'dance'");
  check_refused({"train", "--layer", "3"}, "there is no option '--layer'");
  check_refused({"sample", "plays"}, "there is no option 'plays'");
  check_refused({"train", "--layers", "three"}, "--layers: 'three' is not a whole number");
  check_refused({"train", "--layers", "1.5"}, "--layers: '1.5' is not a whole number");
  check_refused({"sample", "--tokens", "99999999999999999999"}, "is not a whole number");
  check_refused({"train", "--lr", "fast"}, "--lr: 'fast' is not a number");
  check_refused({"train", "--layers"}, "--layers needs a value");
  const auto refused = [&](const Arguments& options, const std::string& sentence) {
    Arguments arguments = {"train", "--data", text, "--out", out};
    arguments.insert(arguments.end(), options.begin(), options.end());
    check_refused(arguments, sentence);
  };
  refused({"--layers", "0"}, "--layers must be at least 1, but is 0");
  refused({"--heads", "3"}, "--heads must divide --width, but 128 is no multiple of 3");
  refused({"--context", "-4"}, "--context must be at least 1");
  refused({"--batch", "0"}, "--batch must be at least 1");
  refused({"--steps", "-1"}, "--steps must be at least 0");
  refused({"--eval-every", "0"}, "--eval-every must be at least 1");
  refused({"--seed", "-1"}, "--seed must be at least 0");
  refused({"--dropout", "1"}, "--dropout must be at least 0 and less than 1");
  refused({"--dropout", "nan"}, "--dropout must be at least 0 and less than 1");
  refused({"--lr", "0"}, "--lr must be a positive number");
  refused({"--lr", "inf"}, "--lr must be a positive number");
  refused({"--resume", "--overwrite"}, "--overwrite");
  refused({"--device", "tpu"}, "tpu");
  refused({"--device", "meta"}, "meta has no data");
  CHECK_FALSE(std::filesystem::exists(out));
}

TEST_CASE("a text that cannot be learned is refused", "[gpt]") {
  const TemporaryDirectory dir;
  const std::string out = dir / "run";
  const auto refused = [&](const std::string& file, const std::string& sentence) {
    check_refused({"train", "--data", file, "--out", out}, sentence);
  };
  refused(dir / "none.txt", "none.txt does not exist");
  refused(dir / "", "is a directory");
  refused(dir.write("empty.txt", ""), "empty.txt is empty");
  refused(dir.write("short.txt", some_text(640)),
          "short.txt is too short: it has 640 characters, and a context of 64 needs 650");
  refused(dir.write("latin1.txt", "caf\xE9" + some_text(5000)), "latin1.txt is not UTF-8 text: byte 3 is 0xe9");
  CHECK_FALSE(std::filesystem::exists(out));
}

TEST_CASE("an output directory that cannot be used is refused", "[gpt]") {
  const TemporaryDirectory dir;
  const std::string text = dir.write("text.txt", some_text(2000));
  check_refused(tiny({"train", "--data", text, "--out", text}), "cannot be made a directory");
  check_refused(tiny({"train", "--data", text, "--out", dir / "run", "--dtype", "float16"}),
                "--dtype must be float32 or bfloat16, but is 'float16'");
  trained_run(dir, "run");
  const std::string before = gpt::testing::read(dir / "run/checkpoint.safetensors");
  check_refused(tiny({"train", "--data", text, "--out", dir / "run"}), "holds a run already");
  CHECK(gpt::testing::read(dir / "run/checkpoint.safetensors") == before);
  CHECK(run(tiny({"train", "--data", text, "--out", dir / "run", "--overwrite", "--steps", "1"})).code == 0);
}

TEST_CASE("a checkpoint that does not fit is refused", "[gpt]") {
  const TemporaryDirectory dir;
  trained_run(dir, "run");
  const std::string out = dir / "run", file = out + "/checkpoint.safetensors", good = gpt::testing::read(file);
  check_refused({"train", "--out", dir / "none", "--resume"}, "there is no checkpoint in");
  check_refused({"train", "--out", out, "--resume", "--width", "16"}, "was begun with --width 8, not 16");
  check_refused({"train", "--out", out, "--resume", "--steps", "1"}, "has done 2 steps already");
  const std::string other = dir.write("other.txt", some_text(3000));
  check_refused({"train", "--out", out, "--resume", "--data", other}, "other.txt is not the text");
  for (const char* command : {"sample", "info", "train"}) {
    Arguments arguments = {command, "--out", out};
    if (std::string(command) == "train") arguments.push_back("--resume");
    dir.write("run/checkpoint.safetensors", good.substr(0, good.size() / 2));
    check_refused(arguments, "checkpoint.safetensors");
    dir.write("run/checkpoint.safetensors", good.substr(0, 5));
    check_refused(arguments, "checkpoint.safetensors");
    dir.write("run/checkpoint.safetensors", "");
    check_refused(arguments, "checkpoint.safetensors");
    mote::save_safetensors(file, {{"x", mote::ones({2})}});
    check_refused(arguments, "checkpoint.safetensors is no checkpoint of mote-gpt");
    dir.write("run/checkpoint.safetensors", good);
    mote::SafetensorsFile changed = mote::load_safetensors_file(file);
    changed.tensors.insert("transformer.ln_f.weight", mote::ones({9}));
    mote::save_safetensors(file, changed.tensors, changed.metadata);
    check_refused(arguments, "transformer.ln_f.weight");
    changed.metadata["width"] = "-8";
    mote::save_safetensors(file, changed.tensors, changed.metadata);
    check_refused(arguments, "its width is '-8'");
    changed = mote::load_safetensors_file(dir.write("run/good.safetensors", good));
    changed.metadata["dtype"] = "float8";
    mote::save_safetensors(file, changed.tensors, changed.metadata);
    check_refused(arguments, "its dtype is 'float8'");
    changed.metadata.erase("dtype");  // as in files from before there was a choice
    mote::save_safetensors(file, changed.tensors, changed.metadata);
    CHECK(run(arguments).code == 0);
    dir.write("run/checkpoint.safetensors", good);
  }
  CHECK(run({"info", out}).code == 0);
}

TEST_CASE("a prompt and draws that cannot be are refused", "[gpt]") {
  const TemporaryDirectory dir;
  trained_run(dir, "run");
  const std::string out = dir / "run";
  check_refused({"sample", "--out", out, "--prompt", "Zebra"},
                "the prompt holds 'Z', which does not occur in the text");
  check_refused({"sample", "--out", out, "--temperature", "-1"}, "--temperature must be 0 or a positive number");
  check_refused({"sample", "--out", out, "--top-k", "-1"}, "--top-k must not be negative");
  check_refused({"sample", "--out", out, "--tokens", "-1"}, "--tokens must not be negative");
  check_refused({"sample", "--out", dir / "none"}, "there is no checkpoint in");
  check_refused({"info", dir / "none"}, "there is no checkpoint in");
}

TEST_CASE("a device that is not there is refused", "[gpt]") {
  if (mote::has_backend(mote::DeviceType::CUDA)) return;
  const TemporaryDirectory dir;
  const std::string text = dir.write("text.txt", some_text(2000));
  check_refused(tiny({"train", "--data", text, "--out", dir / "run", "--device", "cuda"}), "cuda:0 is not available");
  CHECK_FALSE(std::filesystem::exists(dir / "run"));
}

TEST_CASE("--help explains every option", "[gpt]") {
  const Result result = run({"train", "--help"});
  CHECK(result.code == 0);
  CHECK(result.err == "");
  for (const char* option : {"--data", "--out", "--resume", "--device", "--layers", "--heads", "--width", "--context",
                             "--batch", "--steps", "--dropout", "--lr", "--seed", "--eval-every"})
    CHECK_THAT(result.out, contains(option));
  const Result sample = run({"sample", "--help"});
  for (const char* option : {"--out", "--prompt", "--tokens", "--temperature", "--top-k", "--seed", "--device"})
    CHECK_THAT(sample.out, contains(option));
  CHECK_THAT(run({"--help"}).out, contains("info"));
}
