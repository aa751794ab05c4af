// The simulator against small kernels, in every schedule that the environment asks for.
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "checker.h"
#include "report.h"
#include "sim/kernels.h"
#include "simt/graph_api.h"
#include "support/catch.h"

using namespace mote::test;

namespace {

// Device memory for the length of a test.
template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(size_t count) : count_(count) { REQUIRE(cudaMalloc(&data_, count * sizeof(T)) == cudaSuccess); }
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) {
    REQUIRE(cudaMemcpy(data_, values.data(), count_ * sizeof(T), cudaMemcpyHostToDevice) == cudaSuccess);
  }
  ~DeviceArray() { cudaFree(data_); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* get() const { return data_; }
  std::vector<T> host() const {
    std::vector<T> values(count_);
    REQUIRE(cudaMemcpy(values.data(), data_, count_ * sizeof(T), cudaMemcpyDeviceToHost) == cudaSuccess);
    return values;
  }

 private:
  T* data_ = nullptr;
  size_t count_;
};

bool schedule_is(const char* name) {
  const char* schedule = std::getenv("SIMT_SCHED");
  return schedule && std::strncmp(schedule, name, std::strlen(name)) == 0;
}

std::vector<int> counting(int count) {
  std::vector<int> values(static_cast<size_t>(count));
  std::iota(values.begin(), values.end(), 0);
  return values;
}

}  // namespace

TEST_CASE("a block exchanges through shared memory") {
  simt::reset_reports();
  const DeviceArray<int> in(counting(256)), out(256);
  REQUIRE(launch_reverse(in.get(), out.get(), 256) == cudaSuccess);
  const std::vector<int> result = out.host();
  for (int i = 0; i < 256; ++i) CHECK(result[static_cast<size_t>(i)] == i / 64 * 64 + 63 - i % 64);
  CHECK(simt::report_count() == 0);
}

TEST_CASE("lanes of a warp exchange by shuffles") {
  const DeviceArray<int> in(counting(512)), out(16);
  REQUIRE(launch_warp_sums(in.get(), out.get(), 512) == cudaSuccess);
  const std::vector<int> sums = out.host();
  for (int w = 0; w < 16; ++w) CHECK(sums[static_cast<size_t>(w)] == 32 * 32 * w + 31 * 32 / 2);
}

TEST_CASE("votes and reductions of a warp") {
  const DeviceArray<unsigned> out(8);
  REQUIRE(launch_votes(out.get()) == cudaSuccess);
  CHECK(out.host() == std::vector<unsigned>{0x49249249u, 1, 0, 31 * 32 / 2, static_cast<unsigned>(-9), 0, 3, 7});
}

TEST_CASE("atomics lose nothing, over all blocks and OS threads") {
  const DeviceArray<unsigned> counter(std::vector<unsigned>{0});
  REQUIRE(launch_count(counter.get(), 100) == cudaSuccess);
  CHECK(counter.host()[0] == 9600);
}

TEST_CASE("an asynchronous copy is there once it was waited for") {
  simt::reset_reports();
  std::vector<float> values(128);
  std::iota(values.begin(), values.end(), 1.0f);
  const DeviceArray<float> in(values), out(128);
  REQUIRE(launch_async_copy(in.get(), out.get(), true) == cudaSuccess);
  CHECK(out.host() == values);
  CHECK(simt::report_count() == 0);
}

TEST_CASE("a launch that cannot be is refused with an error") {
  simt::reset_reports();
  const DeviceArray<float> out(1);
  CHECK(launch_fill_shared(out.get(), 64 * 1024) == cudaErrorInvalidConfiguration);
  CHECK(simt::last_report().find("48 KiB") != std::string::npos);
  CHECK(launch_fill_shared(out.get(), 32 * 1024) == cudaSuccess);
  CHECK(out.host()[0] == 1.0f);
  simt::reset_reports();
  cudaGetLastError();
}

