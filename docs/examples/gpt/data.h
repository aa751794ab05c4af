// The text to learn from: 90 % of it for training, the last 10 % for validation.
#pragma once

#include <mote/core.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tokenizer.h"

namespace gpt {

// A text and what to call it in messages.
struct Source {
  std::string name;
  std::string text;
};

// The file at `path`, or mote's own documentation where `path` is empty. Throws UserError for a file that is missing,
// empty or no file.
Source load_source(const std::string& path);

// A number that tells texts apart (FNV-1a, 64 bits, in hexadecimal).
std::string fingerprint(std::string_view text);

// `inputs` [windows, context], and `targets`, the same characters one later; int64.
struct Batch {
  mote::Tensor inputs;
  mote::Tensor targets;
};

enum class Split { Train, Validation };

class Dataset {
 public:
  // Throws UserError where the text is too short for windows of `context` characters.
  Dataset(const Source& source, const Tokenizer& tokenizer, int64_t context);

  // Windows at random places of the training text, drawn from the default generator.
  Batch random_batch(int64_t windows, const mote::Device& device) const;
  // The same windows at every call, evenly spread over a split, in batches: about 32,768 characters in all.
  std::vector<Batch> evaluation_batches(Split split, const mote::Device& device) const;

 private:
  Batch windows_at(const mote::Tensor& tokens, const mote::Tensor& starts, const mote::Device& device) const;

  int64_t context_;
  mote::Tensor train_;  // int64 [characters]
  mote::Tensor validation_;
};

}  // namespace gpt
