#include "sampler.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace gpt {

Sampler::Sampler(GPT& model, std::vector<int64_t> prompt, const SamplerConfig& config)
    : model_(model),
      config_(config),
      text_(std::move(prompt)),
      cache_(model.make_cache()),
      generator_(static_cast<uint64_t>(config.seed)) {
  const auto context = static_cast<size_t>(model_.config().context);
  if (text_.size() > context) window_ = text_.size() - context;
}

int64_t Sampler::next() {
  const mote::NoGradGuard no_grad;
  const auto context = static_cast<size_t>(model_.config().context);
  if (text_.size() - window_ > context) {
    window_ = text_.size() - std::max<size_t>(1, context / 2);
    cache_.length = 0;
  }
  text_.push_back(draw(read()));
  return text_.back();
}

// The logits [1, vocabulary] after the window, of which the cache may know the beginning.
Tensor Sampler::read() {
  const auto first = text_.begin() + static_cast<std::ptrdiff_t>(window_) + (config_.use_cache ? cache_.length : 0);
  const Tensor tokens = mote::tensor(std::vector<int64_t>(first, text_.end())).unsqueeze(0);
  const Tensor& weight = model_.lm_head.weight;
  return model_.next_logits(tokens.to(weight.device()), config_.use_cache ? &cache_ : nullptr);
}

int64_t Sampler::draw(const Tensor& logits) {
  const Tensor scores = logits.to("cpu").to(mote::float32);
  if (config_.temperature == 0) return mote::argmax(scores, -1).item<int64_t>();
  Tensor scaled = scores / config_.temperature;
  if (config_.top_k > 0 && config_.top_k < scaled.size(-1)) {
    const Tensor smallest_kept = mote::topk(scaled, config_.top_k).values.slice(1, -1);
    scaled = scaled.masked_fill(scaled < smallest_kept, -INFINITY);
  }
  return mote::multinomial(mote::softmax(scaled, -1), 1, false, &generator_).item<int64_t>();
}

}  // namespace gpt
