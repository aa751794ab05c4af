// Pinned memory and copies that do not wait. Where the simulator's streams are deferred, nothing has happened before
// somebody waits, so that it shows which copies waited and which did not.
#include <cuda_runtime.h>

#include <cstdlib>
#include <map>
#include <string_view>

#include "cuda/parity.h"
#include "cuda_check.h"
#include "mote/cuda_stream.h"
#include "mote/mote.h"
#include "pinned_memory.h"
#include "staging_ring.h"

namespace mote::testing {

namespace {

bool streams_are_deferred() {
  const char* streams = std::getenv("SIMT_STREAMS");
  return cuda::is_simulated() && streams && std::string_view(streams) == "deferred";
}

bool copies_are_deferred() { return streams_are_deferred() && !cuda::synchronizes_each_launch(); }

bool all_are(const Tensor& x, double value) { return eq(x, value).all().item<bool>(); }

// Host memory of a limited size in the place of the system's.
class SmallHost {
 public:
  explicit SmallHost(size_t limit) : limit_(limit) {}
  ~SmallHost() { CHECK(sizes_.empty()); }

  cuda::SegmentSource source() {
    return {[this](size_t bytes) -> void* {
              if (used + bytes > limit_) return nullptr;
              void* memory = std::malloc(bytes);
              sizes_[memory] = bytes;
              used += bytes;
              return memory;
            },
            [this](void* memory) {
              used -= sizes_[memory];
              sizes_.erase(memory);
              std::free(memory);
            },
            [] { return std::string("the host is small"); }};
  }
  size_t used = 0;

