// The JSON header of a safetensors file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "file_tensor.h"
#include "mote/serialize.h"

namespace mote {

struct SafetensorsEntry {
  std::string name;
  ElementType type;
  std::vector<int64_t> shape;
  uint64_t begin = 0, end = 0;  // bytes, from the end of the header
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  // in the order of the header
  Metadata metadata;
};

// Parses the header and checks each entry by itself. `file` is for the messages.
SafetensorsHeader parse_safetensors_header(const InputFile& file, const std::string& json);

// The header as text. Throws ValueError for a name or metadata that is not UTF-8 or is reserved.
std::string format_safetensors_header(const char* op, const SafetensorsHeader& header);

}  // namespace mote
