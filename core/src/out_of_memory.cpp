#include "out_of_memory.h"

#include <fmt/format.h>

#include <iterator>
#include <string>

#include "mote/error.h"

namespace mote {

std::string in_words(size_t bytes) {
  constexpr const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1024.0 && unit + 1 < std::size(units); ++unit) value /= 1024.0;
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.2f} {}", value, units[unit]);
}

void throw_out_of_memory(std::string_view device, size_t bytes, std::string_view situation, const MemoryStats& stats,
                         std::span<const std::pair<size_t, int64_t>> largest) {
  std::string sizes;
  for (const auto& [size, count] : largest)
    sizes += fmt::format("{}{} of {}", sizes.empty() ? " (the largest: " : ", ", count, in_words(size));
  if (!sizes.empty()) sizes += ")";
  throw OutOfMemoryError(fmt::format(
      "{} has no room for {}: {}; mote holds {} in {} live blocks{} and {} free in between; free tensors or use a "
      "smaller batch",
      device, in_words(bytes), situation, in_words(stats.allocated_bytes), stats.live_blocks, sizes,
      in_words(stats.reserved_bytes - stats.allocated_bytes)));
}

}  // namespace mote
