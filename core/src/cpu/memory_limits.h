// Sizes that a user sets in the environment.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <optional>

namespace mote::cpu {

// "4096", "512M", "8G": bytes, K, M or G (powers of 1024). Nothing where the variable is missing or says something
// else.
inline std::optional<size_t> size_of_environment(const char* name) {
  const char* text = std::getenv(name);
  if (!text) return std::nullopt;
  const char* const end = text + std::strlen(text);
  size_t number = 0;
  const auto [rest, error] = std::from_chars(text, end, number);
  if (error != std::errc() || end - rest > 1) return std::nullopt;
  if (rest == end) return number;
  const char* const units = "KMG";
  const char* const unit = std::strchr(units, *rest);
  if (!unit) return std::nullopt;
  const auto shift = static_cast<int>(10 * (unit - units + 1));
  if (number > std::numeric_limits<size_t>::max() >> shift) return std::nullopt;
  return number << shift;
}

}  // namespace mote::cpu
