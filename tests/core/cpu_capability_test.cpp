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
  const char* const value = std::getenv("MOTE_CPU_CAPABILITY");
  const std::string limit = value ? value : "";
  if (!limit.empty() && limit != "default") CHECK(rank(capability) <= rank(limit));
  if (capability == "default") return;
  // layer_norm multiplies by the weight and adds the bias; a fused multiply-add, which sse4 has not, leaves the
  // rounding.
  manual_seed(1);
  const Tensor x = randn({2, 64}), weight = randn({64});
  const Tensor product = layer_norm(x, {64}, weight)[0];
  const Tensor rounding = layer_norm(x, {64}, weight, -product)[0];
  CHECK((rounding != 0).any().item<bool>() == (rank(capability) >= rank("avx2")));
}

}  // namespace mote::testing
