#include "cpu/cpu_capability.h"

#include <fmt/format.h>
#include <hwy/highway.h>

#include <cstdlib>
#include <string_view>

#include "backends.h"
#include "mote/cpu_capability.h"
#include "mote/error.h"

namespace mote {

namespace cpu {

namespace {

struct Capability {
  const char* name;
  int64_t target;  // Highway's bit; those of lesser instruction sets are above it
};

#if HWY_ARCH_X86
constexpr Capability kCapabilities[] = {{"avx512", HWY_AVX3}, {"avx2", HWY_AVX2}, {"sse4", HWY_SSE4}};
#else
constexpr Capability kCapabilities[] = {{"default", 0}};
#endif

}  // namespace

void limit_capability() {
  const char* const value = std::getenv("MOTE_CPU_CAPABILITY");
  const std::string_view wanted = value ? value : "";
  if (wanted.empty() || wanted == "default") return;
  for (const Capability& capability : kCapabilities)
    if (wanted == capability.name) {
      hwy::DisableTargets(capability.target - 1);
      // SupportedTargets of Highway 1.0 chooses for all later dispatch, among the disabled targets too, where it has to
      // look at the machine. It need not where it was told.
      return hwy::SetSupportedTargetsForTest(hwy::SupportedTargets());
    }
  throw ValueError(fmt::format(
      "MOTE_CPU_CAPABILITY: expected avx512, avx2, sse4 or default, but got {}; unset it to use the best there is",
      wanted));
}

}  // namespace cpu

const char* cpu_capability() {
  cpu_backend();  // has read the environment
  const char* name = nullptr;
  for (const cpu::Capability& capability : cpu::kCapabilities) {
    name = capability.name;
    if (hwy::SupportedTargets() & HWY_TARGETS & capability.target) break;
  }
  return name;
}

}  // namespace mote
