// Files: safetensors (huggingface/safetensors, format 0.x) and NumPy's .npy (format 1.0 to 3.0). Writing is atomic: a
// temporary file beside the target, fsync, rename; a failure leaves the old file. Reading trusts nothing: sizes,
// offsets and names are checked, and an IoError names the file and the tensor.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "mote/state_dict.h"

namespace mote {

using Metadata = std::map<std::string, std::string>;

struct SafetensorsFile {
  StateDict tensors;
  Metadata metadata;
};

// Tensors of any device, dtype and strides; equal memory is written once for each name. Names and metadata have to be
// UTF-8, and no name may be "__metadata__" (ValueError).
void save_safetensors(const std::string& path, const StateDict& tensors, const Metadata& metadata = {});
// All tensors on `device`, in the order of the file's header. Types that mote lacks are widened where nothing is lost
// (I8, I16 and U16 to int32, U32 to int64, F8_E4M3 and F8_E5M2 to float16), and else an IoError.
StateDict load_safetensors(const std::string& path, const Device& device = {});
// The same, with the file's metadata.
SafetensorsFile load_safetensors_file(const std::string& path, const Device& device = {});

// One tensor in NumPy's format, row-major. bfloat16 has no NumPy type: DTypeError.
void save_npy(const std::string& path, const Tensor& tensor);
// Either byte order; an array in Fortran's order becomes a tensor with ascending strides. Widens as load_safetensors
// does. The file has to hold exactly one array.
Tensor load_npy(const std::string& path, const Device& device = {});

// Replaces the file at `path` by `bytes`, or leaves it as it was and throws IoError. A new file gets the permissions
// of the one it replaces; a symbolic link is followed.
void write_file_atomically(const std::string& path, std::string_view bytes);
// The whole file. Throws IoError.
std::string read_file(const std::string& path);

}  // namespace mote
