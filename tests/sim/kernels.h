// Small kernels for the tests of the simulator. Each planted bug stands beside its correct twin.
#pragma once

#include <cuda_runtime.h>

namespace mote::test {

// Launches a kernel over `blocks` blocks with `out`, device memory of 4096 floats that a right kernel leaves zero.
struct PlantedBug {
  const char* name;
  cudaError_t (*launch)(bool correct, float* out);
  unsigned floats;  // of `out` that the kernel writes
};

extern const PlantedBug planted_bugs[];
extern const int planted_bug_count;

cudaError_t launch_reverse(const int* in, int* out, int count);    // each block of 64 reversed through shared memory
cudaError_t launch_warp_sums(const int* in, int* out, int count);  // out[warp] = sum over the warp, by shuffles
cudaError_t launch_votes(unsigned* out);                       // ballot, any, all and reductions of lanes 0, 3, 6, ...
cudaError_t launch_count(unsigned* counter, unsigned blocks);  // every thread adds one
cudaError_t launch_async_copy(const float* in, float* out, bool wait);  // 32 threads x 16 bytes through cp.async
cudaError_t launch_past_the_end(float* out, int count);                 // thread i writes out[i] for i <= count
cudaError_t launch_divergent_barrier(int* out);
cudaError_t launch_deadlock(int* out);
cudaError_t launch_fill_shared(float* out, size_t shared_bytes);

}  // namespace mote::test
