// Runs a fuzz target without a fuzzer, so that any compiler and CTest can: over valid files made here, every
// truncation of them, and a fixed sequence of random damage; then over the files that are named on the command line.
// With clang, -fsanitize=fuzzer in place of this file makes the fuzzer itself.
#include <cstdio>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "mote/core.h"
#include "support/temporary.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

using mote::DType;

void run(const std::string& bytes) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
}

std::string with_header(const std::string& header, const std::string& data) {
  std::string bytes(8, '\0');
  for (size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(header.size() >> (8 * i));
  return bytes + header + data;
}

std::vector<std::string> valid_files() {
  const mote::testing::TemporaryDirectory directory;
  const std::string path = directory.path("file");
  std::vector<std::string> files;
  mote::StateDict dict;
  for (int i = 0; i < mote::kDTypeCount; ++i) {
    const auto dtype = static_cast<DType>(i);
    const mote::Tensor x = mote::ones({2, 3}, {.dtype = dtype});
    dict.insert(mote::name_of(dtype), x);
    if (dtype == DType::BFloat16) continue;
    mote::save_npy(path, x);
    files.push_back(mote::read_file(path));
  }
  mote::save_safetensors(path, dict, {{"format", "pt"}});
  files.push_back(mote::read_file(path));
  for (const char* dtype : {"I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2"})
    files.push_back(with_header(R"({"x":{"dtype":")" + std::string(dtype) + R"(","shape":[4],"data_offsets":[0,4]}})",
                                "\x01\xff\x80\x7f"));
  return files;
}

// One to eight edits of the kinds that find bugs in readers: flipped bits, digits, brackets, cuts and repetitions.
std::string damaged(std::string bytes, std::mt19937& random) {
  const auto below = [&](size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random); };
  static constexpr char kSyntax[] = "{}[](),:\"'\\0123456789-+.eE \nTrueFalsn<>|=bif\xff";
  for (size_t edits = 1 + below(8); edits > 0 && !bytes.empty(); --edits) {
    // Most of what can go wrong is in the header, so that half of the edits go to the first bytes.
    const size_t at = below(2) == 0 ? below(bytes.size()) : below(std::min<size_t>(bytes.size(), 128));
    switch (below(6)) {
      case 0:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
        break;
      case 1:
        bytes[at] = kSyntax[below(sizeof kSyntax - 1)];
        break;
      case 2:
        bytes.insert(at, 1, kSyntax[below(sizeof kSyntax - 1)]);
        break;
      case 3:
        bytes.erase(at, 1 + below(4));
        break;
      case 4:
        bytes.insert(at, bytes.substr(at, 1 + below(40)));
        break;
      default:
        bytes.resize(at);
    }
  }
  return bytes;
}

}  // namespace

int main(int argc, char** argv) {
  constexpr int kRounds = 2000;
  std::mt19937 random(1);
  size_t runs = 0;
  for (const std::string& file : valid_files()) {
    for (size_t length = 0; length <= file.size(); ++length, ++runs) run(file.substr(0, length));
    for (int round = 0; round < kRounds; ++round, ++runs) run(damaged(file, random));
  }
  for (int i = 1; i < argc; ++i, ++runs) run(mote::read_file(argv[i]));
  std::printf("%zu inputs\n", runs);
  return 0;
}
