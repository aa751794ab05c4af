#include "safetensors_header.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <unordered_set>

#include "mote/error.h"

namespace mote {

namespace {

using Json = nlohmann::json;

constexpr const char* kMetadata = "__metadata__";

struct NamedType {
  std::string_view name;
  ElementType type;
};

constexpr std::array<NamedType, 14> kTypes = {{
    {"BOOL", {DType::Bool}},
    {"U8", {DType::UInt8}},
    {"I32", {DType::Int32}},
    {"I64", {DType::Int64}},
    {"F16", {DType::Float16}},
    {"BF16", {DType::BFloat16}},
    {"F32", {DType::Float32}},
    {"F64", {DType::Float64}},
    {"I8", {DType::Int32, Encoding::Int8}},
    {"I16", {DType::Int32, Encoding::Int16}},
    {"U16", {DType::Int32, Encoding::UInt16}},
    {"U32", {DType::Int64, Encoding::UInt32}},
    {"F8_E4M3", {DType::Float16, Encoding::Float8E4M3}},
    {"F8_E5M2", {DType::Float16, Encoding::Float8E5M2}},
}};

// Takes the parser's events one by one, so that no tree is built from what may be a hostile file, and so that a key
// that comes twice is seen.
class HeaderReader : public nlohmann::json_sax<Json> {
 public:
  explicit HeaderReader(const InputFile& file) : file_(file) {}

  SafetensorsHeader take() { return std::move(header_); }

  bool start_object(size_t) override {
    if (state_ == State::Start)
      state_ = State::Top;
    else if (state_ == State::Name)
      state_ = name_ == kMetadata ? State::Metadata : State::Entry;
    else
      misplaced("an object");
    return true;
  }

  bool key(std::string& text) override {
    if (state_ == State::Top) return top_key(text);
    key_ = text;
    if (state_ == State::Metadata) {
      if (header_.metadata.contains(text)) file_.fail(fmt::format("has the key '{}' twice in its metadata", text));
      return true;
    }
    const auto found = std::find(kFields.begin(), kFields.end(), text);
    if (found == kFields.end()) file_.fail(fmt::format("has an unknown field '{}' in tensor '{}'", text, name_));
    if (std::exchange(seen_[static_cast<size_t>(found - kFields.begin())], true))
      file_.fail(fmt::format("has the field '{}' twice in tensor '{}'", text, name_));
    return true;
  }

  bool end_object() override {
    if (state_ == State::Entry) finish_entry();
    state_ = state_ == State::Top ? State::End : State::Top;
    return true;
  }

  bool start_array(size_t) override {
    if (state_ != State::Entry || (key_ != "shape" && key_ != "data_offsets")) misplaced("a list");
    state_ = State::List;
    return true;
  }

  bool end_array() override {
    state_ = State::Entry;
    return true;
  }

  bool number_unsigned(uint64_t value) override {
    if (state_ != State::List) misplaced("a number");
    if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
      file_.fail(fmt::format("has the wild number {} in '{}' of tensor '{}'", value, key_, name_));
    (key_ == "shape" ? shape_ : offsets_).push_back(static_cast<int64_t>(value));
    return true;
  }

  bool string(std::string& text) override {
    if (state_ == State::Metadata)
      header_.metadata.emplace(key_, text);
    else if (state_ == State::Entry && key_ == "dtype")
      dtype_ = text;
    else
      misplaced("a string");
    return true;
  }

  bool null() override { misplaced("null"); }
  bool boolean(bool) override { misplaced("a boolean"); }
  bool number_integer(int64_t value) override { misplaced(fmt::format("the negative number {}", value)); }
  bool number_float(double, const std::string& text) override { misplaced(fmt::format("the number {}", text)); }
  bool binary(Json::binary_t&) override { misplaced("binary data"); }
  bool parse_error(size_t position, const std::string&, const Json::exception& error) override {
    file_.fail(fmt::format("has a header that is not valid JSON, at byte {}: {}", position, error.what()));
  }

 private:
  enum class State { Start, Top, Name, Metadata, Entry, List, End };
  static constexpr std::array<std::string_view, 3> kFields = {"dtype", "shape", "data_offsets"};

