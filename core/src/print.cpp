// Tensors as text, laid out as PyTorch lays them out: one format for all values of a tensor, columns of one width,
// lines of at most 80 characters, and only the edges of more than 1000 elements.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <ostream>

#include "mote/node.h"
#include "mote/tensor.h"

namespace mote {

namespace {

constexpr int64_t kThreshold = 1000;  // more elements than that are summarized
constexpr int64_t kEdge = 3;          // how many stay at either end of a summarized dimension
constexpr int64_t kLineWidth = 80;
constexpr std::string_view kPrefix = "tensor(";

// The corners of x: of each long dimension the first and the last elements. On the tensor's own device, so that only
// they travel to the host.
Tensor corners_of(Tensor x) {
  for (int64_t dim = 0; dim < x.dim(); ++dim)
    if (x.shape()[dim] > 2 * kEdge)
      x = cat({x.narrow(dim, 0, kEdge), x.narrow(dim, x.shape()[dim] - kEdge, kEdge)}, dim);
  return x;
}

template <class T>
std::vector<T> host_values(const Tensor& x) {
  const Tensor host = x.cpu().to(dtype_of<T>).contiguous();
  const T* data = host.template data_ptr<T>();
  return std::vector<T>(data, data + host.numel());
}

// Each element as text, before it is padded.
struct Texts {
  std::vector<std::string> texts;
  size_t width = 1;
};

Texts integer_texts(const Tensor& x) {
  Texts result;
  for (int64_t value : host_values<int64_t>(x)) {
    result.texts.push_back(x.dtype() != DType::Bool ? fmt::to_string(value) : value != 0 ? "True" : "False");
    result.width = std::max(result.width, result.texts.back().size());
  }
  return result;
}

enum class Style { Integer, Fixed, Scientific };

std::string format_value(double value, Style style) {
  if (std::isnan(value)) return "nan";  // never with a sign
  switch (style) {
    case Style::Integer:
      return fmt::format("{:.0f}{}", value, std::isinf(value) ? "" : ".");
    case Style::Fixed:
      return fmt::format("{:.4f}", value);
    case Style::Scientific:
      break;
  }
  return fmt::format("{:.4e}", value);
}

// Zeros, infinities and NaN have no say in the style and width.
Texts floating_texts(const Tensor& x) {
  const std::vector<double> values = host_values<double>(x);
  std::vector<double> counted;
  std::copy_if(values.begin(), values.end(), std::back_inserter(counted),
               [](double value) { return std::isfinite(value) && value != 0.0; });
  double smallest = HUGE_VAL, largest = 0.0;
  for (double value : counted) {
    smallest = std::min(smallest, std::abs(value));
    largest = std::max(largest, std::abs(value));
  }
  const bool whole = std::all_of(counted.begin(), counted.end(), [](double v) { return v == std::ceil(v); });
  Style style = whole ? Style::Integer : Style::Fixed;
  if (!counted.empty() && (largest / smallest > 1000.0 || largest > 1e8 || (!whole && smallest < 1e-4)))
    style = Style::Scientific;
  Texts result;
  for (double value : counted) result.width = std::max(result.width, format_value(value, style).size());
  for (double value : values) result.texts.push_back(format_value(value, style));
  return result;
}

// Writes the brackets.
class Layout {
 public:
  Layout(const Texts& texts, const Shape& printed, const Shape& whole)
      : texts_(texts), printed_(printed), whole_(whole) {}

  std::string write() const { return printed_.empty() ? padded(0) : write(0, 0, kPrefix.size()); }

 private:
  std::string padded(size_t element) const { return fmt::format("{:>{}}", texts_.texts[element], texts_.width); }
  bool is_cut(int dim) const { return printed_[dim] < whole_[dim]; }

