#include "cpu/memory_limits.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <limits>
#include <string_view>

#include "mote/error.h"

namespace mote::cpu {

namespace {

std::optional<size_t> parse_size(std::string_view text) {
  constexpr std::string_view kUnits = "KMG";
  const char* const end = text.data() + text.size();
  size_t number = 0;
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || end - rest > 1) return std::nullopt;
  if (rest == end) return number;
  const size_t unit = kUnits.find(*rest);
  if (unit == std::string_view::npos) return std::nullopt;
  const size_t shift = 10 * (unit + 1);
  if (number > std::numeric_limits<size_t>::max() >> shift) return std::nullopt;
  return number << shift;
}

}  // namespace

std::optional<size_t> size_of_environment(const char* name) {
  const char* const value = std::getenv(name);
  const std::string_view text = value ? value : "";
  if (text.empty()) return std::nullopt;
  if (const auto size = parse_size(text)) return size;
  throw ValueError(
      fmt::format("{}: expected a number of bytes, or one with K, M or G behind it, such as 512M, but got '{}'; "
                  "correct or unset it",
                  name, text));
}

}  // namespace mote::cpu
