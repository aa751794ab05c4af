#include "file_tensor.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "mote/backend.h"
#include "mote/creation.h"
#include "mote/error.h"
#include "mote/grad_mode.h"
#include "ops/support.h"

namespace mote {

static_assert(std::endian::native == std::endian::little,
              "files hold little-endian numbers, which are read as they are");

namespace {

constexpr size_t kChunk = size_t{4} << 20;  // bytes; of the buffer between a file and what cannot be read into

// F8_E4M3 of the OCP 8-bit floating-point specification (2023): bias 7, no infinities, NaN where all bits are set.
float from_e4m3(uint8_t bits) {
  const int exponent = (bits >> 3) & 0xf, mantissa = bits & 7;
  const float sign = (bits & 0x80) != 0 ? -1.0f : 1.0f;
  if (exponent == 15 && mantissa == 7) return std::numeric_limits<float>::quiet_NaN();
  if (exponent == 0) return sign * std::ldexp(static_cast<float>(mantissa), -9);
  return sign * std::ldexp(static_cast<float>(8 + mantissa), exponent - 10);
}

template <size_t Bytes>
void swap_bytes(char* data, size_t count) {
  for (size_t i = 0; i < count; ++i) std::reverse(data + i * Bytes, data + (i + 1) * Bytes);
}

void swap_bytes(char* data, size_t count, size_t bytes) {
  if (bytes == 2) swap_bytes<2>(data, count);
  if (bytes == 4) swap_bytes<4>(data, count);
  if (bytes == 8) swap_bytes<8>(data, count);
}

template <class From, class To, class Convert>
void widen(const char* from, void* to, size_t count, Convert convert) {
  for (size_t i = 0; i < count; ++i) {
    From value;
    std::memcpy(&value, from + i * sizeof value, sizeof value);
    static_cast<To*>(to)[i] = convert(value);
  }
}

// `count` elements, already in this machine's byte order, into elements of type.dtype.
void decode(const ElementType& type, const char* from, void* to, size_t count) {
  switch (type.encoding) {
    case Encoding::Same:
      if (type.dtype == DType::Bool)  // any other value of a byte is no bool
        widen<uint8_t, bool>(from, to, count, [](uint8_t x) { return x != 0; });
      else
        std::memcpy(to, from, count * type.bytes());
      break;
    case Encoding::Int8:
      return widen<int8_t, int32_t>(from, to, count, [](int8_t x) { return x; });
    case Encoding::Int16:
      return widen<int16_t, int32_t>(from, to, count, [](int16_t x) { return x; });
    case Encoding::UInt16:
      return widen<uint16_t, int32_t>(from, to, count, [](uint16_t x) { return x; });
    case Encoding::UInt32:
      return widen<uint32_t, int64_t>(from, to, count, [](uint32_t x) { return x; });
    case Encoding::Float8E4M3:
      return widen<uint8_t, Half>(from, to, count, [](uint8_t x) { return Half(from_e4m3(x)); });
    case Encoding::Float8E5M2:  // the upper half of a binary16
      return widen<uint8_t, uint16_t>(from, to, count, [](uint8_t x) { return static_cast<uint16_t>(x << 8); });
  }
}

// Whether the bytes of the file are the bytes of the tensor.
bool is_verbatim(const ElementType& type) {
  return type.encoding == Encoding::Same && !type.swapped && type.dtype != DType::Bool;
}

}  // namespace

size_t ElementType::bytes() const {
  switch (encoding) {
    case Encoding::Int8:
    case Encoding::Float8E4M3:
    case Encoding::Float8E5M2:
      return 1;
    case Encoding::Int16:
    case Encoding::UInt16:
      return 2;
    case Encoding::UInt32:
      return 4;
    case Encoding::Same:
      break;
  }
  return size_of(dtype);
}

std::optional<uint64_t> bytes_of(const std::vector<int64_t>& shape, const ElementType& type) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max() / 16;
  int64_t reach = 1;  // the product with 1 for each size of 0: strides have to fit as well
  bool empty = false;
  for (int64_t size : shape) {
    if (size < 0 || size > kMost / reach) return std::nullopt;
    reach *= std::max<int64_t>(size, 1);
    empty = empty || size == 0;
  }
  return empty ? 0 : static_cast<uint64_t>(reach) * type.bytes();
}

Tensor read_tensor(const InputFile& file, uint64_t offset, const Shape& shape, const ElementType& type,
                   const Device& device) {
  Tensor tensor = empty(shape, {.dtype = type.dtype, .device = device});
  if (device.is_meta()) return tensor;
  auto* target = static_cast<char*>(data_of(tensor));
  const auto total = static_cast<size_t>(tensor.numel());
  if (device.is_cpu() && is_verbatim(type)) {
    file.read_at(offset, target, total * type.bytes());
    return tensor;
  }
  const size_t per_chunk = std::min(kChunk / type.bytes(), total), width = size_of(type.dtype);
  std::vector<char> raw(per_chunk * type.bytes()), decoded(per_chunk * width);
  for (size_t done = 0; done < total; done += per_chunk) {
    const size_t count = std::min(per_chunk, total - done);
    file.read_at(offset + done * type.bytes(), raw.data(), count * type.bytes());
    if (type.swapped) swap_bytes(raw.data(), count, type.bytes());
    decode(type, raw.data(), decoded.data(), count);
    backend_of(device).copy_from_host(target + done * width, decoded.data(), count * width, device.index());
  }
  return tensor;
}

void write_tensor(AtomicFile& file, const char* op, const Tensor& tensor) {
  if (tensor.device().is_meta()) throw DeviceError(fmt::format("{}: a tensor on meta has no data to write", op));
  const NoGradGuard no_grad;
  const Tensor host = tensor.detach().cpu().contiguous();
  file.write(data_of(host), static_cast<size_t>(host.numel()) * size_of(host.dtype()));
}

}  // namespace mote
