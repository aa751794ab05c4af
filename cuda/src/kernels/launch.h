// How a kernel is started: launch(), in place of <<<>>>, which C++ does not have. It checks the launch, names the
// operation in the error, and is the same for nvcc and for the simulator.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>
#include <tuple>

#include "cuda_check.h"
#include "cuda_device.h"
#include "mote/host_device.h"

namespace mote::cuda {

inline constexpr unsigned kAllLanes = 0xffffffffu;       // of a warp, in its collectives
inline constexpr size_t kStaticSharedBytes = 48 * 1024;  // more than this must be asked for

// The shape of a launch: blocks, threads of a block, bytes of dynamic shared memory.
struct Launch {
  dim3 grid;
  dim3 block;
  size_t shared_bytes = 0;
};

// How many blocks of `size` cover `count`.
template <class T>
MOTE_HD constexpr T ceil_div(T count, T size) {
  return (count + size - 1) / size;
}

// Runs kernel(arguments...) on this thread's stream of `device`. `op` is what an error calls it. A grid
// without blocks is no launch.
template <class... P, class... A>
void launch(const char* op, const Launch& shape, int device, void (*kernel)(P...), const A&... arguments) {
  static_assert(sizeof...(P) == sizeof...(A), "as many arguments as the kernel has parameters");
  if (shape.grid.x == 0 || shape.grid.y == 0 || shape.grid.z == 0) return;
  const DeviceGuard guard(device);
  auto* const stream = current_stream(device);
  if (shape.shared_bytes > kStaticSharedBytes)
    check(
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shape.shared_bytes)),
        op);
#ifdef MOTE_SIM
  check(simt::launch_kernel(op, kernel, shape.grid, shape.block, shape.shared_bytes, stream, arguments...), op);
#else
  std::tuple<P...> values(static_cast<P>(arguments)...);
  const cudaError_t status = std::apply(
      [&](P&... value) {
        void* pointers[] = {const_cast<void*>(static_cast<const void*>(&value))...};
        return cudaLaunchKernel(reinterpret_cast<const void*>(kernel), shape.grid, shape.block, pointers,
                                shape.shared_bytes, stream);
      },
      values);
  check(status, op);
#endif
  if (synchronizes_each_launch()) check(cudaStreamSynchronize(stream), op);
}

// A launch of `threads` a block for `count` pieces of work that a grid-stride loop hands out: at most a few waves of
// blocks, whatever the count.
inline Launch strided_launch(int64_t count, int threads, int device) {
  constexpr int64_t kWaves = 4;
  const int64_t resident = int64_t{multiprocessors(device)} * (2048 / threads);
  const int64_t blocks = std::min(ceil_div(count, int64_t{threads}), kWaves * resident);
  return {dim3(static_cast<unsigned>(blocks)), dim3(static_cast<unsigned>(threads))};
}

// Dynamic shared memory of the block, 16-byte aligned.
template <class T>
__device__ __forceinline__ T* dynamic_shared() {
#ifdef MOTE_SIM
  return reinterpret_cast<T*>(simt::self.shared);
#else
  extern __shared__ __align__(16) unsigned char mote_dynamic_shared[];
  return reinterpret_cast<T*>(mote_dynamic_shared);
#endif
}

}  // namespace mote::cuda
