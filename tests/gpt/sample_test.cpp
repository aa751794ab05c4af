// What mote-gpt writes, and what it tells about a run.
#include "gpt/process.h"
#include "support/catch.h"

using gpt::testing::Arguments;
using gpt::testing::Result;
using gpt::testing::run;
using gpt::testing::TemporaryDirectory;
using mote::testing::contains;

namespace {

struct Trained {
  Trained() {
    const std::string text = dir.write("text.txt", gpt::testing::some_text(4000));
    const Result result = run({"train", "--data", text, "--out", out, "--layers", "2", "--heads", "2", "--width", "16",
                               "--context", "16", "--steps", "60", "--lr", "0.01"});
    INFO(result.err);
    REQUIRE(result.code == 0);
  }

  std::string sample(Arguments options) const {
    Arguments arguments = {"sample", "--out", out, "--tokens", "60"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const Result result = run(arguments);
    INFO(result.err);
    CHECK(result.code == 0);
    return result.out;
  }

  TemporaryDirectory dir;
  std::string out = dir / "run";
};

}  // namespace

TEST_CASE("a sample is a function of prompt, options and seed, with and without cache", "[gpt]") {
  const Trained trained;
  const std::string text = trained.sample({"--prompt", "the ", "--seed", "1"});
  CHECK(text.starts_with("the "));
  CHECK(text.size() == 4 + 60 + 1);
  CHECK(trained.sample({"--prompt", "the ", "--seed", "1"}) == text);
  CHECK(trained.sample({"--prompt", "the ", "--seed", "2"}) != text);
  CHECK(trained.sample({"--prompt", "the ", "--seed", "1", "--no-cache"}) == text);
  const std::string longer = "the tensor moves with its module and ";  // than the context
  CHECK(trained.sample({"--prompt", longer, "--no-cache"}) == trained.sample({"--prompt", longer}));
}

TEST_CASE("top-k of 1 and a temperature of 0 both take the likeliest character", "[gpt]") {
  const Trained trained;
  const std::string greedy = trained.sample({"--prompt", "a", "--temperature", "0"});
  CHECK(trained.sample({"--prompt", "a", "--top-k", "1", "--seed", "5"}) == greedy);
  CHECK(trained.sample({"--prompt", "a", "--temperature", "3", "--seed", "5"}) != greedy);
  CHECK(trained.sample({"--prompt", "a", "--top-k", "1000", "--seed", "5"}) ==
        trained.sample({"--prompt", "a", "--seed", "5"}));
}

TEST_CASE("a sample may begin with nothing, and write nothing", "[gpt]") {
  const Trained trained;
  CHECK(trained.sample({}).size() == 60 + 1);
  CHECK(run({"sample", "--out", trained.out, "--prompt", "module", "--tokens", "0"}).out == "module\n");
}

TEST_CASE("info shows the run and the two registries", "[gpt]") {
  const Trained trained;
  const Result result = run({"info", trained.out});
  CHECK(result.code == 0);
  CHECK_THAT(result.out, contains("step 60 of 60"));
  CHECK_THAT(result.out, contains("text.txt"));
  CHECK_THAT(result.out, contains("P weight [48, 16] float32 cpu"));
  CHECK_THAT(result.out, contains("B position_ids [16] int64 cpu"));
  CHECK_THAT(result.out, contains("shared with transformer.wte.weight"));
  CHECK(run({"info", "--out", trained.out}).out == result.out);
}
