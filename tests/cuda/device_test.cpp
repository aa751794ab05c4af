// What a device says of itself.
#include <mote/cuda.h>
#include <mote/cuda_stream.h>

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

// Run on its own, on a simulated card of compute capability 7.5 (SIMT_CC=75).
TEST_CASE("a card that is too old is named") {
  if (cuda::get_device_properties().major >= 8) return;
  const std::string expected =
      "cuda:0 (simulated device) has compute capability 7.5, but mote's kernels need 8.0 or later; use another device "
      "or \"cpu\"";
  CHECK(message_of<DeviceError>([] { ones({2}).to("cuda"); }) == expected);
  CHECK(message_of<DeviceError>([] { cuda::Event().record(); }) == expected);
}

TEST_CASE("the properties of a device that does not exist are a DeviceError") {
  CHECK_THROWS_AS(cuda::get_device_properties(cuda::device_count()), DeviceError);
  CHECK_THROWS_AS(cuda::get_device_properties(-1), DeviceError);
}

}  // namespace mote::testing
