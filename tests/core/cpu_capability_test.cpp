// The instruction set of the CPU's kernels; run with several values of MOTE_CPU_CAPABILITY.
#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "mote/core.h"
#include "support/catch.h"

namespace mote::testing {

TEST_CASE("kernels keep to the instruction set that the environment names") {
  const std::vector<std::string> names = {"default", "sse4", "avx2", "avx512"};  // from the least to the best
  const auto rank = [&](const std::string& name) {
    return std::find(names.begin(), names.end(), name) - names.begin();
  };
  const std::string capability = cpu_capability();
  REQUIRE(rank(capability) < 4);
  if (const char* limit = std::getenv("MOTE_CPU_CAPABILITY")) CHECK(rank(capability) <= rank(limit));
  CHECK((ones({3}) + 1).sum().item<float>() == 6);
}

}  // namespace mote::testing
