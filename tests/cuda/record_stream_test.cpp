// record_stream, and which stream a thread works on.
#include <cstdlib>
#include <map>

#include "caching_allocator.h"
#include "cuda/parity.h"
#include "mote/cuda_stream.h"

namespace mote::testing {

namespace {

constexpr size_t kMiB = size_t{1} << 20;

// An allocator over memory of the host.
class HostAllocator {
 public:
  explicit HostAllocator(size_t limit, bool keeps = true)
      : allocator_("toy:0",
                   {[this, limit](size_t bytes) -> void* {
                      if (used_ + bytes > limit) return nullptr;
                      used_ += bytes;
                      void* const memory = std::malloc(bytes);
                      sizes_[memory] = bytes;
                      return memory;
                    },
                    [this](void* memory) {
                      used_ -= sizes_[memory];
                      std::free(memory);
                    },
                    [] { return std::string(); }},
                   keeps) {}
  cuda::CachingAllocator* operator->() { return &allocator_; }

 private:
  size_t used_ = 0;
  std::map<void*, size_t> sizes_;
  cuda::CachingAllocator allocator_;
};

cudaStream_t handle_of(const cuda::Stream& stream) { return static_cast<cudaStream_t>(stream.native_handle()); }

}  // namespace

TEST_CASE("a block that another stream uses is given out again when that stream is done") {
  if (!has_cuda()) return;
  HostAllocator allocator(64 * kMiB);
  const cuda::Stream home, side;
  void* const a = allocator->allocate(4096, handle_of(home));
  allocator->record_stream(a, side);
  allocator->record_stream(a, side);
  allocator->record_stream(&allocator, side);  // no memory of its own
  cuda::Event work;
  work.record(side);
  allocator->deallocate(a);
  CHECK(allocator->stats().live_blocks == 0);
  if (!work.query()) {
    void* const other = allocator->allocate(4096, handle_of(home));
    CHECK(other != a);
    allocator->deallocate(other);
  }
  side.synchronize();
  CHECK(allocator->allocate(4096, handle_of(home)) == a);  // and nobody uses it besides
  allocator->deallocate(a);
  void* const again = allocator->allocate(4096, handle_of(home));
  CHECK(again == a);
  allocator->deallocate(again);
}

TEST_CASE("the block's own stream needs no wait") {
  if (!has_cuda()) return;
  HostAllocator allocator(64 * kMiB);
  const cuda::Stream home;
  void* const a = allocator->allocate(4096, handle_of(home));
  allocator->record_stream(a, home);
  cuda::Event().record(home);
  allocator->deallocate(a);
  void* const again = allocator->allocate(4096, handle_of(home));
  CHECK(again == a);
  allocator->deallocate(again);
}

TEST_CASE("where there is no other memory, the allocator waits for the streams") {
  if (!has_cuda()) return;
  HostAllocator allocator(20 * kMiB);
  const cuda::Stream home, side;
  void* const a = allocator->allocate(15 * kMiB, handle_of(home));
  allocator->record_stream(a, side);
  cuda::Event().record(side);
  allocator->deallocate(a);
  void* const b = allocator->allocate(12 * kMiB, handle_of(side));
  allocator->record_stream(b, home);
  allocator->deallocate(b);
  allocator->empty_cache();
  CHECK(allocator->stats().reserved_bytes == 0);
}

TEST_CASE("without keeping, memory goes back at once: the driver waits") {
  if (!has_cuda()) return;
  HostAllocator allocator(kMiB, false);
  const cuda::Stream home, side;
  void* const a = allocator->allocate(1000, handle_of(home));
  allocator->record_stream(a, side);
  cuda::Event().record(side);
  allocator->deallocate(a);
  CHECK(allocator->stats().reserved_bytes == 0);
}

TEST_CASE("a stream lives as long as the allocator waits for it") {
  if (!has_cuda()) return;
  HostAllocator allocator(64 * kMiB);
  const cuda::Stream home;
  void* const a = allocator->allocate(4096, handle_of(home));
  allocator->record_stream(a, cuda::Stream());
  allocator->deallocate(a);
  void* const again = allocator->allocate(4096, handle_of(home));
  CHECK(again == a);  // the stream ended, which waits for it
  allocator->deallocate(again);
}

TEST_CASE("a tensor that is freed under a stream keeps its values for it") {
  if (!has_cuda()) return;
  const cuda::Stream side;
  cuda::Event ready;
  std::vector<Tensor> results;
  for (int i = 0; i < 8; ++i) {
    Tensor x = full({500}, i, {.dtype = float32, .device = "cuda"});
    ready.record();
    side.wait(ready);
    {
      const cuda::StreamGuard guard(side);
      results.push_back(x * 2.0);
    }
    x.record_stream(side);
    x = Tensor();
    const Tensor other = full({500}, -1, {.dtype = float32, .device = "cuda"});
    cuda::Stream::current().synchronize();  // the other one is written, and the side stream has not begun perhaps
  }
  side.synchronize();
  for (int i = 0; i < 8; ++i) CHECK(equal(results[static_cast<size_t>(i)].cpu(), full({500}, 2.0 * i)));
}

TEST_CASE("record_stream refuses what is of no use") {
  if (!has_cuda()) return;
  CHECK(message_of<DeviceError>([] { ones({2}).record_stream(cuda::Stream()); }) ==
        "record_stream: expected a tensor on the stream's device cuda:0, but got one on cpu");
  empty({0}, {.device = "cuda"}).record_stream(cuda::Stream());
}

TEST_CASE("Stream::current is that of the innermost guard, or the device's own") {
  if (!has_cuda()) return;
  const cuda::Stream own = cuda::Stream::current();
  CHECK(own.device() == 0);
  CHECK(cuda::Stream::current().native_handle() == own.native_handle());
  const cuda::Stream outer, inner;
  {
    const cuda::StreamGuard first(outer);
    CHECK(cuda::Stream::current().native_handle() == outer.native_handle());
    {
      const cuda::StreamGuard second(inner);
      CHECK(cuda::Stream::current().native_handle() == inner.native_handle());
    }
    CHECK(cuda::Stream::current().native_handle() == outer.native_handle());
    {
      const cuda::StreamGuard back(own);
      CHECK(cuda::Stream::current().native_handle() == own.native_handle());
    }
  }
  CHECK(cuda::Stream::current().native_handle() == own.native_handle());
  CHECK_THROWS_AS(cuda::Stream::current(63), DeviceError);
}

}  // namespace mote::testing