  [[noreturn]] void misplaced(std::string_view what) const {
    if (state_ == State::Start) file_.fail(fmt::format("has a header that is {} instead of an object", what));
    const std::string where =
        state_ == State::Entry || state_ == State::List ? fmt::format("field '{}' of ", key_) : "";
    if (state_ == State::Metadata || name_ == kMetadata)
      file_.fail(fmt::format("has {} in its metadata, where only strings may stand", what));
    file_.fail(fmt::format("has {} where it does not belong: {}tensor '{}'", what, where, name_));
  }

  bool top_key(const std::string& text) {
    if (!names_.insert(text).second) file_.fail(fmt::format("has two tensors named '{}'", text));
    name_ = text;
    state_ = State::Name;
    seen_ = {};
    shape_.clear();
    offsets_.clear();
    return true;
  }

  void finish_entry() {
    for (size_t i = 0; i < kFields.size(); ++i)
      if (!seen_[i]) file_.fail(fmt::format("lacks the field '{}' of tensor '{}'", kFields[i], name_));
    const auto type =
        std::find_if(kTypes.begin(), kTypes.end(), [&](const NamedType& known) { return known.name == dtype_; });
    if (type == kTypes.end())
      file_.fail(fmt::format("holds tensor '{}' of dtype {}, which no dtype of mote can hold", name_, dtype_));
    if (shape_.size() > kMaxRank)
      file_.fail(
          fmt::format("holds tensor '{}' of {} dimensions; mote has at most {}", name_, shape_.size(), kMaxRank));
    if (offsets_.size() != 2 || offsets_[0] > offsets_[1])
      file_.fail(fmt::format("has data_offsets [{}] for tensor '{}', where a begin and an end should stand",
                             fmt::join(offsets_, ", "), name_));
    const std::optional<uint64_t> bytes = bytes_of(shape_, type->type);
    const auto begin = static_cast<uint64_t>(offsets_[0]), end = static_cast<uint64_t>(offsets_[1]);
    if (!bytes)
      file_.fail(fmt::format("holds tensor '{}' of the impossible shape [{}]", name_, fmt::join(shape_, ", ")));
    if (*bytes != end - begin)
      file_.fail(fmt::format("gives {} bytes to tensor '{}', but {} of shape [{}] takes {}", end - begin, name_, dtype_,
                             fmt::join(shape_, ", "), *bytes));
    header_.entries.push_back({name_, type->type, shape_, begin, end});
  }

  const InputFile& file_;
  SafetensorsHeader header_;
  State state_ = State::Start;
  std::unordered_set<std::string> names_;
  std::string name_;  // of the tensor being read
  std::string key_;   // of its field being read
  std::array<bool, 3> seen_ = {};
  std::string dtype_;
  std::vector<int64_t> shape_, offsets_;
};

std::string quote(const char* op, const char* what, const std::string& text) {
  try {
    return Json(text).dump();
  } catch (const Json::exception&) {
    throw ValueError(fmt::format("{}: expected {} to be UTF-8, but got bytes that are not: {:?}", op, what,
                                 Json(text).dump(-1, ' ', true, Json::error_handler_t::replace)));
  }
}

}  // namespace

SafetensorsHeader parse_safetensors_header(const InputFile& file, const std::string& json) {
  HeaderReader reader(file);
  Json::sax_parse(json, &reader);
  return reader.take();
}

std::string format_safetensors_header(const char* op, const SafetensorsHeader& header) {
  std::vector<std::string> members;
  std::vector<std::string> pairs;
  for (const auto& [key, value] : header.metadata)
    pairs.push_back(fmt::format("{}:{}", quote(op, "a key of the metadata", key),
                                quote(op, fmt::format("metadata '{}'", key).c_str(), value)));
  if (!pairs.empty()) members.push_back(fmt::format("\"{}\":{{{}}}", kMetadata, fmt::join(pairs, ",")));
  for (const SafetensorsEntry& entry : header.entries) {
    if (entry.name == kMetadata) throw ValueError(fmt::format("{}: a tensor cannot be named '{}'", op, kMetadata));
    const auto type = std::find_if(kTypes.begin(), kTypes.end(), [&](const NamedType& known) {
      return known.type.dtype == entry.type.dtype && known.type.encoding == Encoding::Same;
    });
    members.push_back(fmt::format(R"({}:{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})",
                                  quote(op, "the name of a tensor", entry.name), type->name,
                                  fmt::join(entry.shape, ","), entry.begin, entry.end));
  }
  return fmt::format("{{{}}}", fmt::join(members, ","));
}

}  // namespace mote
