#include "mote/device.h"

#include <fmt/format.h>

#include <charconv>

#include "mote/error.h"

namespace mote {

namespace {

[[noreturn]] void throw_unknown(std::string_view text) {
  throw DeviceError(fmt::format("Device: expected \"cpu\", \"cuda\", \"cuda:N\" or \"meta\", but got \"{}\"", text));
}

}  // namespace

Device::Device(std::string_view text) {
  const size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  if (name == "cpu")
    type_ = DeviceType::CPU;
  else if (name == "cuda")
    type_ = DeviceType::CUDA;
  else if (name == "meta")
    type_ = DeviceType::Meta;
  else
    throw_unknown(text);
  if (colon == std::string_view::npos) return;
  const std::string_view digits = text.substr(colon + 1);
  int index = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
  const bool all_read = error == std::errc() && end == digits.data() + digits.size() && !digits.empty();
  if (!all_read || index < 0 || index > 127 || (!is_cuda() && index != 0)) throw_unknown(text);
  index_ = static_cast<int8_t>(index);
}

std::string Device::str() const {
  switch (type_) {
    case DeviceType::CPU:
      return "cpu";
    case DeviceType::Meta:
      return "meta";
    case DeviceType::CUDA:
      break;
  }
  return fmt::format("cuda:{}", index_);
}

}  // namespace mote