TEST_CASE("copies look at their pointers") {
  simt::reset_reports();
  const DeviceArray<int> device(4);
  int host[8] = {};
  CHECK(cudaMemcpy(device.get(), host, 8 * sizeof(int), cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
  CHECK(cudaMemcpy(host, device.get(), sizeof(int), cudaMemcpyHostToDevice) == cudaErrorInvalidMemcpyDirection);
  CHECK(cudaFree(host) == cudaErrorInvalidValue);
  CHECK(simt::report_count() == 3);
  simt::reset_reports();
  cudaGetLastError();
}

TEST_CASE("a kernel writes to mapped memory of the host, and to no other") {
  simt::reset_reports();
  void *memory = nullptr, *mapped = nullptr, *pinned = nullptr;
  REQUIRE(cudaHostAlloc(&memory, 96 * sizeof(unsigned), cudaHostAllocMapped) == cudaSuccess);
  REQUIRE(cudaHostGetDevicePointer(&mapped, memory, 0) == cudaSuccess);
  auto* const counter = static_cast<unsigned*>(memory);
  *counter = 5;
  REQUIRE(launch_count(static_cast<unsigned*>(mapped), 2) == cudaSuccess);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  CHECK(*counter == 5 + 2 * 96);
  CHECK(simt::report_count() == 0);
  REQUIRE(cudaMallocHost(&pinned, sizeof(unsigned)) == cudaSuccess);
  CHECK(cudaHostGetDevicePointer(&mapped, pinned, 0) == cudaErrorInvalidValue);
  if (simt::checker_linked()) {
    *static_cast<unsigned*>(pinned) = 0;
    REQUIRE(launch_count(static_cast<unsigned*>(pinned), 1) == cudaSuccess);
    REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
    CHECK(simt::report_count() > 0);
    simt::reset_reports();
  }
  CHECK(cudaFreeHost(pinned) == cudaSuccess);
  CHECK(cudaFreeHost(memory) == cudaSuccess);
  cudaGetLastError();
}

TEST_CASE("streams and events keep their order") {
  cudaStream_t first, second;
  REQUIRE(cudaStreamCreateWithFlags(&first, cudaStreamNonBlocking) == cudaSuccess);
  REQUIRE(cudaStreamCreateWithFlags(&second, cudaStreamNonBlocking) == cudaSuccess);
  cudaEvent_t written;
  REQUIRE(cudaEventCreate(&written) == cudaSuccess);
  const DeviceArray<int> device(1);
  int *source, *target;
  REQUIRE(cudaMallocHost(&source, sizeof(int)) == cudaSuccess);
  REQUIRE(cudaMallocHost(&target, sizeof(int)) == cudaSuccess);
  *source = 42;
  *target = 0;
  REQUIRE(cudaMemcpyAsync(device.get(), source, sizeof(int), cudaMemcpyHostToDevice, first) == cudaSuccess);
  REQUIRE(cudaEventRecord(written, first) == cudaSuccess);
  REQUIRE(cudaStreamWaitEvent(second, written) == cudaSuccess);
  REQUIRE(cudaMemcpyAsync(target, device.get(), sizeof(int), cudaMemcpyDeviceToHost, second) == cudaSuccess);
  REQUIRE(cudaStreamSynchronize(second) == cudaSuccess);
  CHECK(*target == 42);
  cudaFreeHost(source);
  cudaFreeHost(target);
  cudaEventDestroy(written);
  cudaStreamDestroy(first);
  cudaStreamDestroy(second);
}

TEST_CASE("a divergent barrier is reported with its lines") {
  simt::reset_reports();
  const DeviceArray<int> out(64);
  launch_divergent_barrier(out.get());
  cudaDeviceSynchronize();
  CHECK(simt::last_report().find("divergent barrier") != std::string::npos);
  CHECK(simt::last_report().find("kernels.cu") != std::string::npos);
  simt::reset_reports();
  cudaGetLastError();
}

TEST_CASE("a deadlock ends the kernel and names who waits where") {
  simt::reset_reports();
  const DeviceArray<int> out(32);
  launch_deadlock(out.get());
  CHECK(cudaDeviceSynchronize() == cudaErrorLaunchFailure);
  CHECK(simt::last_report().find("deadlock") != std::string::npos);
  CHECK(simt::last_report().find("__shfl_sync") != std::string::npos);
  simt::reset_reports();
  cudaGetLastError();
}

#if !defined(__SANITIZE_ADDRESS__)  // AddressSanitizer ends the program at the write itself
TEST_CASE("a write past the end of an allocation is noticed") {
  simt::reset_reports();
  float* memory;
  REQUIRE(cudaMalloc(&memory, 10 * sizeof(float)) == cudaSuccess);
  launch_past_the_end(memory, 10);
  cudaFree(memory);
  CHECK(simt::report_count() >= 1);
  simt::reset_reports();
  cudaGetLastError();
}
#endif

TEST_CASE("a graph runs what was captured, as often as it is launched") {
  cudaStream_t side, other;
  REQUIRE(cudaStreamCreateWithFlags(&side, cudaStreamNonBlocking) == cudaSuccess);
  REQUIRE(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking) == cudaSuccess);
  const DeviceArray<int> in(std::vector<int>{1, 2, 3}), out(std::vector<int>{0, 0, 0});
  cudaStreamCaptureStatus status;
  REQUIRE(cudaStreamBeginCapture(side, cudaStreamCaptureModeRelaxed) == cudaSuccess);
  CHECK(cudaStreamBeginCapture(side, cudaStreamCaptureModeRelaxed) == cudaErrorIllegalState);
  CHECK((cudaStreamIsCapturing(side, &status) == cudaSuccess && status == cudaStreamCaptureStatusActive));
  CHECK((cudaStreamIsCapturing(other, &status) == cudaSuccess && status == cudaStreamCaptureStatusNone));
  CHECK(cudaMemcpyAsync(out.get(), in.get(), 12, cudaMemcpyDeviceToDevice, side) == cudaSuccess);
  CHECK(cudaMemsetAsync(out.get(), 0, 4, side) == cudaSuccess);
  CHECK(cudaStreamSynchronize(other) == cudaSuccess);
  cudaGraph_t graph = nullptr;
  REQUIRE(cudaStreamEndCapture(side, &graph) == cudaSuccess);
  CHECK(out.host() == std::vector<int>{0, 0, 0});
  cudaGraphExec_t exec = nullptr;
  REQUIRE(cudaGraphInstantiate(&exec, graph, 0) == cudaSuccess);
  CHECK(cudaGraphDestroy(graph) == cudaSuccess);
  for (const int value : {5, 6}) {
    const std::vector<int> values{value, value, value};
    REQUIRE(cudaMemcpy(in.get(), values.data(), 12, cudaMemcpyHostToDevice) == cudaSuccess);
    REQUIRE(cudaGraphLaunch(exec, other) == cudaSuccess);
    REQUIRE(cudaStreamSynchronize(other) == cudaSuccess);
    CHECK(out.host() == std::vector<int>{0, value, value});
  }
  CHECK(cudaGraphExecDestroy(exec) == cudaSuccess);
  cudaStreamDestroy(side);
  cudaStreamDestroy(other);
}

TEST_CASE("what a capture does not allow fails, and the capture with it") {
  cudaStream_t side, other;
  REQUIRE(cudaStreamCreateWithFlags(&side, cudaStreamNonBlocking) == cudaSuccess);
  REQUIRE(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking) == cudaSuccess);
  cudaEvent_t event, ahead;
  REQUIRE(cudaEventCreate(&event) == cudaSuccess);
  REQUIRE(cudaEventCreate(&ahead) == cudaSuccess);
  REQUIRE(cudaEventRecord(ahead, other) == cudaSuccess);
  cudaGraph_t graph = nullptr;
  CHECK(cudaStreamEndCapture(side, &graph) == cudaErrorIllegalState);
  CHECK(cudaStreamBeginCapture(nullptr, cudaStreamCaptureModeRelaxed) == cudaErrorStreamCaptureUnsupported);
  const auto fails = [&](const auto& call, cudaError_t expected) {
    REQUIRE(cudaStreamBeginCapture(side, cudaStreamCaptureModeRelaxed) == cudaSuccess);
    CHECK(call() == expected);
    cudaStreamCaptureStatus status;
    CHECK((cudaStreamIsCapturing(side, &status) == cudaSuccess && status == cudaStreamCaptureStatusInvalidated));
    CHECK(cudaStreamEndCapture(side, &graph) == cudaErrorStreamCaptureInvalidated);
    CHECK(graph == nullptr);
  };
  fails([&] { return cudaStreamSynchronize(side); }, cudaErrorStreamCaptureUnsupported);
  fails([&] { return cudaDeviceSynchronize(); }, cudaErrorStreamCaptureUnsupported);
  fails([&] { return cudaStreamQuery(side); }, cudaErrorStreamCaptureUnsupported);
  fails([&] { return cudaEventRecord(event, side); }, cudaErrorStreamCaptureUnsupported);
  fails([&] { return cudaStreamWaitEvent(side, ahead, 0); }, cudaErrorStreamCaptureIsolation);
  CHECK(cudaDeviceSynchronize() == cudaSuccess);
  cudaGetLastError();
  cudaEventDestroy(event);
  cudaEventDestroy(ahead);
  cudaStreamDestroy(side);
  cudaStreamDestroy(other);
}

