#include <bit>
#include <cstring>
#include <filesystem>
#include <limits>

#include "mote/core.h"
#include "support/catch.h"
#include "support/fake_backend.h"
#include "support/temporary.h"

namespace mote::testing {

namespace {

// A file with this header, padded or not, before `data_bytes` bytes that count up from 1.
std::string file_of(const std::string& header, size_t data_bytes = 0) {
  const uint64_t length = header.size();
  std::string bytes(reinterpret_cast<const char*>(&length), sizeof length);
  bytes += header;
  for (size_t i = 0; i < data_bytes; ++i) bytes.push_back(static_cast<char>(i + 1));
  return bytes;
}

class Files : public TemporaryDirectory {
 public:
  std::string put(const std::string& bytes) const {
    write_file_atomically(path("x.safetensors"), bytes);
    return path("x.safetensors");
  }
  // The error of loading such a file, which has to name the file.
  std::string error(const std::string& bytes) const {
    const std::string file = put(bytes);
    const std::string message = message_of<IoError>([&] { load_safetensors(file); });
    CHECK_THAT(message, contains("load_safetensors: '" + file + "'"));
    return message;
  }
  std::string header_error(const std::string& header, size_t data_bytes = 0) const {
    return error(file_of(header, data_bytes));
  }
};

std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}";
}

Tensor sample(DType dtype, const Shape& shape) {
  Tensor x = arange(shape.numel(), {.dtype = float32}).reshape(shape) - 3.0;
  if (dtype == DType::UInt8) x = x + 3.0;
  return (dtype == DType::Bool ? x % 2.0 : x * 0.5 + x * 0.5).to(dtype);
}

}  // namespace

TEST_CASE_METHOD(Files, "safetensors: every dtype and shape comes back as it was", "[safetensors]") {
  StateDict saved;
  for (int i = 0; i < kDTypeCount; ++i)
    for (const Shape& shape : {Shape({}), Shape({0}), Shape({3}), Shape({2, 0, 4}), Shape({2, 3}), Shape({1, 2, 1, 3})})
      saved.insert(std::string(name_of(static_cast<DType>(i))) + shape.str(), sample(static_cast<DType>(i), shape));
  save_safetensors(path("all"), saved, {{"format", "pt"}, {"größe", "\"quoted\"\n"}});
  const SafetensorsFile loaded = load_safetensors_file(path("all"));
  CHECK(loaded.metadata == Metadata{{"format", "pt"}, {"größe", "\"quoted\"\n"}});
  REQUIRE(loaded.tensors.size() == saved.size());
  auto next = saved.begin();
  for (const auto& [name, x] : loaded.tensors) {
    CHECK(name == next->first);  // the order stays
    CHECK(x.dtype() == next->second.dtype());
    CHECK(equal(x, next->second));
    ++next;
  }
}

TEST_CASE_METHOD(Files, "safetensors: special values keep their bits", "[safetensors]") {
  const float inf = std::numeric_limits<float>::infinity();
  const Tensor x = tensor({0.0f, -0.0f, inf, -inf, std::nanf("5"), 1e-45f, 3.4e38f});
  save_safetensors(path("bits"), {{"x", x}});
  const Tensor y = load_safetensors(path("bits")).at("x");
  CHECK(std::memcmp(x.data_ptr<float>(), y.data_ptr<float>(), 7 * sizeof(float)) == 0);
}

