// The message of a device that has no more memory: how much was asked for, and what holds the rest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "mote/memory_stats.h"

namespace mote {

// "1.50 MiB", or "12 B".
std::string in_words(size_t bytes);

// `situation` says how much the whole device has left. `largest` are sizes of blocks in use and their numbers.
[[noreturn]] void throw_out_of_memory(std::string_view device, size_t bytes, std::string_view situation,
                                      const MemoryStats& stats, std::span<const std::pair<size_t, int64_t>> largest);

}  // namespace mote
