// A training run as one file, DIR/checkpoint.safetensors: weights under GPT-2's names, the optimizer's state under
// "optimizer.", the random generator, and as metadata the step, the shape, the recipe and the characters. One file is
// replaced as a whole, so whatever happens there is always a consistent one.
#pragma once

#include <mote/core.h>

#include <string>

#include "config.h"

namespace gpt {

struct Checkpoint {
  ModelConfig model;
  Recipe recipe;
  int64_t step = 0;         // training steps done
  std::string data;         // path of the text; empty for the documentation
  std::string fingerprint;  // of the text
  std::string characters;   // the tokenizer's
  mote::StateDict weights;
  mote::StateDict optimizer;
  mote::Tensor generator;         // state of the default generator of the CPU
  mote::Tensor device_generator;  // and of the device, where that is another one
};

std::string checkpoint_path(const std::string& dir);

// Replaces the checkpoint of `dir`, or leaves it as it was and throws mote::IoError.
void save_checkpoint(const std::string& dir, const Checkpoint& checkpoint);

// Tensors are on the CPU. Throws UserError where there is none or where the file is something else, and mote::IoError
// where it is damaged; both name the file.
Checkpoint load_checkpoint(const std::string& dir);

// Copies `source` into a module or an optimizer. Throws UserError, which names the file in `dir`, where it does not
// fit.
template <class Target>
void restore(Target& target, const mote::StateDict& source, const std::string& dir);

[[noreturn]] void throw_misfit(const std::string& dir, const std::string& why);

template <class Target>
void restore(Target& target, const mote::StateDict& source, const std::string& dir) {
  try {
    target.load_state_dict(source);
  } catch (const mote::Error& error) {
    throw_misfit(dir, error.what());
  }
}

}  // namespace gpt