TEST_CASE_METHOD(Files, "safetensors: any strides and devices are written row by row", "[safetensors]") {
  FakeBackend fake;
  const BackendOverride guard(DeviceType::CUDA, fake);
  const Tensor x = arange(24).reshape({2, 3, 4});
  const Tensor leaf = ones({2}).requires_grad_();
  save_safetensors(path("views"), {{"t", x.permute({2, 0, 1})},
                                   {"s", x.slice(2, 1, 4, 2)},
                                   {"e", x[0][0].expand({5, 4})},
                                   {"g", leaf},
                                   {"c", x.to("cuda").transpose(0, 1)}});
  const StateDict loaded = load_safetensors(path("views"));
  CHECK(equal(loaded.at("t"), x.permute({2, 0, 1})));
  CHECK(loaded.at("t").is_contiguous());
  CHECK(equal(loaded.at("s"), x.slice(2, 1, 4, 2)));
  CHECK(equal(loaded.at("e"), x[0][0].expand({5, 4})));
  CHECK(equal(loaded.at("c"), x.transpose(0, 1)));
  CHECK_FALSE(loaded.at("g").requires_grad());
  const StateDict on_device = load_safetensors(path("views"), "cuda");
  CHECK(on_device.at("t").device() == Device("cuda"));
  CHECK(equal(on_device.at("s").cpu(), x.slice(2, 1, 4, 2)));
  const Tensor meta = load_safetensors(path("views"), "meta").at("t");
  CHECK(meta.device() == Device("meta"));
  CHECK(meta.shape() == Shape({4, 2, 3}));
}

TEST_CASE_METHOD(Files, "safetensors: the bytes of a small file", "[safetensors]") {
  save_safetensors(path("small"), {{"b", tensor({true, false, true})}, {"w", tensor({1.0, 2.0})}}, {{"k", "v"}});
  const std::string bytes = read_file(path("small"));
  const std::string header = R"({"__metadata__":{"k":"v"},"b":{"dtype":"BOOL","shape":[3],"data_offsets":[8,11]},)"
                             R"("w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  CHECK(length % 8 == 0);
  CHECK(bytes.substr(8, header.size()) == header);
  CHECK(bytes.substr(8 + header.size(), length - header.size()) == std::string(length - header.size(), ' '));
  CHECK(bytes.substr(8 + length) == std::string("\0\0\x80\x3f\0\0\0\x40\1\0\1", 11));
}

TEST_CASE_METHOD(Files, "safetensors: an empty dictionary is a file too", "[safetensors]") {
  save_safetensors(path("none"), {});
  CHECK(load_safetensors(path("none")).empty());
  CHECK(load_safetensors(put(file_of("{}"))).empty());
  CHECK(load_safetensors(put(file_of("{\"__metadata__\":{}}   "))).empty());
}

TEST_CASE_METHOD(Files, "safetensors: narrower types are widened without loss", "[safetensors]") {
  const auto load = [&](const char* dtype, const std::string& data) {
    const std::string size = std::to_string(data.size());
    const int64_t count = static_cast<int64_t>(data.size()) / (dtype[0] == 'I' && dtype[1] == '8' ? 1
                                                               : dtype[0] == 'F'                  ? 1
                                                               : dtype[1] == '3'                  ? 4
                                                                                                  : 2);
    return load_safetensors(
               put(file_of("{" + entry("x", dtype, "[" + std::to_string(count) + "]", "[0," + size + "]") + "}") +
                   data))
        .at("x");
  };
  CHECK(equal(load("I8", "\x01\xff\x80"), tensor({1, -1, -128}, {.dtype = int32})));
  CHECK(equal(load("I16", std::string("\x00\x80\xff\x7f", 4)), tensor({-32768, 32767}, {.dtype = int32})));
  CHECK(equal(load("U16", "\xff\xff\x01\x02"), tensor({65535, 513}, {.dtype = int32})));
  CHECK(equal(load("U32", "\xff\xff\xff\xff"), tensor({4294967295}, {.dtype = int64})));
  CHECK(equal(load("F8_E4M3", std::string("\x00\x38\xb8\x7e\x01\x08", 6)).to(float32),
              tensor({0.0, 1.0, -1.0, 448.0, 0.001953125, 0.015625})));
  CHECK(isnan(load("F8_E4M3", "\x7f\xff").to(float32)).all().item<bool>());
  CHECK(equal(load("F8_E5M2", std::string("\x00\x3c\xbc\x7b\x01\x7c", 6)).to(float32),
              tensor({0.0, 1.0, -1.0, 57344.0, 0x1p-16, HUGE_VAL})));
  CHECK_THAT(header_error("{" + entry("x", "U64", "[1]", "[0,8]") + "}", 8),
             contains("tensor 'x' of dtype U64, which no dtype of mote can hold"));
  CHECK(equal(load_safetensors(put(file_of("{" + entry("x", "BOOL", "[3]", "[0,3]") + "}", 3))).at("x"),
              tensor({true, true, true})));  // bytes 1, 2, 3
}