TEST_CASE("planted synchronisation bugs are caught, and their correct twins are clean") {
  for (int i = 0; i < planted_bug_count; ++i) {
    const PlantedBug& bug = planted_bugs[i];
    for (const bool correct : {true, false}) {
      simt::reset_reports();
      const DeviceArray<float> out(std::vector<float>(4096));
      REQUIRE(bug.launch(correct, out.get()) == cudaSuccess);
      const std::vector<float> result = out.host();
      bool wrong = false;
      for (unsigned k = 0; k < bug.floats; ++k) wrong |= !(result[k] == 0.0f);
      const bool caught = wrong || simt::report_count() > 0;
      INFO(bug.name << (correct ? " correct: " : " planted: ") << simt::last_report());
      if (correct) CHECK(!caught);
      // The checker sees all of them. Of the schedules, PCT shows those in which a barrier is missing.
      const bool by_schedule = std::strcmp(bug.name, "lost_update") != 0 && std::strcmp(bug.name, "last_block") != 0;
      if (!correct && (simt::checker_linked() || (schedule_is("pct") && by_schedule))) CHECK(caught);
    }
  }
  simt::reset_reports();
}

TEST_CASE("the checker sees the use of an asynchronous copy that was not waited for") {
  if (!simt::checker_linked()) return;
  simt::reset_reports();
  const DeviceArray<float> in(std::vector<float>(128, 1.0f)), out(128);
  launch_async_copy(in.get(), out.get(), false);
  CHECK(simt::last_report().find("cp.async") != std::string::npos);
  simt::reset_reports();
}