  std::string write(int dim, size_t first, size_t indent) const {
    if (dim == printed_.rank() - 1) return write_row(first, indent);
    size_t step = 1;
    for (int inner = dim + 1; inner < printed_.rank(); ++inner) step *= static_cast<size_t>(printed_[inner]);
    std::vector<std::string> slices;
    for (int64_t i = 0; i < printed_[dim]; ++i) {
      if (is_cut(dim) && i == kEdge) slices.emplace_back("...");
      slices.push_back(write(dim + 1, first + static_cast<size_t>(i) * step, indent + 1));
    }
    const auto line_breaks = static_cast<size_t>(printed_.rank() - 1 - dim);
    return "[" + join(slices, "," + std::string(line_breaks, '\n') + std::string(indent + 1, ' ')) + "]";
  }

  std::string write_row(size_t first, size_t indent) const {
    std::vector<std::string> row;
    for (int64_t i = 0; i < printed_.back(); ++i) {
      if (is_cut(printed_.rank() - 1) && i == kEdge) row.emplace_back(" ...");
      row.push_back(padded(first + static_cast<size_t>(i)));
    }
    const int64_t room = (kLineWidth - static_cast<int64_t>(indent)) / static_cast<int64_t>(texts_.width + 2);
    const auto per_line = static_cast<size_t>(std::max<int64_t>(1, room));
    std::vector<std::string> lines;
    for (size_t i = 0; i < row.size(); i += per_line)
      lines.push_back(join({row.begin() + static_cast<std::ptrdiff_t>(i),
                            row.begin() + static_cast<std::ptrdiff_t>(std::min(i + per_line, row.size()))},
                           ", "));
    return "[" + join(lines, ",\n" + std::string(indent + 1, ' ')) + "]";
  }

  static std::string join(const std::vector<std::string>& parts, const std::string& separator) {
    return fmt::format("{}", fmt::join(parts, separator));
  }

  const Texts& texts_;
  Shape printed_, whole_;
};

std::string values_text(const Tensor& x) {
  const NoGradGuard no_grad;
  const Tensor printed = x.numel() > kThreshold ? corners_of(x.detach()) : x.detach();
  const Texts texts = x.is_floating_point() ? floating_texts(printed) : integer_texts(printed);
  return Layout(texts, printed.shape(), x.shape()).write();
}

std::string tuple_text(const Shape& shape) {
  return fmt::format("size=({}{})", fmt::join(shape.begin(), shape.end(), ", "), shape.rank() == 1 ? "," : "");
}

// What follows the values: all that is not the default.
std::vector<std::string> suffixes_of(const Tensor& x, bool has_values) {
  std::vector<std::string> suffixes;
  if (!x.device().is_cpu()) suffixes.push_back(fmt::format("device='{}'", x.device().str()));
  if (!has_values && (x.dim() != 1 || x.device().is_meta())) suffixes.push_back(tuple_text(x.shape()));
  const bool is_plain = x.dtype() == default_dtype() ||  // the values show that it is int64 or bool
                        (has_values && (x.dtype() == DType::Int64 || x.dtype() == DType::Bool));
  if (!is_plain) suffixes.push_back(fmt::format("dtype={}", name_of(x.dtype())));
  if (const Node* node = x.grad_fn())
    suffixes.push_back(fmt::format("grad_fn=<{}>", node->name()));
  else if (x.requires_grad())
    suffixes.emplace_back("requires_grad=True");
  return suffixes;
}

}  // namespace

std::string detail::tensor_string(const Tensor& x) {
  std::string text(kPrefix);
  if (!x.defined()) return text + "undefined)";
  const bool has_values = x.numel() > 0 && !x.device().is_meta();
  text += has_values ? values_text(x) : x.device().is_meta() ? "..." : "[]";
  const size_t line_break = text.rfind('\n');
  size_t line = line_break == std::string::npos ? text.size() + 2 : text.size() - line_break + 1;
  for (const std::string& suffix : suffixes_of(x, has_values)) {
    const bool fits = line + 2 + suffix.size() <= static_cast<size_t>(kLineWidth);
    text += fits ? ", " : ",\n" + std::string(kPrefix.size(), ' ');
    text += suffix;
    line = (fits ? line + 2 : kPrefix.size()) + suffix.size();
  }
  return text + ")";
}

std::ostream& operator<<(std::ostream& stream, const Tensor& tensor) { return stream << tensor.str(); }

}  // namespace mote