TEST_CASE_METHOD(Files, "safetensors: a file cut off anywhere is refused", "[safetensors]") {
  save_safetensors(path("whole"), {{"a", arange(5)}, {"b", ones({2, 2})}}, {{"k", "v"}});
  const std::string bytes = read_file(path("whole"));
  for (size_t length = 0; length < bytes.size(); ++length)
    CHECK_THROWS_AS(load_safetensors(put(bytes.substr(0, length))), IoError);
  CHECK_THAT(error(bytes + "x"), contains("has 1 bytes of data after its last tensor"));
  CHECK_THAT(error(bytes.substr(0, bytes.size() - 1)), contains("is truncated: tensor 'b'"));
  CHECK_THAT(error(""), contains("has 0 bytes, too few"));
}

TEST_CASE_METHOD(Files, "safetensors: a header that lies is refused", "[safetensors]") {
  const auto one = [&](const std::string& shape, const std::string& offsets, const char* dtype = "F32") {
    return header_error("{" + entry("w", dtype, shape, offsets) + "}", 16);
  };
  CHECK_THAT(one("[5]", "[0,16]"), contains("gives 16 bytes to tensor 'w', but F32 of shape [5] takes 20"));
  CHECK_THAT(one("[4]", "[16,0]"), contains("data_offsets [16, 0] for tensor 'w'"));
  CHECK_THAT(one("[4]", "[0,16,16]"), contains("data_offsets [0, 16, 16]"));
  CHECK_THAT(one("[4]", "[0]"), contains("where a begin and an end should stand"));
  CHECK_THAT(one("[3]", "[0,12]"), contains("4 bytes of data after its last tensor"));
  CHECK_THAT(one("[3]", "[4,16]"), contains("a hole before tensor 'w'"));
  CHECK_THAT(one("[8]", "[0,32]"), contains("is truncated: tensor 'w' ends at byte 32 of the data, but there are 16"));
  CHECK_THAT(one("[4294967296,4294967296]", "[0,16]"), contains("impossible shape"));
  CHECK_THAT(one("[9223372036854775807,0]", "[0,0]"), contains("impossible shape"));
  CHECK_THAT(one("[18446744073709551615]", "[0,16]"), contains("wild number 18446744073709551615"));
  CHECK_THAT(one("[4]", "[0,18446744073709551615]"), contains("wild number"));
  CHECK_THAT(one("[-4]", "[0,16]"), contains("the negative number -4 where it does not belong: field 'shape' of "));
  CHECK_THAT(one("[4.0]", "[0,16]"), contains("the number 4.0"));
  CHECK_THAT(one("[1,1,1,1,1,1,1,1,4]", "[0,16]"), contains("tensor 'w' of 9 dimensions; mote has at most 8"));
  CHECK_THAT(one("[[4]]", "[0,16]"), contains("a list where it does not belong"));
  CHECK_THAT(one("{}", "[0,16]"), contains("an object where it does not belong"));
  CHECK_THAT(one("4", "[0,16]"), contains("a number where it does not belong"));
  CHECK_THAT(one("\"4\"", "[0,16]"), contains("a string where it does not belong"));
  CHECK_THAT(one("[4]", "[0,16]", "F31"), contains("of dtype F31"));
  CHECK_THAT(
      header_error("{" + entry("a", "F32", "[4]", "[0,16]") + "," + entry("b", "F32", "[2]", "[8,16]") + "}", 16),
      contains("an overlap before tensor 'b'"));
  CHECK_THAT(header_error("{" + entry("a", "F32", "[2]", "[0,8]") + "," + entry("a", "F32", "[2]", "[8,16]") + "}", 16),
             contains("two tensors named 'a'"));
}

