// A run on disk, opened to be used.
#pragma once

#include <string>

#include "checkpoint.h"
#include "model.h"
#include "tokenizer.h"

namespace gpt {

// The device of that name. Throws UserError for a name that is none to compute on, and mote::DeviceError where it is
// not available.
mote::Device open_device(const std::string& name);

// The tokenizer of a checkpoint in `dir`. Throws UserError where it does not fit the vocabulary.
Tokenizer open_tokenizer(const Checkpoint& checkpoint, const std::string& dir);

// The model of a checkpoint in `dir`, with its weights, on `device`. Throws UserError where they do not fit.
GPT open_model(const Checkpoint& checkpoint, const std::string& dir, const mote::Device& device);

}  // namespace gpt
