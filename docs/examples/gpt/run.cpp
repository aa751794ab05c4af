#include "run.h"

#include <fmt/format.h>

#include "user_error.h"

namespace gpt {

mote::Device open_device(const std::string& name) {
  const mote::Device device(name);
  if (device.is_meta()) throw UserError("--device meta has no data to compute with: use cpu or cuda");
  mote::zeros({1}, {.device = device});
  return device;
}

Tokenizer open_tokenizer(const Checkpoint& checkpoint, const std::string& dir) {
  Tokenizer tokenizer(checkpoint_path(dir), checkpoint.characters);
  if (tokenizer.size() != checkpoint.model.vocabulary)
    throw_misfit(dir, fmt::format("it lists {} characters for a vocabulary of {}", tokenizer.size(),
                                  checkpoint.model.vocabulary));
  return tokenizer;
}

GPT open_model(const Checkpoint& checkpoint, const std::string& dir, const mote::Device& device) {
  GPT model = nn::make<GPT>(checkpoint.model);
  restore(model, checkpoint.weights, dir);
  model.to(device);
  return model;
}

}  // namespace gpt
