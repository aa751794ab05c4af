#include "ulp.h"

#include <fmt/format.h>
#include <mote/mote.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <vector>

#include "support/vector_accuracy.h"

namespace bench {

namespace {

using mote::testing::Accuracy;
using mote::testing::VectorFunction;
using mote::testing::WorstError;

constexpr uint64_t kArguments = uint64_t{1} << 32;
constexpr size_t kBlocks = 64, kBlock = 16384;  // arguments are looked at kBlocks * kBlock at a time

// Every step-th argument, in the order of the bits. Blocks are joined in order: the first of the worst is named.
Accuracy measure(const VectorFunction& f, uint64_t step) {
  std::vector<float> arguments(kBlocks * kBlock);
  const mote::Tensor x = mote::from_blob(arguments.data(), {static_cast<int64_t>(arguments.size())});
  Accuracy all;
  for (uint64_t first = 0; first < kArguments; first += arguments.size() * step) {
    for (size_t i = 0; i < arguments.size(); ++i)
      arguments[i] = std::bit_cast<float>(static_cast<uint32_t>(std::min(first + i * step, kArguments - 1)));
    const mote::Tensor y = f.tested(x).contiguous();
    const float* const results = y.data_ptr<float>();
    std::vector<Accuracy> blocks(kBlocks);
#pragma omp parallel for schedule(dynamic)
    for (size_t block = 0; block < kBlocks; ++block) {
      Accuracy seen;
      for (size_t i = kBlock * block; i < kBlock * (block + 1); ++i) seen.see(f, arguments[i], results[i]);
      blocks[block] = seen;
    }
    for (const Accuracy& block : blocks) all.join(block);
  }
  return all;
}

std::string place_of(const WorstError& worst) {
  return fmt::format("at {:.9g} (0x{:08x})", worst.at, std::bit_cast<uint32_t>(worst.at));
}

std::string to_text(const VectorFunction& f, const Accuracy& accuracy) {
  std::string text =
      fmt::format("{:10} {:.3f} ULP {}, bound {}", f.name, accuracy.ulp.error, place_of(accuracy.ulp), f.max_ulp);
  if (f.tail > 0)
    text += fmt::format(" from {} on; before it a relative error of {:.2e} {}, bound {:.0e}", f.from,
                        accuracy.tail.error, place_of(accuracy.tail), f.tail);
  return text + (accuracy.within_bounds_of(f) ? "" : ": BROKEN");
}

}  // namespace

bool check_accuracy(const std::string& name, bool quick) {
  bool good = true, found = false;
  std::string names;
  fmt::print("{}\n", mote::cpu_capability());
  for (const VectorFunction& f : mote::testing::kVectorFunctions) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", f.name);
    if (!name.empty() && name != f.name) continue;
    found = true;
    const auto start = std::chrono::steady_clock::now();
    const Accuracy accuracy = measure(f, quick ? 1021 : 1);
    good &= accuracy.within_bounds_of(f);
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
    fmt::print("{} ({:.0f} s)\n", to_text(f, accuracy), time.count());
    std::fflush(stdout);
  }
  if (!found) throw std::invalid_argument(fmt::format("--ulp: expected one of {}, but got {}", names, name));
  return good;
}

}  // namespace bench
