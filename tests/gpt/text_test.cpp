// Tokens, windows of text, the log.
#include "data.h"
#include "documentation.h"
#include "gpt/process.h"
#include "log.h"
#include "support/catch.h"
#include "tokenizer.h"
#include "user_error.h"

using gpt::UserError;
using mote::testing::contains;
using mote::testing::message_of;

TEST_CASE("a tokenizer has one token for each distinct character", "[gpt]") {
  const gpt::Tokenizer tokenizer("text", "banana, é → 😀\n");
  CHECK(tokenizer.characters() == "\n ,abné→😀");
  CHECK(tokenizer.size() == 9);
  const std::vector<int64_t> ids = tokenizer.encode("text", "nab→");
  CHECK(ids == std::vector<int64_t>{5, 3, 4, 7});
  std::string back;
  for (const int64_t id : ids) back += tokenizer.decode(id);
  CHECK(back == "nab→");
  CHECK(tokenizer.index_of("é") == 6);
  CHECK_FALSE(tokenizer.index_of("x").has_value());
}

TEST_CASE("a tokenizer names the character that it does not know", "[gpt]") {
  const gpt::Tokenizer tokenizer("text", "ab");
  CHECK_THAT(message_of<UserError>([&] { tokenizer.encode("the prompt", "aéb"); }), contains("the prompt holds 'é'"));
  CHECK_THAT(message_of<UserError>([&] { tokenizer.encode("the prompt", "a\n"); }), contains("the prompt holds '\\n'"));
  CHECK_THAT(message_of<UserError>([&] { tokenizer.encode("the prompt", "\x07"); }), contains("U+0007"));
}

TEST_CASE("bytes that are not UTF-8 are refused with their place", "[gpt]") {
  for (const char* bytes :
       {"ok\xFF", "ok\xC3", "ok\xC0\x80", "ok\xED\xA0\x80", "ok\xF5\x80\x80\x80", "ok\x80", "ok\xE2\x82"})
    CHECK_THAT(message_of<UserError>([&] { gpt::Tokenizer("notes.txt", bytes); }),
               contains("notes.txt is not UTF-8 text: byte 2"));
}

TEST_CASE("targets are the inputs, one character later", "[gpt]") {
  const gpt::Source source{"text", gpt::testing::some_text(2000)};
  const gpt::Tokenizer tokenizer("text", source.text);
  const gpt::Dataset data(source, tokenizer, 16);
  mote::manual_seed(1);
  const gpt::Batch batch = data.random_batch(5, mote::Device("cpu"));
  CHECK(batch.inputs.shape() == mote::Shape({5, 16}));
  CHECK(mote::equal(batch.inputs.slice(1, 1), batch.targets.slice(1, 0, -1)));
  mote::manual_seed(1);
  CHECK(mote::equal(data.random_batch(5, mote::Device("cpu")).inputs, batch.inputs));
  CHECK_FALSE(mote::equal(data.random_batch(5, mote::Device("cpu")).inputs, batch.inputs));
}

TEST_CASE("evaluation covers the split from its first window to its last", "[gpt]") {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += static_cast<char>('a' + i % 26);
  const gpt::Source source{"text", text};
  const gpt::Tokenizer tokenizer("text", text);
  const gpt::Dataset data(source, tokenizer, 16);
  const std::vector<gpt::Batch> batches = data.evaluation_batches(gpt::Split::Validation, mote::Device("cpu"));
  CHECK(batches.front().inputs[0][0].item<int64_t>() == 900 % 26);
  CHECK(batches.back().targets[-1][-1].item<int64_t>() == 999 % 26);
  const std::vector<gpt::Batch> again = data.evaluation_batches(gpt::Split::Validation, mote::Device("cpu"));
  CHECK(mote::equal(again.back().inputs, batches.back().inputs));
}

TEST_CASE("the documentation is part of the program", "[gpt]") {
  const std::string text = gpt::documentation();
  CHECK(text.size() > 20000);
  CHECK_THAT(text, contains("# Modules and their two registries"));
  CHECK(text.find("<!--") == std::string::npos);
}

TEST_CASE("a log is cut back to its checkpoint", "[gpt]") {
  const gpt::testing::TemporaryDirectory dir;
  gpt::Log log(dir / "");
  for (const int64_t step : {0, 10, 20}) log.add({step, 2.5, 2.75, 0.001, 1234});
  CHECK(gpt::testing::read(dir / "log.csv") ==
        "step,train_loss,val_loss,lr,tokens_per_second,peak_share\n0,2.500000,2.750000,0.001,1234,\n"
        "10,2.500000,2.750000,0.001,1234,\n20,2.500000,2.750000,0.001,1234,\n");
  CHECK(gpt::Log::resume(dir / "", 15).rows().size() == 2);
  CHECK(gpt::Log::resume(dir / "", 20).has(20));
  dir.write("log.csv", "step,train_loss,val_loss,lr,tokens_per_second\n0,2.5,2.75,0.001,1234\n10,2.5,2.");
  CHECK(gpt::Log::resume(dir / "", 15).rows().size() == 1);
}
