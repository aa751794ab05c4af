// The caching allocator on a small source of memory, and what cuda::memory_stats says of tensors.
#include "caching_allocator.h"

#include <cstdlib>
#include <set>

#include "mote/cuda_stream.h"
#include "mote/mote.h"
#include "support/catch.h"

using namespace mote;
using cuda::CachingAllocator;

namespace {

// Host memory of a limited size in the place of a device's.
class SmallDevice {
 public:
  explicit SmallDevice(size_t limit) : limit_(limit) {}
  ~SmallDevice() { CHECK(sizes_.empty()); }

  cuda::SegmentSource source() {
    return {[this](size_t bytes) -> void* {
              ++asked;
              if (used() + bytes > limit_) return nullptr;
              void* memory = std::malloc(bytes);
              sizes_[memory] = bytes;
              return memory;
            },
            [this](void* memory) {
              sizes_.erase(memory);
              std::free(memory);
            },
            [] { return std::string("the device is small"); }};
  }
  size_t used() const {
    size_t sum = 0;
    for (const auto& [memory, bytes] : sizes_) sum += bytes;
    return sum;
  }
  int asked = 0;

 private:
  size_t limit_;
  std::map<void*, size_t> sizes_;
};

constexpr size_t kMiB = size_t{1} << 20;
const auto kStream = reinterpret_cast<cudaStream_t>(uintptr_t{16});
const auto kOtherStream = reinterpret_cast<cudaStream_t>(uintptr_t{32});

}  // namespace

TEST_CASE("a freed block is given out again, and neighbours become one") {
  SmallDevice device(64 * kMiB);
  CachingAllocator allocator("toy:0", device.source(), true);
  void* const a = allocator.allocate(1000, kStream);
  void* const b = allocator.allocate(2000, kStream);
  void* const c = allocator.allocate(3000, kStream);
  CHECK(device.asked == 1);  // all from one segment
  CHECK(static_cast<char*>(b) - static_cast<char*>(a) == 1024);
  allocator.deallocate(b);
  CHECK(allocator.allocate(1600, kStream) == b);
  allocator.deallocate(b);
  allocator.deallocate(a);
  allocator.deallocate(c);
  void* const large = allocator.allocate(2 * kMiB - 512, kStream);  // from a segment of another kind
  CHECK(allocator.allocate(kMiB, kStream) == a);                    // the small segment is whole again
  const cuda::MemoryStats stats = allocator.stats();
  CHECK(stats.segments == 2);
  CHECK(stats.reserved_bytes == 22 * kMiB);
  CHECK(stats.live_blocks == 2);
  CHECK(stats.allocated_bytes == 3 * kMiB - 512);
  CHECK(stats.allocations == 6);
  allocator.deallocate(a);
  allocator.deallocate(large);
}

TEST_CASE("a block goes only to the stream that it was made for") {
  SmallDevice device(64 * kMiB);
  CachingAllocator allocator("toy:0", device.source(), true);
  void* const a = allocator.allocate(4096, kStream);
  allocator.deallocate(a);
  void* const b = allocator.allocate(4096, kOtherStream);
  CHECK(b != a);
  CHECK(allocator.allocate(4096, kStream) == a);
  allocator.deallocate(a);
  allocator.deallocate(b);
}

TEST_CASE("without memory the kept segments are freed first; then the error says what holds it") {
  SmallDevice device(50 * kMiB);
  CachingAllocator allocator("toy:0", device.source(), true);
  void* const a = allocator.allocate(30 * kMiB, kStream);
  allocator.deallocate(a);
  CHECK(allocator.stats().reserved_bytes == 30 * kMiB);
  void* const b = allocator.allocate(40 * kMiB, kStream);  // needs the memory of a
  CHECK(allocator.stats().reserved_bytes == 40 * kMiB);
  CHECK(allocator.stats().peak_reserved_bytes == 40 * kMiB);
  const std::string message =
      testing::message_of<OutOfMemoryError>([&] { allocator.allocate(20 * kMiB + 1, kStream); });
  CHECK_THAT(message, testing::contains("toy:0 has no room for 20.00 MiB"));
  CHECK_THAT(message, testing::contains("the device is small"));
  CHECK_THAT(message, testing::contains("mote holds 40.00 MiB in 1 live blocks (the largest: 1 of 40.00 MiB)"));
  allocator.deallocate(b);
  allocator.empty_cache();
  CHECK(device.used() == 0);
  allocator.reset_peak();
  CHECK(allocator.stats().peak_allocated_bytes == 0);
}

TEST_CASE("without keeping, blocks are as large as asked for and go back at once") {
  SmallDevice device(kMiB);
  CachingAllocator allocator("toy:0", device.source(), false);
  void* const a = allocator.allocate(1001, kStream);
  CHECK(device.used() == 1001);
  allocator.deallocate(a);
  CHECK(device.used() == 0);
}

