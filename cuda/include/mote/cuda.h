// The CUDA backend seen from outside. No CUDA header is needed to include this.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "mote/memory_stats.h"

namespace mote::cuda {

// Whether tensors can live on "cuda": the build has the backend and the machine a device, real or simulated.
bool is_available();
// Whether that device is the simulator on the CPU: right results, no speed.
bool is_simulated();
int device_count();

struct DeviceProperties {
  std::string name;  // what the driver calls it
  int major = 0;     // compute capability
  int minor = 0;
  size_t total_memory = 0;  // bytes
  int multi_processor_count = 0;
};
// Throws DeviceError where there is no such device.
DeviceProperties get_device_properties(int device = 0);

// Waits until everything that was asked of the device is done. Throws IndexError where a call before it got an index
// out of range. Nothing to wait for without one.
void synchronize(int device = 0);

using MemoryStats = mote::MemoryStats;
// What mote's allocator holds on a device. All zero without one.
MemoryStats memory_stats(int device = 0);
// Makes the peaks what is held now.
void reset_peak_memory_stats(int device = 0);
// Gives memory that no tensor uses back to the driver. The environment variable MOTE_CUDA_CACHE=0 keeps none at all,
// so that compute-sanitizer knows each tensor's bounds; in the simulator, which knows them too, 0 is the default.
void empty_cache(int device = 0);

// The same of pinned memory (pin_memory), which all devices share. Among it are 8 MiB for each device that was copied
// to, through which copies from ordinary memory go.
MemoryStats host_memory_stats();
void reset_peak_host_memory_stats();
// Unpins memory that no tensor uses and gives it back to the system.
void empty_host_cache();

// Whether float32 matrix products may round their inputs to TF32 (10 bits of mantissa), as tensor cores take them: a
// relative error of about 1e-3 in place of 1e-6. Off unless set; for the whole process.
void set_allow_tf32(bool allow);
bool allow_tf32();

// The rungs of attention's ladder, from the formula as written to tensor cores (docs/attention.md). A rung that cannot
// take a call (a type or a head size) leaves it to the one below.
enum class AttentionKernel : uint8_t {
  Automatic,   // the highest rung that the operands allow
  Naive,       // the scores in global memory, a thread for each element
  Tiled,       // tiles in shared memory, products in float32 (float64 for float64)
  TensorCore,  // float16 and bfloat16 by tensor cores
};

// Which rung scaled_dot_product_attention takes, for the whole process: for teaching, tests and measurements. At first
// what MOTE_CUDA_ATTENTION in the environment says (naive, tiled or tensor_core), else Automatic.
void set_attention_kernel(AttentionKernel kernel);
AttentionKernel attention_kernel();

}  // namespace mote::cuda
