// Writes text with a model, one character after the other.
#pragma once

#include <cstdint>
#include <vector>

#include "model.h"

namespace gpt {

struct SamplerConfig {
  double temperature = 0.8;  // 0 takes the likeliest token
  int64_t top_k = 0;         // 0 draws from all tokens
  int64_t seed = 1337;
  bool use_cache = true;
};

// A model has learned `context` positions and no more, so it reads a window of the text. The window grows with the
// text; when it is full it begins again with its last half, which is read anew, because every key holds the position at
// which it was read. With or without the cache the windows, and so the text, are the same.
class Sampler {
 public:
  // `prompt` has at least one token.
  Sampler(GPT& model, std::vector<int64_t> prompt, const SamplerConfig& config);
  // Draws the next token and appends it to the text.
  int64_t next();

 private:
  Tensor read();
  int64_t draw(const Tensor& logits);

  GPT& model_;
  SamplerConfig config_;
  std::vector<int64_t> text_;
  size_t window_ = 0;  // where the window begins
  Cache cache_;
  mote::Generator generator_;
};

}  // namespace gpt
