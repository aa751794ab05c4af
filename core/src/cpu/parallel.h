// The one way in which CPU kernels use threads: an OpenMP region over equal parts of a range.
#pragma once

#include <omp.h>

#include <algorithm>
#include <cstdint>
#include <exception>

namespace mote::cpu {

// Elements of simple arithmetic below which a second thread costs more than it brings.
inline constexpr int64_t kGrain = 32768;

// Calls body(begin, end) for parts of [0, size) that are multiples of `grain` long, except for the last. Ranges of at
// most `grain`, and calls from inside another region, stay on the calling thread. What body computes for an index must
// not depend on the part it lies in: then results do not depend on the number of threads. The first exception is
// rethrown on the calling thread.
template <class Body>
void parallel_for(int64_t size, int64_t grain, const Body& body) {
  if (size <= 0) return;
  grain = std::max<int64_t>(grain, 1);
  const int64_t blocks = (size + grain - 1) / grain;
  if (blocks == 1) return body(int64_t{0}, size);
  const auto threads = static_cast<int>(std::min<int64_t>(blocks, omp_in_parallel() ? 1 : omp_get_max_threads()));
  if (threads <= 1) return body(int64_t{0}, size);
  std::exception_ptr error;
#pragma omp parallel num_threads(threads)
  {
    const int64_t id = omp_get_thread_num(), count = omp_get_num_threads();
    const int64_t begin = blocks * id / count * grain;
    const int64_t end = std::min(size, blocks * (id + 1) / count * grain);
    try {
      if (begin < end) body(begin, end);
    } catch (...) {
#pragma omp critical
      if (!error) error = std::current_exception();
    }
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace mote::cpu
