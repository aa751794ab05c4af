#include "cpu/streaming.h"

#include <hwy/cache_control.h>
#include <unistd.h>

#include <algorithm>

namespace mote::cpu {

namespace {

// A virtual machine may report the cache of its whole host.
int64_t last_cache() {
  constexpr int64_t kMost = int64_t{32} << 20;
  const auto size = static_cast<int64_t>(sysconf(_SC_LEVEL3_CACHE_SIZE));
  return size > 0 ? std::min(size, kMost) : kMost;
}

}  // namespace

bool is_streamed(const View& out) {
  static const int64_t cache = last_cache();
  return out.numel() * static_cast<int64_t>(size_of(out.dtype)) > cache;
}

void finish_streaming() { hwy::FlushStream(); }

}  // namespace mote::cpu
