// NumPy's .npy: a magic string, a version, the length of a header, the header (a Python dictionary as text), and the
// elements (numpy.lib.format, versions 1.0 to 3.0).
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>

#include "file_tensor.h"
#include "mote/error.h"
#include "mote/serialize.h"

namespace mote {

namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kPreamble = 8;  // the magic string and two bytes of version
constexpr size_t kAlignment = 64;
constexpr uint64_t kLongestHeader = 1 << 20;

struct NpyHeader {
  std::string descr;
  bool fortran_order = false;
  std::vector<int64_t> shape;
};

// Reads the one Python literal that a header is: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
class HeaderParser {
 public:
  HeaderParser(const InputFile& file, std::string_view text) : file_(file), text_(text) {}

  NpyHeader parse() {
    NpyHeader header;
    bool has_descr = false, has_order = false, has_shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string key = string();
      expect(':');
      if (key == "descr" && !std::exchange(has_descr, true))
        header.descr = string();
      else if (key == "fortran_order" && !std::exchange(has_order, true))
        header.fortran_order = boolean();
      else if (key == "shape" && !std::exchange(has_shape, true))
        header.shape = tuple();
      else
        fail(fmt::format("the key '{}'", key));
      if (!accept(',') && next() != '}') fail("no comma");
    }
    if (next() != '\0' || position_ != text_.size()) fail("something after the dictionary");
    if (!has_descr || !has_order || !has_shape) fail("not all of the keys descr, fortran_order and shape");
    return header;
  }

 private:
  [[noreturn]] void fail(std::string_view what) const {
    file_.fail(fmt::format("has a header that mote cannot read: {} at character {}", what, position_));
  }

  // The next character that is no blank, or 0 at the end.
  char next() {
    position_ = std::min(text_.find_first_not_of(" \t\n", position_), text_.size());
    return position_ < text_.size() ? text_[position_] : '\0';
  }
  bool accept(char wanted) {
    if (next() != wanted || position_ == text_.size()) return false;
    ++position_;
    return true;
  }
  void expect(char wanted) {
    if (!accept(wanted)) fail(fmt::format("no '{}'", wanted));
  }

  std::string string() {
    const char quote = next();
    if (quote == '[') fail("a structured dtype");
    if (quote != '\'' && quote != '"') fail("no string");
    const size_t end = text_.find(quote, position_ + 1);
    if (end == std::string_view::npos) fail("a string without an end");
    std::string value(text_.substr(position_ + 1, end - position_ - 1));
    position_ = end + 1;
    return value;
  }

  bool boolean() {
    next();
    for (const std::string_view word : {"True", "False"})
      if (text_.substr(position_).starts_with(word)) {
        position_ += word.size();
        return word == "True";
      }
    fail("neither True nor False");
  }

  std::vector<int64_t> tuple() {
    std::vector<int64_t> values;
    expect('(');
    while (!accept(')')) {
      next();
      int64_t value = 0;
      const char* begin = text_.data() + position_;
      const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
      if (error != std::errc() || value < 0) fail("no size");
      position_ += static_cast<size_t>(end - begin);
      accept('L');  // Python 2 wrote long integers so
      values.push_back(value);
      if (!accept(',') && next() != ')') fail("no comma");
    }
    return values;
  }

  const InputFile& file_;
  std::string_view text_;
  size_t position_ = 0;
};

struct NamedType {
  std::string_view name;  // without the byte order
  ElementType type;
};

constexpr NamedType kTypes[] = {
    {"b1", {DType::Bool}},
    {"u1", {DType::UInt8}},
    {"i4", {DType::Int32}},
    {"i8", {DType::Int64}},
    {"f2", {DType::Float16}},
    {"f4", {DType::Float32}},
    {"f8", {DType::Float64}},
    {"i1", {DType::Int32, Encoding::Int8}},
    {"i2", {DType::Int32, Encoding::Int16}},
    {"u2", {DType::Int32, Encoding::UInt16}},
    {"u4", {DType::Int64, Encoding::UInt32}},
};

ElementType type_of(const InputFile& file, const std::string& descr) {
  const char order = descr.empty() ? '\0' : descr[0];
  for (const NamedType& known : kTypes) {
    if (std::string_view(descr).substr(descr.empty() ? 0 : 1) != known.name) continue;
    ElementType type = known.type;
    type.swapped = order == '>';
    if (order == '<' || order == '>' || order == '=' || (order == '|' && type.bytes() == 1)) return type;
  }
  file.fail(fmt::format("holds elements of dtype '{}', which no dtype of mote can hold", descr));
}