TEST_CASE("the memory of a pool goes to nobody else until the pool is closed") {
  SmallDevice device(64 * kMiB);
  CachingAllocator allocator("toy:0", device.source(), true);
  void* const ordinary = allocator.allocate(4096, kStream);
  const int64_t pool = allocator.open_pool();
  void* const a = allocator.allocate(4096, kStream, pool);
  void* const b = allocator.allocate(4096, kStream, pool);
  allocator.deallocate(a, pool);
  CHECK(allocator.allocate(4096, kStream, pool) == a);  // within the capture it is given out again
  allocator.deallocate(a);                              // and after it kept
  allocator.deallocate(ordinary, pool);                 // freed in the capture: as good as in use
  CHECK(allocator.stats().live_blocks == 2);
  void* const c = allocator.allocate(4096, kStream);
  void* const d = allocator.allocate(4096, kOtherStream);
  for (void* mine : {c, d}) CHECK((mine != a && mine != b && mine != ordinary));
  allocator.empty_cache();
  CHECK(allocator.stats().segments == 3);
  allocator.close_pool(pool, kOtherStream);
  CHECK(allocator.stats().live_blocks == 3);
  CHECK(allocator.allocate(4096, kStream) == ordinary);
  CHECK(allocator.allocate(4096, kOtherStream) == a);
  for (void* data : {ordinary, a, b, c, d}) allocator.deallocate(data);
  allocator.empty_cache();
  CHECK(device.used() == 0);
}

TEST_CASE("without keeping, what a pool held is given back when it is closed") {
  SmallDevice device(kMiB);
  CachingAllocator allocator("toy:0", device.source(), false);
  void* const ordinary = allocator.allocate(1000, kStream);
  const int64_t pool = allocator.open_pool(), other = allocator.open_pool();
  void* const a = allocator.allocate(100, kStream, pool);
  void* const b = allocator.allocate(10, kStream, pool);
  void* const of_other = allocator.allocate(1, kStream, other);
  allocator.deallocate(a, pool);
  allocator.deallocate(ordinary, pool);
  allocator.deallocate(of_other, pool);
  CHECK(device.used() == 1111);
  allocator.close_pool(pool, kStream);
  CHECK(device.used() == 11);  // b is in use, and the other pool open
  allocator.close_pool(other, kStream);
  CHECK(device.used() == 10);
  allocator.deallocate(b);
  CHECK(device.used() == 0);
}

TEST_CASE("many blocks in random order leave nothing behind") {
  SmallDevice device(512 * kMiB);
  CachingAllocator allocator("toy:0", device.source(), true);
  std::vector<std::pair<char*, size_t>> live;
  uint32_t state = 1;
  const auto next = [&](uint32_t bound) { return (state = state * 1664525u + 1013904223u) / 65536u % bound; };
  for (int i = 0; i < 3000; ++i) {
    if (live.size() > 40 || (!live.empty() && next(3) == 0)) {
      const size_t victim = next(static_cast<uint32_t>(live.size()));
      allocator.deallocate(live[victim].first);
      live.erase(live.begin() + static_cast<std::ptrdiff_t>(victim));
      continue;
    }
    const size_t bytes = next(4) == 0 ? 1 + next(60000) * 97 : 1 + next(9000);
    auto* const data = static_cast<char*>(allocator.allocate(bytes, next(2) ? kStream : kOtherStream));
    for (const auto& [other, size] : live) REQUIRE((data + bytes <= other || other + size <= data));
    live.emplace_back(data, bytes);
  }
  for (const auto& [data, size] : live) allocator.deallocate(data);
  CHECK(allocator.stats().allocated_bytes == 0);
  CHECK(allocator.stats().live_blocks == 0);
  allocator.empty_cache();
  CHECK(device.used() == 0);
}

TEST_CASE("memory_stats follows the tensors") {
  const cuda::MemoryStats before = cuda::memory_stats();
  {
    const Tensor x = zeros({1000}).to("cuda");
    CHECK(cuda::memory_stats().allocated_bytes >= before.allocated_bytes + 4000);
    CHECK(cuda::memory_stats().live_blocks == before.live_blocks + 1);
  }
  CHECK(cuda::memory_stats().allocated_bytes == before.allocated_bytes);
  cuda::reset_peak_memory_stats();
  CHECK(cuda::memory_stats().peak_allocated_bytes == before.allocated_bytes);
}

TEST_CASE("work on a stream of its own, ordered by events") {
  const cuda::Stream side;
  cuda::Event ready, done;
  const Tensor x = arange(0, 1000).to(float32).to("cuda");
  ready.record();
  Tensor y;
  {
    const cuda::StreamGuard guard(side);
    side.wait(ready);
    y = x * 2 + 1;
    done.record(side);
  }
  done.synchronize();
  CHECK(done.query());
  CHECK(side.query());
  CHECK(equal(y.to("cpu"), x.to("cpu") * 2 + 1));
  CHECK(ready.elapsed_ms(done) >= 0.0f);
}

TEST_CASE("a device that does not exist is named") {
  CHECK_THAT(testing::message_of<DeviceError>([] { zeros({2}).to("cuda:63"); }),
             testing::contains("cuda:63 does not exist"));
  CHECK_THROWS_AS(cuda::Stream(63), DeviceError);
}
