// Where a tensor lives: "cpu", "cuda:N", or "meta" (shape and dtype without data).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mote {

enum class DeviceType : uint8_t { CPU, CUDA, Meta };

inline constexpr int kDeviceTypeCount = 3;

class Device {
 public:
  constexpr Device() = default;
  constexpr Device(DeviceType type, int index = 0) : type_(type), index_(static_cast<int8_t>(index)) {}

  // From "cpu", "meta", "cuda" (the same as "cuda:0") or "cuda:N". Throws DeviceError for anything else.
  Device(std::string_view text);
  Device(const char* text) : Device(std::string_view(text)) {}
  Device(const std::string& text) : Device(std::string_view(text)) {}

  constexpr DeviceType type() const { return type_; }
  constexpr int index() const { return index_; }
  constexpr bool is_cpu() const { return type_ == DeviceType::CPU; }
  constexpr bool is_cuda() const { return type_ == DeviceType::CUDA; }
  constexpr bool is_meta() const { return type_ == DeviceType::Meta; }

  // "cpu", "meta" or "cuda:N".
  std::string str() const;

  friend constexpr bool operator==(const Device&, const Device&) = default;

 private:
  DeviceType type_ = DeviceType::CPU;
  int8_t index_ = 0;
};

}  // namespace mote