TEST_CASE_METHOD(Files, "safetensors: a header that is no header is refused", "[safetensors]") {
  CHECK_THAT(error(std::string("\xff\xff\xff\xff\xff\xff\xff\xff{}", 10)),
             contains("claims a header of 1844674407370955"));
  CHECK_THAT(error(std::string("\x03\0\0\0\0\0\0\0{}", 10)), contains("claims a header of 3 bytes"));
  CHECK_THAT(header_error(" {}"), contains("does not begin with '{'"));
  CHECK_THAT(header_error("[]"), contains("does not begin with '{'"));
  CHECK_THAT(header_error("{"), contains("not valid JSON"));
  CHECK_THAT(header_error("{}x"), contains("not valid JSON"));
  CHECK_THAT(header_error("{\"\xff\":{}}"), contains("not valid JSON"));  // not UTF-8
  CHECK_THAT(header_error("{\"a\":1}"), contains("a number where it does not belong: tensor 'a'"));
  CHECK_THAT(header_error("{\"a\":null}"), contains("null where it does not belong"));
  CHECK_THAT(header_error("{\"a\":{}}"), contains("lacks the field 'dtype' of tensor 'a'"));
  CHECK_THAT(header_error(R"({"a":{"dtype":"F32","shape":[0]}})"), contains("lacks the field 'data_offsets'"));
  CHECK_THAT(header_error(R"({"a":{"dtype":"F32","dtype":"F32"}})"), contains("the field 'dtype' twice in tensor 'a'"));
  CHECK_THAT(header_error(R"({"a":{"color":"F32"}})"), contains("unknown field 'color' in tensor 'a'"));
  CHECK_THAT(header_error(R"({"a":{"dtype":true}})"), contains("a boolean where it does not belong"));
  CHECK_THAT(header_error(R"({"__metadata__":{"a":1}})"), contains("a number in its metadata, where only strings"));
  CHECK_THAT(header_error(R"({"__metadata__":{"a":{}}})"), contains("an object in its metadata"));
  CHECK_THAT(header_error(R"({"__metadata__":[]})"), contains("a list in its metadata"));
  CHECK_THAT(header_error(R"({"__metadata__":{"a":"1","a":"2"}})"), contains("the key 'a' twice"));
  CHECK_THAT(header_error("{\"a\":" + std::string(1000000, '[')), contains("a list where it does not belong"));
}

TEST_CASE_METHOD(Files, "safetensors: what cannot be written is refused before the file is touched", "[safetensors]") {
  const std::string file = put("the old file");
  const auto refused = [&](const StateDict& dict, const Metadata& metadata = {}) {
    save_safetensors(file, dict, metadata);
  };
  CHECK_THAT(message_of<StateError>([&] { refused({{"a", Tensor()}}); }), contains("tensor 'a' is undefined"));
  CHECK_THAT(message_of<DeviceError>([&] {
               refused({{"m", zeros({2}, {.device = "meta"})}});
             }),
             contains("tensor 'm' is on meta"));
  CHECK_THAT(message_of<ValueError>([&] { refused({{"__metadata__", tensor(1)}}); }), contains("cannot be named"));
  CHECK_THAT(message_of<ValueError>([&] {
               refused({{"\xff", tensor(1)}});
             }),
             contains("the name of a tensor to be UTF-8"));
  CHECK_THAT(message_of<ValueError>([&] { refused({}, {{"k", "\xff"}}); }), contains("metadata 'k' to be UTF-8"));
  CHECK(read_file(file) == "the old file");
  CHECK(files() == 1);
}

TEST_CASE_METHOD(Files, "safetensors: errors of the system name the path", "[safetensors]") {
  const std::string missing = path("no such file");
  CHECK(message_of<IoError>([&] { load_safetensors(missing); }) ==
        "load_safetensors: cannot open '" + missing + "': No such file or directory");
  CHECK_THAT(message_of<IoError>([&] { load_safetensors(path("")); }), contains("is no regular file"));
  CHECK_THAT(message_of<IoError>([&] { save_safetensors(path("no/such/directory"), {}); }),
             contains("save_safetensors: cannot write '" + path("no/such/directory")));
}

}  // namespace mote::testing
