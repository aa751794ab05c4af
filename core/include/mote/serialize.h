// Files: safetensors (huggingface/safetensors, format 0.x) and NumPy's .npy (format 1.0 to 3.0). Writing is atomic: a
// temporary file beside the target, fsync, rename; a failure leaves the old file. Reading trusts nothing: sizes,
// offsets and names are checked, and an IoError names the file.
#pragma once

#include <map>
#include <string>

#include "mote/state_dict.h"

namespace mote {

using Metadata = std::map<std::string, std::string>;

struct SafetensorsFile {
  StateDict tensors;
  Metadata metadata;
};

// Tensors of any device, dtype and strides; equal memory is written once for each name.
void save_safetensors(const std::string& path, const StateDict& tensors, const Metadata& metadata = {});
// All tensors on `device`.
StateDict load_safetensors(const std::string& path, const Device& device = {});
SafetensorsFile load_safetensors_file(const std::string& path, const Device& device = {});

// One tensor in NumPy's format, row-major. bfloat16 has no NumPy type: DTypeError.
void save_npy(const std::string& path, const Tensor& tensor);
Tensor load_npy(const std::string& path);

// Replaces the file at `path` by `bytes`, or leaves it as it was and throws IoError.
void write_file_atomically(const std::string& path, std::string_view bytes);
// The whole file. Throws IoError.
std::string read_file(const std::string& path);

}  // namespace mote
