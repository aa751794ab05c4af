#include "contender.h"

#include <benchmark/benchmark.h>
#include <mote/cuda.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "quiet.h"

namespace bench {

namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

}  // namespace

void flush_caches() {
  constexpr size_t kLine = 64;
  static std::vector<char> memory(flush_bytes());
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < memory.size(); i += kLine) ++memory[i];
  benchmark::ClobberMemory();
}

size_t flush_bytes() {
  size_t largest = size_t{32} << 20;
  for (const auto& cache : benchmark::CPUInfo::Get().caches)
    largest = std::max(largest, static_cast<size_t>(cache.size));
  return 2 * largest;
}

void LocalContender::run(int64_t repetitions) const {
  loop_(repetitions);
  if (device_.is_cuda()) mote::cuda::synchronize(device_.index());
}

double LocalContender::seconds(int64_t repetitions, int64_t warm_up, bool cold) {
  if (warm_up > 0) run(warm_up);
  if (!cold) {
    const Clock::time_point start = Clock::now();
    run(repetitions);
    return since(start);
  }
  double total = 0;
  for (int64_t i = 0; i < repetitions; ++i) {
    flush_caches();
    const Clock::time_point start = Clock::now();
    run(1);
    total += since(start);
  }
  return total;
}

std::optional<Memory> LocalContender::memory() { return memory_of(loop_, release_, device_); }

bool LocalContender::settle() { return wait_until_quiet(getpid()); }

}  // namespace bench
