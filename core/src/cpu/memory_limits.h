// Sizes that a user sets in the environment.
#pragma once

#include <cstddef>
#include <optional>

namespace mote::cpu {

// "4096", "512M", "8G": bytes, K, M or G (powers of 1024). Nothing where the variable is missing or empty; throws
// ValueError where it says something else, or more than there are addresses.
std::optional<size_t> size_of_environment(const char* name);

}  // namespace mote::cpu
