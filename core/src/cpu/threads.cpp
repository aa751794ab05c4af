#include "mote/threads.h"

#include <fmt/format.h>
#include <omp.h>

#include "cpu/parallel.h"
#include "mote/error.h"

namespace mote {

void set_num_threads(int threads) {
  if (threads < 1) throw ValueError(fmt::format("set_num_threads: expected at least 1, but got {}", threads));
  cpu::chosen_threads.store(threads, std::memory_order_relaxed);
  cpu::max_threads();  // the calling thread has asked now: what it tells OpenMP itself later on stays
  omp_set_num_threads(threads);
}

int get_num_threads() { return cpu::max_threads(); }

}  // namespace mote
