// Characters as tokens: each distinct character (Unicode code point) of the training text is one token.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gpt {

class Tokenizer {
 public:
  // The distinct characters of `text`, in the order of their code points. Throws UserError, which begins with `name`,
  // where the text is not UTF-8.
  Tokenizer(std::string_view name, std::string_view text);

  int64_t size() const { return static_cast<int64_t>(tokens_.size()); }
  // Throws UserError, which begins with `name`, for a character that is no token.
  std::vector<int64_t> encode(std::string_view name, std::string_view text) const;
  std::optional<int64_t> index_of(std::string_view character) const;
  // The character of a token, in UTF-8.
  const std::string& decode(int64_t token) const { return tokens_[static_cast<size_t>(token)]; }
  // All characters in one string; Tokenizer("...", characters()) is an equal tokenizer.
  std::string characters() const;

 private:
  std::vector<std::string> tokens_;  // sorted
};

// The same character in quotes, with control characters written as \n, \t or U+0007.
std::string quoted(std::string_view character);

}  // namespace gpt
