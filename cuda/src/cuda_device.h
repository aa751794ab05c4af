// Devices and their streams, inside the backend.
#pragma once

#include <cuda_runtime.h>

namespace mote::cuda {

inline constexpr int kMaxDevices = 64;

// Throws DeviceError unless the machine has this device.
void check_device(int device);

// Makes `device` the runtime's current one until the guard ends.
class DeviceGuard {
 public:
  explicit DeviceGuard(int device);
  ~DeviceGuard();
  DeviceGuard(const DeviceGuard&) = delete;
  DeviceGuard& operator=(const DeviceGuard&) = delete;

 private:
  int previous_;
  bool changed_ = false;
};

// The stream of this thread on `device`: all that an operation asks of the device goes there.
cudaStream_t current_stream(int device);
// Puts another stream in its place; null for the device's own. Returns the one before.
cudaStream_t exchange_stream(int device, cudaStream_t stream);

// Streaming multiprocessors, and compute capability as 10 * major + minor.
int multiprocessors(int device);
int compute_capability(int device);

}  // namespace mote::cuda
