// The reader of .npy files has to read any bytes, or refuse them with an IoError.
#include "fuzz/memory_file.h"
#include "mote/core.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const mote::fuzz::MemoryFile file(data, size);
  try {
    const mote::Tensor x = mote::load_npy(file.path());
    if (static_cast<size_t>(x.numel()) * x.element_size() > 4 * size) std::abort();
    if (x.str().empty()) std::abort();
  } catch (const mote::IoError&) {
  }
  return 0;
}
