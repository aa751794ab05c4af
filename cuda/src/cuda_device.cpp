#include "cuda_device.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <mutex>

#include "cuda_check.h"
#include "mote/cuda.h"
#include "mote/error.h"
#include "mote/recording.h"

namespace mote::cuda {

namespace {

// What is asked of a device once. It lives as long as the process: at exit the driver may be gone before statics are.
struct DeviceState {
  std::once_flag once;
  cudaStream_t stream = nullptr;
  int multiprocessors = 0, compute_capability = 0;
};

// The kernels use asynchronous copies and bfloat16 on tensor cores.
constexpr int kLeastComputeCapability = 80;

void open_device(DeviceState& state, int device) {
  const DeviceGuard guard(device);
  int major = 0, minor = 0;
  check(cudaDeviceGetAttribute(&state.multiprocessors, cudaDevAttrMultiProcessorCount, device), "cuda device");
  check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device), "cuda device");
  check(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device), "cuda device");
  state.compute_capability = 10 * major + minor;
  if (state.compute_capability < kLeastComputeCapability)
    throw DeviceError(
        fmt::format("cuda:{} ({}) has compute capability {}.{}, but mote's kernels need {}.{} or later; use another "
                    "device or \"cpu\"",
                    device, get_device_properties(device).name, major, minor, kLeastComputeCapability / 10,
                    kLeastComputeCapability % 10));
  check(cudaStreamCreateWithFlags(&state.stream, cudaStreamNonBlocking), "cudaStreamCreate");
}

DeviceState& state_of(int device) {
  static auto* const states = new std::array<DeviceState, kMaxDevices>;
  check_device(device);
  DeviceState& state = (*states)[static_cast<size_t>(device)];
  std::call_once(state.once, open_device, std::ref(state), device);
  return state;
}

thread_local std::array<cudaStream_t, kMaxDevices> streams_in_use{};

}  // namespace

void check_device(int device) {
  const int count = std::min(device_count(), kMaxDevices);
  if (device < 0 || device >= count)
    throw DeviceError(
        fmt::format("cuda:{} does not exist: this machine has {} CUDA device{}", device, count, count == 1 ? "" : "s"));
}

DeviceGuard::DeviceGuard(int device) : previous_(0) {
  check(cudaGetDevice(&previous_), "cudaGetDevice");
  if (previous_ == device) return;
  check(cudaSetDevice(device), "cudaSetDevice");
  changed_ = true;
}

DeviceGuard::~DeviceGuard() {
  if (changed_) cudaSetDevice(previous_);
}

cudaStream_t current_stream(int device) {
  if (const Recording* recording = Recording::current(); recording && recording->device().index() != device)
    refuse_to_record("this operation", "it is work on another device than that of the graph");
  auto* const own = state_of(device).stream;
  auto* const chosen = streams_in_use[static_cast<size_t>(device)];
  return chosen ? chosen : own;
}

cudaStream_t exchange_stream(int device, cudaStream_t stream) {
  auto* const previous = current_stream(device);
  streams_in_use[static_cast<size_t>(device)] = stream;
  return previous;
}

DeviceProperties get_device_properties(int device) {
  check_device(device);
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, device), "cuda device");
  return {properties.name, properties.major, properties.minor, properties.totalGlobalMem,
          properties.multiProcessorCount};
}

int multiprocessors(int device) { return state_of(device).multiprocessors; }
int compute_capability(int device) { return state_of(device).compute_capability; }

}  // namespace mote::cuda
