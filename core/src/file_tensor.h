// Tensors in files: element types on disk, and their bytes on the way into and out of a tensor's memory.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "file.h"
#include "mote/tensor.h"

namespace mote {

// An element as a file stores it. `Same` has the layout of `dtype`; the others are narrower types that mote lacks,
// each of whose values `dtype` holds.
enum class Encoding : uint8_t { Same, Int8, Int16, UInt16, UInt32, Float8E4M3, Float8E5M2 };

struct ElementType {
  DType dtype = DType::Float32;
  Encoding encoding = Encoding::Same;
  bool swapped = false;  // big-endian

  size_t bytes() const;  // of one element in the file
};

// The bytes of an array of this shape, or nothing where the shape is impossible: a negative or wild size.
std::optional<uint64_t> bytes_of(const std::vector<int64_t>& shape, const ElementType& type);

// A new tensor on `device` from the bytes at `offset`. Reads straight into its memory where that is possible.
Tensor read_tensor(const InputFile& file, uint64_t offset, const Shape& shape, const ElementType& type,
                   const Device& device);

// Appends the elements in row-major order. Throws DeviceError for meta.
void write_tensor(AtomicFile& file, const char* op, const Tensor& tensor);

}  // namespace mote
