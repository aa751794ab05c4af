// What a repetition allocates.
#include "harness/repetition_memory.h"

#include <benchmark/benchmark.h>
#include <mote/mote.h>

#include "support/catch.h"

namespace {

bench::Memory memory_of_live(int tensors, int64_t elements) {
  return bench::memory_of(
      [=](int64_t repetitions) {
        for (int64_t i = 0; i < repetitions; ++i) {
          std::vector<mote::Tensor> live;
          for (int t = 0; t < tensors; ++t) live.push_back(mote::empty({elements}));
          benchmark::DoNotOptimize(live.data());
        }
      },
      nullptr, mote::Device());
}

}  // namespace

TEST_CASE("the memory of a repetition is exact, however small it is", "[bench]") {
  const bench::Memory one = memory_of_live(1, 4);
  CHECK(one.allocations == 1);
  CHECK(one.peak_bytes >= 16);
  CHECK(one.peak_bytes <= 64);
  for (const int tensors : {2, 3, 100}) {
    const bench::Memory several = memory_of_live(tensors, 4);
    CHECK(several.allocations == tensors);
    CHECK(several.peak_bytes == tensors * one.peak_bytes);
  }
  CHECK(memory_of_live(0, 4).peak_bytes == 0);
}

TEST_CASE("large blocks and small ones add up", "[bench]") {
  const bench::Memory large = memory_of_live(1, 1 << 20), small = memory_of_live(1, 4);
  const bench::Memory both = bench::memory_of(
      [](int64_t) {
        const mote::Tensor a = mote::empty({4}), b = mote::empty({1 << 20});
        benchmark::DoNotOptimize(a.data_ptr());
        benchmark::DoNotOptimize(b.data_ptr());
      },
      nullptr, mote::Device());
  CHECK(both.allocations == 2);
  CHECK(both.peak_bytes == large.peak_bytes + small.peak_bytes);
}
