// safetensors: 8 bytes with the length of a JSON header, little-endian; the header; then the tensors' bytes, without
// holes (https://github.com/huggingface/safetensors, format 0.x).
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "file_tensor.h"
#include "mote/error.h"
#include "mote/serialize.h"
#include "safetensors_header.h"

namespace mote {

namespace {

constexpr uint64_t kLengthBytes = 8;
constexpr uint64_t kLongestHeader = 100'000'000;  // the format's own limit

SafetensorsHeader read_header(const InputFile& file, uint64_t& data_begin) {
  if (!file.is_regular()) file.fail("is no regular file");
  if (file.size() < kLengthBytes)
    file.fail(fmt::format("has {} bytes, too few for a safetensors file (is it truncated?)", file.size()));
  uint64_t length = 0;
  file.read_at(0, &length, sizeof length);
  if (length > kLongestHeader || length > file.size() - kLengthBytes)
    file.fail(fmt::format("claims a header of {} bytes, but the file has {} (is it truncated, or no safetensors file?)",
                          length, file.size()));
  std::string json(length, '\0');
  file.read_at(kLengthBytes, json.data(), length);
  if (!json.starts_with('{')) file.fail("is no safetensors file: its header does not begin with '{'");
  data_begin = kLengthBytes + length;
  return parse_safetensors_header(file, json);
}

// Every byte after the header has to belong to exactly one tensor.
void check_layout(const InputFile& file, const SafetensorsHeader& header, uint64_t data_bytes) {
  std::vector<const SafetensorsEntry*> order;
  for (const SafetensorsEntry& entry : header.entries) order.push_back(&entry);
  std::sort(order.begin(), order.end(),
            [](const auto* a, const auto* b) { return std::pair(a->begin, a->end) < std::pair(b->begin, b->end); });
  uint64_t reached = 0;
  for (const SafetensorsEntry* entry : order) {
    if (entry->end > data_bytes)
      file.fail(fmt::format("is truncated: tensor '{}' ends at byte {} of the data, but there are {}", entry->name,
                            entry->end, data_bytes));
    if (entry->begin != reached)
      file.fail(fmt::format("has {} before tensor '{}': it begins at byte {} of the data instead of {}",
                            entry->begin < reached ? "an overlap" : "a hole", entry->name, entry->begin, reached));
    reached = entry->end;
  }
  if (reached != data_bytes) file.fail(fmt::format("has {} bytes of data after its last tensor", data_bytes - reached));
}

// Wider elements first, so that each tensor is aligned; the header keeps the order of the dictionary.
std::vector<size_t> place(SafetensorsHeader& header) {
  std::vector<size_t> order(header.entries.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return header.entries[a].type.bytes() > header.entries[b].type.bytes(); });
  uint64_t next = 0;
  for (size_t i : order) {
    SafetensorsEntry& entry = header.entries[i];
    entry.begin = next;
    entry.end = next += bytes_of(entry.shape, entry.type).value();
  }
  return order;
}

}  // namespace

void save_safetensors(const std::string& path, const StateDict& tensors, const Metadata& metadata) {
  constexpr const char* kOp = "save_safetensors";
  SafetensorsHeader header{.entries = {}, .metadata = metadata};
  std::vector<const Tensor*> sources;
  for (const auto& [name, tensor] : tensors) {
    if (!tensor.defined()) throw StateError(fmt::format("{}: tensor '{}' is undefined", kOp, name));
    if (tensor.device().is_meta())
      throw DeviceError(fmt::format("{}: tensor '{}' is on meta and has no data", kOp, name));
    header.entries.push_back({name, {tensor.dtype()}, tensor.shape().vec(), 0, 0});
    sources.push_back(&tensor);
  }
  const std::vector<size_t> order = place(header);
  std::string json = format_safetensors_header(kOp, header);
  json.resize((json.size() + 7) / 8 * 8, ' ');
  const uint64_t length = json.size();
  if (length > kLongestHeader)
    throw ValueError(fmt::format("{}: a header of {} bytes is longer than the format allows", kOp, length));
  AtomicFile file(kOp, path);
  file.write(&length, sizeof length);
  file.write(json);
  for (size_t i : order) write_tensor(file, kOp, *sources[i]);
  file.commit();
}

SafetensorsFile load_safetensors_file(const std::string& path, const Device& device) {
  const InputFile file("load_safetensors", path);
  uint64_t data_begin = 0;
  SafetensorsHeader header = read_header(file, data_begin);
  check_layout(file, header, file.size() - data_begin);
  SafetensorsFile result;
  for (const SafetensorsEntry& entry : header.entries)
    result.tensors.insert(entry.name,
                          read_tensor(file, data_begin + entry.begin, Shape(entry.shape), entry.type, device));
  result.metadata = std::move(header.metadata);
  return result;
}

StateDict load_safetensors(const std::string& path, const Device& device) {
  return load_safetensors_file(path, device).tensors;
}

}  // namespace mote
