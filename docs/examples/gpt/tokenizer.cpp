#include "tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "user_error.h"

namespace gpt {

namespace {

// Bytes of the UTF-8 sequence at the start of `text`, or 0 where there is none (RFC 3629).
size_t sequence_length(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto follows = [&](size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first < 0xE0) return follows(1) ? 2 : 0;
  if ((first & 0xF0U) == 0xE0U) {
    const bool overlong = first == 0xE0 && byte(1) < 0xA0, surrogate = first == 0xED && byte(1) >= 0xA0;
    return follows(1) && follows(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0 && first < 0xF5) {
    const bool overlong = first == 0xF0 && byte(1) < 0x90, too_great = first == 0xF4 && byte(1) >= 0x90;
    return follows(1) && follows(2) && follows(3) && !overlong && !too_great ? 4 : 0;
  }
  return 0;
}

// Calls f with each character of `text`.
template <class F>
void for_each_character(std::string_view name, std::string_view text, F f) {
  for (size_t at = 0; at < text.size();) {
    const size_t length = sequence_length(text.substr(at));
    if (length == 0)
      throw UserError(
          fmt::format("{} is not UTF-8 text: byte {} is 0x{:02x}", name, at, static_cast<unsigned char>(text[at])));
    f(text.substr(at, length));
    at += length;
  }
}

}  // namespace

Tokenizer::Tokenizer(std::string_view name, std::string_view text) {
  std::set<std::string_view> distinct;  // the byte order of UTF-8 is the order of code points
  for_each_character(name, text, [&](std::string_view character) { distinct.insert(character); });
  tokens_.assign(distinct.begin(), distinct.end());
}

std::vector<int64_t> Tokenizer::encode(std::string_view name, std::string_view text) const {
  std::vector<int64_t> ids;
  ids.reserve(text.size());
  for_each_character(name, text, [&](std::string_view character) {
    const std::optional<int64_t> id = index_of(character);
    if (!id)
      throw UserError(fmt::format("{} holds {}, which does not occur in the text that the model was trained on", name,
                                  quoted(character)));
    ids.push_back(*id);
  });
  return ids;
}

std::optional<int64_t> Tokenizer::index_of(std::string_view character) const {
  const auto found = std::lower_bound(tokens_.begin(), tokens_.end(), character);
  if (found == tokens_.end() || *found != character) return std::nullopt;
  return found - tokens_.begin();
}

std::string Tokenizer::characters() const {
  std::string all;
  for (const std::string& token : tokens_) all += token;
  return all;
}

std::string quoted(std::string_view character) {
  if (character == "\n") return "'\\n'";
  if (character == "\t") return "'\\t'";
  if (character == "\r") return "'\\r'";
  const auto first = static_cast<unsigned char>(character.front());
  if (first < 0x20 || first == 0x7F) return fmt::format("U+{:04X}", first);
  return fmt::format("'{}'", character);
}

}  // namespace gpt
