// Arithmetic per token, and the peaks of cards.
#include "utilization.h"

#include "gpt/process.h"
#include "log.h"
#include "support/catch.h"

using gpt::card_peak_flops;
using mote::testing::Approx;

TEST_CASE("a token costs six operations for each weight of a product, and attention's", "[gpt]") {
  const gpt::GPT model({.vocabulary = 11, .context = 8, .layers = 2, .heads = 2, .width = 16});
  const double weights = 11 * 16 + 2 * (12 * 16 * 16 + 13 * 16) + 2 * 16;  // with biases and LayerNorm, no positions
  CHECK(gpt::training_flops_per_token(model) == 6.0 * weights + 2 * 6.0 * 8 * 16);
}

TEST_CASE("a card is known by what the driver calls it", "[gpt]") {
  CHECK(card_peak_flops("NVIDIA H200", "bfloat16").value() == Approx(989.4e12));
  CHECK(card_peak_flops("NVIDIA H200", "float32").value() == Approx(66.9e12));
  CHECK(card_peak_flops("NVIDIA H100 80GB HBM3", "bfloat16").value() == Approx(989.4e12));
  CHECK(card_peak_flops("NVIDIA H100 PCIe", "bfloat16").value() == Approx(756e12));
  CHECK(card_peak_flops("NVIDIA A100-SXM4-80GB", "bfloat16").value() == Approx(312e12));
  CHECK(card_peak_flops("NVIDIA L40S", "bfloat16").value() == Approx(362e12));
  CHECK(card_peak_flops("NVIDIA L40", "bfloat16").value() == Approx(181e12));
  CHECK(card_peak_flops("NVIDIA L4", "float32").value() == Approx(30.3e12));
}

TEST_CASE("there is no peak of a card that is not known, of a part of one, and of what is none", "[gpt]") {
  for (const char* name : {"NVIDIA H100 80GB HBM3 MIG 1g.10gb", "NVIDIA H1000", "NVIDIA XA100", "Tesla T4", ""})
    CHECK_FALSE(card_peak_flops(name, "bfloat16").has_value());
  CHECK_FALSE(gpt::peak_flops("cpu", "float32").has_value());
}

TEST_CASE("the log keeps the share of the peak where there is one", "[gpt]") {
  const gpt::testing::TemporaryDirectory dir;
  gpt::Log log(dir / "");
  log.add({.step = 0, .train_loss = 2.0, .val_loss = 3.0, .lr = 0.1, .tokens_per_second = 7.0});
  log.add({.step = 5, .train_loss = 1.0, .val_loss = 2.0, .lr = 0.1, .tokens_per_second = 9.0, .peak_share = 0.4125});
  const gpt::Log again = gpt::Log::resume(dir / "", 5);
  REQUIRE(again.rows().size() == 2);
  CHECK_FALSE(again.rows()[0].peak_share.has_value());
  CHECK(again.rows()[1].peak_share == 0.4125);
  dir.write("log.csv", "step,train_loss,val_loss,lr,tokens_per_second\n0,2.0,3.0,0.1,7\n");  // before there was a share
  REQUIRE(gpt::Log::resume(dir / "", 5).rows().size() == 1);
  CHECK_FALSE(gpt::Log::resume(dir / "", 5).rows()[0].peak_share.has_value());
}
