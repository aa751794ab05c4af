// The reader of safetensors files has to read any bytes, or refuse them with an IoError.
#include "fuzz/memory_file.h"
#include "mote/core.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const mote::fuzz::MemoryFile file(data, size);
  try {
    const mote::SafetensorsFile read = mote::load_safetensors_file(file.path());
    size_t bytes = 0;
    for (const auto& [name, x] : read.tensors) bytes += static_cast<size_t>(x.numel()) * x.element_size();
    if (bytes > 4 * size) std::abort();  // 8 bits widened to 32 is the most that a file can grow
    const std::string text = read.tensors.empty() ? "" : read.tensors.begin()->second.str();
    if (read.tensors.size() > size) std::abort();
  } catch (const mote::IoError&) {
  }
  return 0;
}
