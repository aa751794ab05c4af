// Formatters for {fmt}: fmt::print("{} on {}", x, x.device()). The only header of mote that needs fmt. Each takes the
// format specification of a string: "{:>10}".
#pragma once

#include <fmt/format.h>

#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>

#include "mote/tensor.h"

namespace mote::detail {

// Tensor, and what reads as one.
template <class T>
concept TensorLike = std::derived_from<T, TensorMethods<T>>;

struct TextFormatter : fmt::formatter<std::string_view> {
  auto format_text(std::string_view text, fmt::format_context& context) const {
    return fmt::formatter<std::string_view>::format(text, context);
  }
};

}  // namespace mote::detail

// As x.str().
template <mote::detail::TensorLike T>
struct fmt::formatter<T> : mote::detail::TextFormatter {
  auto format(const T& x, fmt::format_context& context) const { return format_text(x.str(), context); }
};

// "[2, 3]".
template <>
struct fmt::formatter<mote::Shape> : mote::detail::TextFormatter {
  auto format(const mote::Shape& shape, fmt::format_context& context) const {
    return format_text(shape.str(), context);
  }
};

// "float32".
template <>
struct fmt::formatter<mote::DType> : mote::detail::TextFormatter {
  auto format(mote::DType dtype, fmt::format_context& context) const {
    return format_text(mote::name_of(dtype), context);
  }
};

// "cuda:0".
template <>
struct fmt::formatter<mote::Device> : mote::detail::TextFormatter {
  auto format(const mote::Device& device, fmt::format_context& context) const {
    return format_text(device.str(), context);
  }
};
