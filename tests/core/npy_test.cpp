// NumPy's file format. The headers written out here are NumPy's own, from numpy.save.
#include <limits>

#include "mote/core.h"
#include "support/catch.h"
#include "support/fake_backend.h"
#include "support/temporary.h"

namespace mote::testing {

namespace {

class Npy : public TemporaryDirectory {
 public:
  // A file of version 1.0 with this dictionary, padded as NumPy pads it.
  static std::string file_of(std::string header, const std::string& data, const std::string& version = {1, 0}) {
    const size_t length_bytes = version[0] == 1 ? 2 : 4;
    header.append(63 - (6 + 2 + length_bytes + header.size()) % 64, ' ').push_back('\n');
    std::string bytes = "\x93NUMPY" + version;
    for (size_t i = 0; i < length_bytes; ++i) bytes.push_back(static_cast<char>(header.size() >> (8 * i)));
    return bytes + header + data;
  }
  static std::string header_of(const std::string& descr, const std::string& shape, const char* fortran = "False") {
    return "{'descr': '" + descr + "', 'fortran_order': " + fortran + ", 'shape': " + shape + ", }";
  }
  Tensor load(const std::string& bytes) const {
    write_file_atomically(path("x.npy"), bytes);
    return load_npy(path("x.npy"));
  }
  Tensor load(const std::string& descr, const std::string& shape, const std::string& data) const {
    return load(file_of(header_of(descr, shape), data));
  }
  std::string error(const std::string& bytes) const {
    const std::string message = message_of<IoError>([&] { load(bytes); });
    CHECK_THAT(message, contains("load_npy: '" + path("x.npy") + "'"));
    return message;
  }
  std::string header_error(const std::string& header) const { return error(file_of(header, "")); }
};

}  // namespace

TEST_CASE_METHOD(Npy, "npy: the bytes are NumPy's", "[npy]") {
  const auto saved = [&](const Tensor& x) {
    save_npy(path("x"), x);
    return read_file(path("x"));
  };
  CHECK(saved(tensor({{1, 2, 3}, {4, 5, 6}}, {.dtype = int32})) ==
        file_of("{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }",
                std::string("\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5\0\0\0\6\0\0\0", 24)));
  CHECK(saved(tensor({true, false})) ==
        file_of("{'descr': '|b1', 'fortran_order': False, 'shape': (2,), }", std::string("\1\0", 2)));
  CHECK(saved(tensor(1.5)) ==
        file_of("{'descr': '<f4', 'fortran_order': False, 'shape': (), }", std::string("\0\0\xc0\x3f", 4)));
  CHECK(saved(zeros({0, 3}, {.dtype = float64})) ==
        file_of("{'descr': '<f8', 'fortran_order': False, 'shape': (0, 3), }", ""));
  CHECK(saved(tensor({1.0}, {.dtype = float16})).size() % 64 == 2);
}

TEST_CASE_METHOD(Npy, "npy: every dtype, shape and stride comes back", "[npy]") {
  FakeBackend fake;
  const BackendOverride guard(DeviceType::CUDA, fake);
  for (DType dtype : {bool_, uint8, int32, int64, float16, float32, float64})
    for (const Shape& shape : {Shape({}), Shape({0}), Shape({4}), Shape({2, 0}), Shape({2, 3, 2})}) {
      const Tensor x = (arange(shape.numel()) % 2).reshape(shape).to(dtype);
      save_npy(path("x"), x);
      const Tensor y = load_npy(path("x"));
      CHECK(y.dtype() == dtype);
      CHECK(equal(x, y));
    }
  const Tensor x = arange(24, {.dtype = float32}).reshape({2, 3, 4});
  save_npy(path("x"), x.permute({1, 2, 0}));
  CHECK(equal(load_npy(path("x")), x.permute({1, 2, 0})));
  save_npy(path("x"), x.to("cuda").slice(2, 0, 4, 2));
  CHECK(equal(load_npy(path("x")), x.slice(2, 0, 4, 2)));
  CHECK(equal(load_npy(path("x"), "cuda").cpu(), x.slice(2, 0, 4, 2)));
  CHECK(load_npy(path("x"), "meta").shape() == Shape({2, 3, 2}));
}

TEST_CASE_METHOD(Npy, "npy: byte orders, Fortran's order and versions", "[npy]") {
  const std::string big_endian("\0\0\0\1\xff\xff\xff\xfe", 8);
  CHECK(equal(load(">i4", "(2,)", big_endian), tensor({1, -2}, {.dtype = int32})));
  CHECK(equal(load(">i8", "(1,)", std::string("\0\0\0\0\0\0\1\2", 8)), tensor({258})));
  CHECK(equal(load(">f8", "()", std::string("\x3f\xf8\0\0\0\0\0\0", 8)), tensor(1.5, {.dtype = float64})));
  CHECK(equal(load(">f2", "(1,)", std::string("\x3c\0", 2)), tensor({1.0}, {.dtype = float16})));
  CHECK(equal(load("=i4", "(1,)", std::string("\1\0\0\0", 4)), tensor({1}, {.dtype = int32})));
  const std::string data("\1\2\3\4\5\6", 6);
  const Tensor fortran = load(file_of(header_of("|u1", "(2, 3)", "True"), data));
  CHECK(fortran.strides() == Shape({1, 2}));
  CHECK(equal(fortran, tensor({{1, 3, 5}, {2, 4, 6}}, {.dtype = uint8})));
  CHECK(fortran.requires_grad_(false).is_leaf());
  for (char major : {1, 2, 3}) CHECK(load(file_of(header_of("|u1", "(6,)"), data, {major, 0})).shape() == Shape({6}));
  CHECK(load(file_of("{\"shape\":(6L,),'fortran_order':False,'descr':'|u1'}", data)).numel() == 6);
}

TEST_CASE_METHOD(Npy, "npy: narrower types are widened, bool bytes are made bools", "[npy]") {
  CHECK(equal(load("|i1", "(2,)", "\x7f\x80"), tensor({127, -128}, {.dtype = int32})));
  CHECK(equal(load("<i2", "(1,)", "\xfe\xff"), tensor({-2}, {.dtype = int32})));
  CHECK(equal(load(">u2", "(1,)", "\xfe\xff"), tensor({65279}, {.dtype = int32})));
  CHECK(equal(load("<u4", "(1,)", "\xff\xff\xff\xff"), tensor({4294967295})));
  CHECK(equal(load("|b1", "(3,)", std::string("\0\1\7", 3)), tensor({false, true, true})));
}

TEST_CASE_METHOD(Npy, "npy: what cannot be represented is an error", "[npy]") {
  CHECK(message_of<DTypeError>([&] { save_npy(path("x"), ones({2}, {.dtype = bfloat16})); }) ==
        "save_npy: NumPy has no bfloat16; convert the tensor with .to(mote::float32)");
  CHECK_THAT(message_of<DeviceError>([&] { save_npy(path("x"), ones({2}, {.device = "meta"})); }), contains("meta"));
  CHECK_THROWS_AS(save_npy(path("x"), Tensor()), StateError);
  CHECK(files() == 0);
  CHECK_THAT(header_error(header_of("<c8", "(0,)")), contains("dtype '<c8', which no dtype of mote can hold"));
  CHECK_THAT(header_error(header_of("|O", "(0,)")), contains("'|O'"));
  CHECK_THAT(header_error(header_of("<u8", "(0,)")), contains("'<u8'"));
  CHECK_THAT(header_error(header_of("|i4", "(0,)")), contains("'|i4'"));
  CHECK_THAT(header_error(header_of("", "(0,)")), contains("dtype ''"));
  CHECK_THAT(header_error("{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (0,), }"),
             contains("a structured dtype"));
  CHECK_THAT(header_error(header_of("<f4", "(1,1,1,1,1,1,1,1,0)")), contains("at most 8 dimensions"));
}

TEST_CASE_METHOD(Npy, "npy: a damaged file is refused by name", "[npy]") {
  save_npy(path("whole"), arange(5));
  const std::string bytes = read_file(path("whole"));
  for (size_t length = 0; length < bytes.size(); ++length) error(bytes.substr(0, length));
  CHECK_THAT(error(bytes + "x"), contains("has 41 bytes of data, but <i8 of shape [5] takes 40"));
  CHECK_THAT(error("\x93NUMPX" + bytes.substr(6)), contains("does not begin with \\x93NUMPY"));
  CHECK_THAT(error("\x93NUMPY\x04" + bytes.substr(7)), contains("version 4.0"));
  CHECK_THAT(error("\x93NUMPY\x01\x01" + bytes.substr(8)), contains("version 1.1"));
  CHECK_THAT(error(bytes.substr(0, 8) + "\xff\xff" + bytes.substr(10)), contains("claims a header of 65535 bytes"));
  CHECK_THAT(header_error(""), contains("no '{'"));
  CHECK_THAT(header_error("{'descr': '<f4'}"), contains("not all of the keys"));
  CHECK_THAT(header_error("{'descr': '<f4', 'descr': '<f4'}"), contains("the key 'descr'"));
  CHECK_THAT(header_error("{'what': 1}"), contains("the key 'what'"));
  CHECK_THAT(header_error("{'descr': '<f4"), contains("a string without an end"));
  CHECK_THAT(header_error("{'descr' '<f4'}"), contains("no ':'"));
  CHECK_THAT(header_error("{'shape': (2 3)}"), contains("no comma"));
  CHECK_THAT(header_error("{'shape': (-1,)}"), contains("no size"));
  CHECK_THAT(header_error("{'shape': (99999999999999999999,)}"), contains("no size"));
  CHECK_THAT(header_error("{'shape': ("), contains("no size"));
  CHECK_THAT(header_error("{'fortran_order': 1}"), contains("neither True nor False"));
  CHECK_THAT(header_error(header_of("<f4", "(0,)") + "{"), contains("something after the dictionary"));
  CHECK_THAT(header_error(header_of("<f4", "(4611686018427387904, 4)")), contains("2^59 elements"));
  CHECK_THAT(header_error(header_of("<f4", "(9223372036854775807, 0)")), contains("2^59 elements"));
}

}  // namespace mote::testing