 private:
  size_t limit_;
  std::map<void*, size_t> sizes_;
};

}  // namespace

TEST_CASE("a pinned tensor is a tensor of the CPU") {
  if (!has_cuda()) return;
  const Tensor x = arange(0, 12).to(float32).reshape({3, 4});
  CHECK_FALSE(x.is_pinned());
  const Tensor pinned = x.t().pin_memory();
  CHECK(pinned.is_pinned());
  CHECK(pinned.device() == Device("cpu"));
  CHECK(pinned.is_contiguous());
  CHECK(equal(pinned, x.t()));
  CHECK(is_same(pinned.pin_memory(), pinned));
  CHECK(pinned[1].is_pinned());
  CHECK(equal(pinned + 1, x.t() + 1));
  CHECK_FALSE((pinned + 1).is_pinned());
  CHECK_FALSE(pinned.clone().is_pinned());
  const Tensor leaf = ones({3}, {.requires_grad = true});
  (leaf.pin_memory() * 2.0).sum().backward();
  CHECK(all_are(leaf.grad(), 2.0));
}

TEST_CASE("creation functions make pinned tensors") {
  if (!has_cuda()) return;
  const TensorOptions options{.pinned_memory = true};
  for (const Tensor& x : {empty({3}, options), zeros({3}, options), full({3}, 2, options), arange(3, options),
                          tensor({1, 2}, options), rand({3}, options), randn({3}, options), randint(5, {3}, options),
                          randperm(4, options), zeros_like(ones({2}), options), rand_like(ones({2}), options)}) {
    CHECK(x.is_pinned());
    CHECK(x.device().is_cpu());
  }
  CHECK(all_are(full({3}, 2, options), 2.0));
  CHECK(zeros({2}, {.requires_grad = true, .pinned_memory = true}).requires_grad());
  CHECK_FALSE(zeros_like(zeros({2}, options)).is_pinned());
  CHECK(message_of<DeviceError>([] { zeros({2}, {.device = "cuda", .pinned_memory = true}); }) ==
        "zeros: only memory of the cpu can be pinned, but the device is cuda:0");
  CHECK(message_of<DeviceError>([] { ones({2}).to("cuda").pin_memory(); }) ==
        "pin_memory: only a tensor on the cpu can be pinned, but this one is on cuda:0");
  CHECK_FALSE(ones({2}).to("cuda").is_pinned());
}

TEST_CASE("memory that the program pinned itself is known to be pinned") {
  if (!has_cuda()) return;
  void* memory = nullptr;
  REQUIRE(cudaHostAlloc(&memory, 4 * sizeof(float), cudaHostAllocPortable) == cudaSuccess);
  {
    const Tensor x = from_blob(memory, {4});
    x.fill_(3);
    CHECK(x.is_pinned());
    CHECK(x[2].is_pinned());
    CHECK(is_same(x.pin_memory(), x));
    CHECK(all_are(x.to("cuda", {.non_blocking = true}).cpu(), 3.0));
    CHECK_THROWS_AS(from_blob(memory, {4}, {.pinned_memory = true}), ValueError);
  }
  cuda::synchronize();
  cudaFreeHost(memory);
  float ordinary[4] = {};
  CHECK_FALSE(from_blob(ordinary, {4}).is_pinned());
}

TEST_CASE("from pinned memory, a non-blocking copy reads when the device gets there; no other does") {
  if (!has_cuda()) return;
  const bool pinned = GENERATE(true, false), non_blocking = GENERATE(true, false);
  Tensor source = full({1000}, 1.0);
  if (pinned) source = source.pin_memory();
  cuda::synchronize();
  const Tensor there = source.to("cuda", {.non_blocking = non_blocking});
  if (!(pinned && non_blocking)) {
    source.fill_(2.0);
    CHECK(all_are(there.cpu(), 1.0));
  } else if (copies_are_deferred()) {
    source.fill_(2.0);
    CHECK(all_are(there.cpu(), 2.0));
  } else {
    CHECK(all_are(there.cpu(), 1.0));
  }
}

TEST_CASE("copy_ and cuda() take non_blocking too") {
  if (!has_cuda()) return;
  const Tensor source = full({100}, 1.0, {.pinned_memory = true}), there = zeros({100}, {.device = "cuda"});
  cuda::synchronize();
  there.copy_(source, true);
  const Tensor other = source.cuda(0, true);
  if (copies_are_deferred()) source.fill_(2.0);
  const double expected = copies_are_deferred() ? 2.0 : 1.0;
  CHECK(all_are(there.cpu(), expected));
  CHECK(all_are(other.cpu(), expected));
}

TEST_CASE("into pinned memory a non-blocking copy does not wait; into other memory it does") {
  if (!has_cuda()) return;
  const Tensor there = full({1000}, 1.0, {.device = "cuda"});
  const Tensor target = zeros({1000}, {.pinned_memory = true}), ordinary = zeros({1000});
  target.copy_(there, true);
  if (copies_are_deferred()) CHECK(all_are(target, 0.0));
  cuda::synchronize();
  CHECK(all_are(target, 1.0));
  const Tensor two = there * 2.0;
  ordinary.copy_(two, true);
  CHECK(all_are(ordinary, 2.0));
  target.copy_(two);
  CHECK(all_are(target, 2.0));
  const Tensor here = (there * 3.0).to("cpu", {.non_blocking = true});
  CHECK(here.is_pinned());
  cuda::synchronize();
  CHECK(all_are(here, 3.0));
  CHECK_FALSE(there.to("cpu").is_pinned());
}

TEST_CASE("copies with a cast, a broadcast or strides come out as ever") {
  if (!has_cuda()) return;
  const Tensor x = arange(0, 12).to(float32).reshape({3, 4}), pinned = x.pin_memory();
  const Tensor there = pinned.t().to("cuda", float64, {.non_blocking = true});
  CHECK(equal(there.cpu(), x.t().to(float64)));
  const Tensor wide = zeros({2, 3, 4}, {.device = "cuda"});
  wide.copy_(pinned, true);
  wide.transpose(1, 2)[1].copy_(pinned.t() * 2.0, true);
  CHECK(equal(wide[0].cpu(), x));
  CHECK(equal(wide[1].cpu(), x * 2.0));
  const Tensor target = zeros({4, 3}, {.dtype = float64, .pinned_memory = true});
  target.t().copy_(x.to("cuda"), true);  // by way of memory in between, which is read at once
  CHECK(equal(target, x.t().to(float64)));
  const Tensor leaf = x.pin_memory().requires_grad_();
  (leaf.to("cuda", {.non_blocking = true}) * 3.0).sum().backward();
  CHECK(all_are(leaf.grad(), 3.0));
  CHECK(pinned.to(float32, {.copy = true}).impl() != pinned.impl());
  CHECK(is_same(pinned.to(float32, ToOptions{}), pinned));
}

TEST_CASE("pinned tensors that are freed while a copy is under way are copied right") {
  if (!has_cuda()) return;
  std::vector<Tensor> there, back;
  for (int i = 0; i < 20; ++i)
    there.push_back(full({600}, i, {.pinned_memory = true}).to("cuda", {.non_blocking = true}));
  for (int i = 0; i < 20; ++i) {
    there[static_cast<size_t>(i)].to("cpu", {.non_blocking = true});  // and gone before it is there
    back.push_back(full({600}, -1, {.pinned_memory = true}));
  }
  cuda::synchronize();
  for (int i = 0; i < 20; ++i) {
    CHECK(all_are(there[static_cast<size_t>(i)].cpu(), i));
    CHECK(all_are(back[static_cast<size_t>(i)], -1));
  }
}

TEST_CASE("ordinary memory larger than the ring may be changed at once") {
  if (!has_cuda()) return;
  const Tensor source = arange(0, 2600001).to(int32);  // 9.9 MiB
  const Tensor there = source.to("cuda"), again = (source + 1).to("cuda", {.non_blocking = true});
  source.zero_();
  CHECK(equal(there.cpu(), arange(0, 2600001).to(int32)));
  CHECK(equal(again.cpu(), arange(1, 2600002).to(int32)));
}

TEST_CASE("the ring uses a part again only when its copy is done") {
  if (!has_cuda()) return;
  cuda::PinnedMemory& memory = cuda::pinned_memory();
  void* const room = memory.allocate(4096);
  {
    cuda::StagingRing ring(0, static_cast<char*>(room), 4096, 1024);
    const cuda::Stream streams[2];
    std::vector<Tensor> sources, targets;
    uint32_t state = 1;
    const auto next = [&](uint32_t bound) { return (state = state * 1664525u + 1013904223u) / 65536u % bound; };
    for (int i = 0; i < 60; ++i) {
      const int64_t size = 1 + next(i % 10 == 0 ? 5000 : 700);
      sources.push_back(randint(256, {size}, {.dtype = uint8}));
      targets.push_back(zeros({size}, {.dtype = uint8, .device = "cuda"}));
    }
    cuda::synchronize();
    for (size_t i = 0; i < sources.size(); ++i) {
      const Tensor source = sources[i].clone();
      ring.copy(targets[i].data_ptr(), source.data_ptr(), static_cast<size_t>(source.numel()),
                static_cast<cudaStream_t>(streams[next(2)].native_handle()));
      source.zero_();
    }
    for (const cuda::Stream& stream : streams) stream.synchronize();
    for (size_t i = 0; i < sources.size(); ++i) CHECK(equal(targets[i].cpu(), sources[i]));
  }
  memory.deallocate(room);
}

TEST_CASE("pinned blocks are kept, in few sizes, and given out again when the device is done") {
  if (!has_cuda()) return;
  SmallHost host(64 << 10);
  const cuda::Stream stream;
  auto* const handle = static_cast<cudaStream_t>(stream.native_handle());
  cuda::PinnedMemory memory(host.source(), true);
  void* const a = memory.allocate(5000);
  CHECK(host.used == 8192);
  CHECK(memory.owns(static_cast<char*>(a) + 8191));
  CHECK_FALSE(memory.owns(static_cast<char*>(a) + 8192));
  memory.deallocate(a);
  CHECK_FALSE(memory.owns(a));
  CHECK(memory.allocate(8000) == a);
  memory.note_use(static_cast<char*>(a) + 100, handle, 0);
  memory.note_use(&host, handle, 0);  // somebody else's
  memory.deallocate(a);
  if (streams_are_deferred()) {
    void* const b = memory.allocate(8000);
    CHECK(b != a);
    memory.deallocate(b);
  }
  stream.synchronize();
  memory.empty_cache();
  CHECK(host.used == 0);
  void* const whole = memory.allocate(64 << 10);
  memory.note_use(whole, handle, 0);
  memory.deallocate(whole);
  void* const part = memory.allocate(10000);  // waits for the copy, and gives back what is kept
  CHECK(host.used == 16384);
  CHECK_THAT(
      message_of<OutOfMemoryError>([&] { memory.allocate(40000); }),
      contains("pinned memory: there is no room for 64.00 KiB: the host is small; mote holds 16.00 KiB in 1 live "
               "blocks"));
  const cuda::MemoryStats stats = memory.stats();
  CHECK(stats.allocated_bytes == 16384);
  CHECK(stats.peak_allocated_bytes == 65536);
  CHECK(stats.live_blocks == 1);
  CHECK(stats.segments == 1);
  memory.deallocate(part);
  memory.empty_cache();
}

TEST_CASE("without keeping, a pinned block goes back when the device is done") {
  if (!has_cuda()) return;
  SmallHost host(64 << 10);
  const cuda::Stream stream;
  cuda::PinnedMemory memory(host.source(), false);
  void* const a = memory.allocate(1000);
  CHECK(host.used == 1000);
  memory.note_use(a, static_cast<cudaStream_t>(stream.native_handle()), 0);
  memory.deallocate(a);
  CHECK(host.used == (streams_are_deferred() ? 1000 : 0));
  stream.synchronize();
  memory.deallocate(memory.allocate(10));
  CHECK(host.used == 0);
}

TEST_CASE("host_memory_stats follows the pinned tensors") {
  if (!has_cuda()) return;
  const cuda::MemoryStats before = cuda::host_memory_stats();
  {
    const Tensor x = zeros({2000}, {.pinned_memory = true});
    CHECK(cuda::host_memory_stats().allocated_bytes >= before.allocated_bytes + 8000);
    CHECK(cuda::host_memory_stats().live_blocks == before.live_blocks + 1);
  }
  CHECK(cuda::host_memory_stats().allocated_bytes == before.allocated_bytes);
  cuda::empty_host_cache();
  CHECK(cuda::host_memory_stats().reserved_bytes == cuda::host_memory_stats().allocated_bytes);
  cuda::reset_peak_host_memory_stats();
  CHECK(cuda::host_memory_stats().peak_allocated_bytes == before.allocated_bytes);
}

TEST_CASE("a module moves without waiting") {
  if (!has_cuda()) return;
  nn::Linear layer(3, 2);
  const Tensor x = randn({4, 3}), expected = layer(x).detach();
  layer.to("cuda", {.non_blocking = true});
  CHECK(allclose(layer(x.to("cuda")).detach().cpu(), expected, 1e-5, 1e-6));
  layer.to("cpu", float64, {.non_blocking = true});
  cuda::synchronize();
  CHECK(layer.weight.is_pinned());
  CHECK(allclose(layer(x.to(float64)).detach().to(float32), expected, 1e-5, 1e-6));
}

TEST_CASE("a capture refuses copies from the host, pinned or not") {
  if (!has_cuda()) return;
  const Tensor source = ones({4}, {.pinned_memory = true}), there = zeros({4}, {.device = "cuda"});
  const Tensor target = zeros({4}, {.pinned_memory = true});
  cuda::Graph graph;
  CHECK_THROWS_AS(graph.capture([&] { there.copy_(source, true); }), StateError);
  CHECK_THROWS_AS(graph.capture([&] { target.copy_(there, true); }), StateError);
  there.copy_(source, true);
  CHECK(all_are(there.cpu(), 1.0));
}

}  // namespace mote::testing
