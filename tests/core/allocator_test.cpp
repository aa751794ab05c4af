// The allocator of the CPU backend.
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#include "mote/backend.h"
#include "mote/core.h"
#include "support/catch.h"

namespace mote::testing {

namespace {

Backend& cpu() { return backend_of(Device("cpu")); }

constexpr size_t kSizes[] = {
    1,    2,    63,   64,   65,    127,   1000,   1024,           1025,     1280,           1281,
    4095, 4096, 4097, 5000, 65536, 65537, 100000, (1u << 20) - 1, 1u << 20, (1u << 22) + 1, 9u << 20};

}  // namespace

TEST_CASE("blocks are aligned to 64 bytes and writable to their end") {
  for (size_t size : kSizes) {
    CAPTURE(size);
    void* block = cpu().allocate(size, 0);
    CHECK(reinterpret_cast<uintptr_t>(block) % 64 == 0);
    std::memset(block, 0xab, size);
    cpu().deallocate(block, size, 0);
  }
}

TEST_CASE("blocks in use never overlap") {
  std::vector<std::pair<unsigned char*, size_t>> blocks;
  for (int round = 0; round < 40; ++round)
    for (size_t size : kSizes) {
      if (size > 200000 && round > 1) continue;
      auto* block = static_cast<unsigned char*>(cpu().allocate(size, 0));
      std::memset(block, static_cast<int>(blocks.size() % 251), size);
      blocks.emplace_back(block, size);
      if (round % 3 == 2) {  // blocks that were used before come back
        const size_t victim = (blocks.size() * 7919) % blocks.size();
        cpu().deallocate(blocks[victim].first, blocks[victim].second, 0);
        auto* again = static_cast<unsigned char*>(cpu().allocate(blocks[victim].second, 0));
        std::memset(again, static_cast<int>(victim % 251), blocks[victim].second);
        blocks[victim].first = again;
      }
    }
  bool intact = true;
  for (size_t i = 0; i < blocks.size(); ++i)
    for (size_t k = 0; k < blocks[i].second; k += 61) intact &= blocks[i].first[k] == i % 251;
  CHECK(intact);
  for (const auto& [block, size] : blocks) cpu().deallocate(block, size, 0);
}

TEST_CASE("blocks may be freed on another thread, also after their own has ended") {
  std::vector<void*> blocks(2000);
  std::thread([&] {
    for (void*& block : blocks) {
      block = cpu().allocate(100, 0);
      std::memset(block, 1, 100);
    }
  }).join();
  for (void* block : blocks) cpu().deallocate(block, 100, 0);
  // Tensors go back and forth too.
  Tensor made;
  std::thread([&] { made = ones({1000}) * 2.0; }).join();
  CHECK(made.sum().item<float>() == 2000.0f);
  std::thread([moved = std::move(made)]() mutable { moved = Tensor(); }).join();
}

TEST_CASE("many threads allocate and free at once") {
  std::vector<std::thread> threads;
  std::vector<int> wrong(4);
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      std::vector<std::pair<unsigned char*, size_t>> held;
      for (int i = 0; i < 3000; ++i) {
        const size_t size = kSizes[static_cast<size_t>(i * 31 + t) % 18];
        auto* block = static_cast<unsigned char*>(cpu().allocate(size, 0));
        block[0] = block[size - 1] = static_cast<unsigned char>(t + 1);
        held.emplace_back(block, size);
        if (held.size() < 50) continue;
        for (const auto& [data, bytes] : held) {
          wrong[static_cast<size_t>(t)] += data[0] != t + 1 || data[bytes - 1] != t + 1;
          cpu().deallocate(data, bytes, 0);
        }
        held.clear();
      }
      for (const auto& [data, bytes] : held) cpu().deallocate(data, bytes, 0);
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == std::vector<int>(4));
}

// Out of reach for AddressSanitizer's own allocator, which ends the process.
#if !defined(__SANITIZE_ADDRESS__)
TEST_CASE("a request that cannot be met names its size") {
  const int64_t elements = int64_t{1} << 58;
  CHECK_THAT(message_of<OutOfMemoryError>([&] { empty({elements}, {.dtype = uint8}); }),
             contains("cpu has no room for 262144.00 TiB"));
  CHECK(ones({3}).sum().item<float>() == 3.0f);
}
#endif

}  // namespace mote::testing
