// What a device says of itself.
#include <mote/cuda.h>

#include "cuda/parity.h"

namespace mote::testing {

TEST_CASE("a CUDA device has a name, a compute capability, memory and multiprocessors") {
  if (!has_cuda()) return;
  const cuda::DeviceProperties properties = cuda::get_device_properties();
  CHECK_FALSE(properties.name.empty());
  CHECK(properties.major >= 8);
  CHECK(properties.total_memory >= cuda::memory_stats().reserved_bytes);
  CHECK(properties.total_memory > 0);
  CHECK(properties.multi_processor_count >= 1);
  if (cuda::is_simulated()) CHECK(properties.name == "simulated device");
}

TEST_CASE("the properties of a device that does not exist are a DeviceError") {
  CHECK_THROWS_AS(cuda::get_device_properties(cuda::device_count()), DeviceError);
  CHECK_THROWS_AS(cuda::get_device_properties(-1), DeviceError);
}

}  // namespace mote::testing