std::string descr_of(const Tensor& tensor) {
  if (tensor.dtype() == DType::BFloat16)
    throw DTypeError("save_npy: NumPy has no bfloat16; convert the tensor with .to(mote::float32)");
  for (const NamedType& known : kTypes)
    if (known.type.dtype == tensor.dtype())
      return fmt::format("{}{}", tensor.element_size() == 1 ? '|' : '<', known.name);
  throw DTypeError(fmt::format("save_npy: NumPy has no {}", name_of(tensor.dtype())));
}

NpyHeader read_header(const InputFile& file, uint64_t& data_begin) {
  if (!file.is_regular()) file.fail("is no regular file");
  unsigned char start[kPreamble + 4] = {};
  if (file.size() < sizeof start)
    file.fail(fmt::format("has {} bytes, too few for an .npy file (is it truncated?)", file.size()));
  file.read_at(0, start, sizeof start);
  if (std::string_view(reinterpret_cast<const char*>(start), kMagic.size()) != kMagic)
    file.fail("is no .npy file: it does not begin with \\x93NUMPY");
  const int major = start[6], minor = start[7];
  if (major < 1 || major > 3 || minor != 0)
    file.fail(fmt::format("is an .npy file of version {}.{}; known are 1.0, 2.0 and 3.0", major, minor));
  const size_t length_bytes = major == 1 ? 2 : 4;
  uint64_t length = 0;
  for (size_t i = 0; i < length_bytes; ++i) length |= static_cast<uint64_t>(start[kPreamble + i]) << (8 * i);
  data_begin = kPreamble + length_bytes + length;
  if (length > kLongestHeader || data_begin > file.size())
    file.fail(fmt::format("claims a header of {} bytes, but the file has {} (is it truncated?)", length, file.size()));
  std::string text(length, '\0');
  file.read_at(kPreamble + length_bytes, text.data(), length);
  return HeaderParser(file, text).parse();
}

}  // namespace

void save_npy(const std::string& path, const Tensor& tensor) {
  constexpr const char* kOp = "save_npy";
  const std::string descr = descr_of(tensor);
  if (tensor.device().is_meta()) throw DeviceError("save_npy: a tensor on meta has no data to write");
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}{}), }}", descr,
                                   fmt::join(tensor.shape().vec(), ", "), tensor.dim() == 1 ? "," : "");
  const size_t unpadded = kPreamble + 2 + header.size() + 1;
  header.append((kAlignment - unpadded % kAlignment) % kAlignment, ' ').push_back('\n');
  const char version_and_length[] = {1, 0, static_cast<char>(header.size() & 0xff),
                                     static_cast<char>(header.size() >> 8)};
  AtomicFile file(kOp, path);
  file.write(kMagic);
  file.write(version_and_length, sizeof version_and_length);
  file.write(header);
  write_tensor(file, kOp, tensor);
  file.commit();
}

Tensor load_npy(const std::string& path, const Device& device) {
  const InputFile file("load_npy", path);
  uint64_t data_begin = 0;
  NpyHeader header = read_header(file, data_begin);
  const ElementType type = type_of(file, header.descr);
  const std::optional<uint64_t> bytes = bytes_of(header.shape, type);
  if (header.shape.size() > kMaxRank || !bytes)
    file.fail(fmt::format("holds an array of shape [{}]; mote has at most {} dimensions and 2^59 elements",
                          fmt::join(header.shape, ", "), kMaxRank));
  if (*bytes != file.size() - data_begin)
    file.fail(fmt::format("has {} bytes of data, but {} of shape [{}] takes {}", file.size() - data_begin, header.descr,
                          fmt::join(header.shape, ", "), *bytes));
  const Shape shape(header.shape);
  if (!header.fortran_order) return read_tensor(file, data_begin, shape, type, device);
  Shape reversed = shape, dims = shape;
  for (int i = 0; i < shape.rank(); ++i) {
    reversed[i] = shape[shape.rank() - 1 - i];
    dims[i] = shape.rank() - 1 - i;
  }
  return read_tensor(file, data_begin, reversed, type, device).permute(dims).detach();
}

}  // namespace mote
