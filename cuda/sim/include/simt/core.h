// What a kernel's translation unit sees of the simulator: who the running CUDA thread is, the qualifiers of CUDA C++ as
// ordinary C++, and the blocking operations that the executor provides.
#pragma once

#include <cstddef>
#include <cstdint>

// Code of the simulator itself must not be taken for accesses of the kernel when kernels are compiled for the checker.
#if defined(__SANITIZE_THREAD__) || defined(__clang__)
#define SIMT_RAW __attribute__((no_sanitize("thread"), noinline))
#else
#define SIMT_RAW
#endif

struct uint3 {
  unsigned x, y, z;
};

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
  constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z) {}
};

// Real variables, not macros: a launch configuration has members of these names.
extern constinit thread_local uint3 threadIdx, blockIdx;
extern constinit thread_local dim3 blockDim, gridDim;
inline constexpr int warpSize = 32;

#define __global__
#define __device__
#define __host__
#define __constant__ __attribute__((section("simt_const")))
#define __grid_constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
// At block scope thread_local implies static: one copy for each OS thread, which runs one block at a time.
#define __shared__ thread_local

namespace simt {

// A place in the kernel's source, for reports.
struct Place {
  const char* file = "?";
  unsigned line = 0;
  static constexpr Place current(const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
    return {file, line};
  }
};

// The running CUDA thread, kept up to date by the executor.
struct Self {
  unsigned linear;  // position in the block
  unsigned lane;
  unsigned warp;
  unsigned char* shared;  // dynamic shared memory of the block
  uint32_t shared_bytes;
};
extern constinit thread_local Self self;

// Ends the kernel with cudaErrorLaunchFailure and a report that names kernel, block and thread.
[[noreturn]] void device_fail(const char* format, ...) __attribute__((format(printf, 1, 2)));

// --- barriers and collectives ---
enum class BarrierOp { Sync, Count, All, Any };
int block_barrier(BarrierOp op, int predicate, Place place);

// Meets the lanes of `mask`. The last to arrive runs combine(data pointers of the 32 lanes, mask); then all go on.
using Combine = void (*)(void* const* lanes, unsigned mask);
void warp_collective(unsigned mask, Combine combine, void* mine, const char* what, bool orders_memory, Place place);
unsigned active_mask();
void yield();  // lets other threads of the block run

// --- cp.async: the data lands at once, at the latest legal moment, or at random, as SIMT_ASYNC says ---
void async_copy(void* shared, const void* global, unsigned bytes, unsigned source_bytes, void* caller);
void async_commit();
void async_wait(unsigned pending_groups);

// --- for the checker; without it they do nothing ---
void note_fence();
void note_atomic(const void* address, unsigned bytes, void* caller);

// A generic address of dynamic shared memory as a 32-bit one.
uint32_t shared_offset(const void* address);

}  // namespace simt
