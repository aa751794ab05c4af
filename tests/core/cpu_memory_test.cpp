// Statistics, limits and retention of the CPU's allocator; run with several limits in the environment, too.
#include <cstdlib>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "mote/backend.h"
#include "mote/core.h"
#include "mote/cpu.h"
#include "support/catch.h"

namespace mote::testing {

namespace {

Backend& cpu() { return backend_of(Device("cpu")); }

constexpr size_t kMiB = size_t{1} << 20;
constexpr bool kKeepsBlocks =
#if defined(__SANITIZE_ADDRESS__)
    false;
#else
    true;
#endif

// A block that is freed at the end of the scope.
class Block {
 public:
  explicit Block(size_t bytes) : data_(cpu().allocate(bytes, 0)), bytes_(bytes) {}
  ~Block() { cpu().deallocate(data_, bytes_, 0); }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  void* data() const { return data_; }

 private:
  void* data_;
  size_t bytes_;
};

struct LimitGuard {
  ~LimitGuard() {
    cpu::set_memory_limit(memory);
    cpu::set_cache_limit(cache);
  }
  size_t memory = cpu::memory_limit(), cache = cpu::cache_limit();
};

}  // namespace

// By itself in one of its processes, before another test case sets limits.
TEST_CASE("the limits are those of the environment at first") {
  const std::map<std::string, size_t> sizes = {
      {"4096", 4096}, {"20K", 20 << 10}, {"5M", 5 << 20}, {"3G", size_t{3} << 30}};
  if (const char* memory = std::getenv("MOTE_CPU_MEMORY_LIMIT")) CHECK(cpu::memory_limit() == sizes.at(memory));
  if (const char* cache = std::getenv("MOTE_CPU_CACHE_LIMIT")) CHECK(cpu::cache_limit() == sizes.at(cache));
  CHECK(zeros({8}).numel() == 8);
}

TEST_CASE("statistics follow blocks in use, and peaks stay until they are reset") {
  cpu::reset_peak_memory_stats();
  const MemoryStats before = cpu::memory_stats();
  CHECK(before.peak_allocated_bytes == before.allocated_bytes);
  {
    const Block large(8 * kMiB), small(100);
    const MemoryStats now = cpu::memory_stats();
    const size_t taken = now.allocated_bytes - before.allocated_bytes;
    CHECK(taken == 8 * kMiB + (kKeepsBlocks ? 128 : 100));
    CHECK(now.live_blocks == before.live_blocks + 2);
    CHECK(now.allocations == before.allocations + 2);
    CHECK(now.reserved_bytes >= now.allocated_bytes);
  }
  const MemoryStats after = cpu::memory_stats();
  CHECK(after.allocated_bytes == before.allocated_bytes);
  CHECK(after.live_blocks == before.live_blocks);
  CHECK(after.peak_allocated_bytes >= before.allocated_bytes + 8 * kMiB);
  CHECK(after.peak_allocated_bytes <= before.allocated_bytes + 8 * kMiB + 2 * 65536);
  cpu::reset_peak_memory_stats();
  CHECK(cpu::memory_stats().peak_allocated_bytes == after.allocated_bytes);
}

TEST_CASE("an eighth of a block lies idle at most") {
  for (size_t bytes : {4097u, 5000u, 70000u, 1000001u, 33000000u}) {
    CAPTURE(bytes);
    const size_t before = cpu::memory_stats().allocated_bytes;
    const Block block(bytes);
    const size_t taken = cpu::memory_stats().allocated_bytes - before;
    CHECK(taken >= bytes);
    CHECK(taken <= bytes + bytes / 8 + 64);
  }
}

TEST_CASE("what threads count adds up, while they run and after they have ended") {
  const MemoryStats before = cpu::memory_stats();
  std::vector<Tensor> made(3);
  std::thread([&] {
    for (Tensor& x : made) x = ones({10});
    CHECK(cpu::memory_stats().live_blocks == before.live_blocks + 3);
  }).join();
  CHECK(cpu::memory_stats().live_blocks == before.live_blocks + 3);
  CHECK(cpu::memory_stats().allocations == before.allocations + 3);
  made.clear();
  CHECK(cpu::memory_stats().live_blocks == before.live_blocks);
  CHECK(cpu::memory_stats().allocated_bytes == before.allocated_bytes);
}

TEST_CASE("a tensor of a training loop comes from memory that was kept") {
  if (!kKeepsBlocks) return;
  const Tensor a = ones({1000, 1000}), b = ones({1000, 1000});
  { const Tensor c = a + b; }
  const MemoryStats before = cpu::memory_stats();
  for (int i = 0; i < 10; ++i) const Tensor c = a + b;
  const MemoryStats after = cpu::memory_stats();
  CHECK(after.allocations == before.allocations + 10);
  CHECK(after.cache_hits == before.cache_hits + 10);
  CHECK(after.reserved_bytes == before.reserved_bytes);
}

TEST_CASE("empty_cache gives large blocks and whole free slabs back") {
  if (!kKeepsBlocks) return;
  cpu::empty_cache();
  const size_t before = cpu::memory_stats().reserved_bytes;
  {
    const Block large(30 * kMiB);
    std::vector<Tensor> small;
    for (int i = 0; i < 3000; ++i) small.push_back(ones({500}));
    CHECK(cpu::memory_stats().reserved_bytes >= before + 30 * kMiB + 3000 * 2000);
  }
  CHECK(cpu::memory_stats().reserved_bytes >= before + 30 * kMiB);
  cpu::empty_cache();
  CHECK(cpu::memory_stats().reserved_bytes <= before + 4 * 65536);
}

TEST_CASE("a slab with one block in use stays, and the block keeps its value") {
  if (!kKeepsBlocks) return;
  Tensor kept;
  {
    std::vector<Tensor> small;
    for (int i = 0; i < 500; ++i) small.push_back(full({500}, i));
    kept = small[250];
  }
  cpu::empty_cache();
  std::vector<Tensor> others;
  for (int i = 0; i < 500; ++i) others.push_back(full({500}, -1));
  CHECK((kept == 250).all().item<bool>());
}

TEST_CASE("sizes that are not asked for again do not pile up") {
  if (!kKeepsBlocks) return;
  cpu::empty_cache();
  cpu::reset_peak_memory_stats();
  for (size_t i = 0; i < 200; ++i) const Block block(20 * kMiB + i * 3 * kMiB);
  const MemoryStats stats = cpu::memory_stats();
  const size_t most = stats.peak_allocated_bytes;
  CHECK(stats.reserved_bytes <= std::max(most / 2 * 3, most + 64 * kMiB) + 16 * kMiB);
}

TEST_CASE("what is kept makes room for what is newly in use") {
  if (!kKeepsBlocks) return;
  const auto use = [](size_t bytes) {
    const Block a(bytes), b(bytes), c(bytes), d(bytes);  // no page of them is touched
    return cpu::memory_stats();
  };
  cpu::empty_cache();
  const size_t most = use(512 * kMiB).allocated_bytes;
  CHECK(use(448 * kMiB).reserved_bytes <= most / 2 * 3 + kMiB);
  cpu::empty_cache();
}

TEST_CASE("the cache keeps within its limit") {
  if (!kKeepsBlocks) return;
  const LimitGuard guard;
  cpu::empty_cache();
  const size_t before = cpu::memory_stats().reserved_bytes;
  cpu::set_cache_limit(10 * kMiB);
  CHECK(cpu::cache_limit() == 10 * kMiB);
  { const Block a(8 * kMiB), b(8 * kMiB); }
  CHECK(cpu::memory_stats().reserved_bytes == before + 8 * kMiB);
  cpu::set_cache_limit(0);
  CHECK(cpu::memory_stats().reserved_bytes == before);
}

TEST_CASE("the objects behind tensors get what the cache keeps, or a typed error") {
  if (!kKeepsBlocks) return;
  const LimitGuard guard;
  cpu::empty_cache();
  cpu::set_memory_limit(cpu::memory_stats().reserved_bytes + 16 * kMiB);
  const Tensor x = zeros({4});
  std::vector<std::unique_ptr<Block>> blocks;
  const auto fill = [&] {
    while (blocks.size() < 15) blocks.push_back(std::make_unique<Block>(kMiB));
  };
  std::vector<Tensor> views;
  fill();
  blocks.clear();  // all of it is kept
  while (views.size() < 20000) views.push_back(x.reshape({2, 2}));
  views.clear();
  cpu::empty_cache();
  fill();
  const auto many = [&] {
    while (views.size() < 1000000) views.push_back(x.reshape({2, 2}));
  };
  const std::string message = message_of<OutOfMemoryError>(many);
  CHECK_THAT(message, contains("cpu has no room for"));
  CHECK_THAT(message, contains("15 of 1.00 MiB"));
  CHECK(views.back().shape() == Shape({2, 2}));
}

TEST_CASE("the memory limit empties the cache before it refuses, and the error says what holds the memory") {
  const LimitGuard guard;
  cpu::empty_cache();
  cpu::set_memory_limit(cpu::memory_stats().reserved_bytes + 64 * kMiB);
  { const Block block(40 * kMiB); }
  const Tensor held = zeros({5, 1024, 1024});  // fits only where the 40 MiB went back
  const Tensor also = zeros({5, 1024, 1024});
  const std::string message = message_of<OutOfMemoryError>([] { zeros({10, 1024, 1024}); });
  CHECK_THAT(message, contains("cpu has no room for 40.00 MiB: its limit is 6"));
  CHECK_THAT(message, contains("live blocks"));
  if (kKeepsBlocks) CHECK_THAT(message, contains("2 of 20.00 MiB"));
  CHECK_THAT(message, contains("free tensors or use a smaller batch"));
  CHECK(held.sum().item<float>() == 0.0f);
  cpu::set_memory_limit(std::numeric_limits<size_t>::max());
  CHECK(zeros({10, 1024, 1024}).numel() == 10 * 1024 * 1024);
}

}  // namespace mote::testing
