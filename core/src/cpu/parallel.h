// The one way in which CPU kernels use threads: an OpenMP region over equal parts of a range.
#pragma once

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>

namespace mote::cpu {

// Elements of which a range has more before a second thread takes part: of simple arithmetic, of functions computed in
// vectors (exponentials, rows of softmax and layer_norm), and of functions computed one by one. A region takes 2 us
// while the threads of the pool still spin; so many elements take 4 to 10 us on one thread. Measured on the machine of
// docs/measurements.md: from here on two threads are quicker than one.
inline constexpr int64_t kGrain = 65536;
inline constexpr int64_t kFunctionGrain = kGrain / 2;
inline constexpr int64_t kScalarGrain = kGrain / 32;

// What set_num_threads was last called with; 0 before.
inline constinit std::atomic<int> chosen_threads{0};

// What OpenMP gives a thread that nobody has told another number.
inline const int first_max_threads = omp_get_max_threads();

// How many threads the calling one may use. OpenMP keeps a number for each thread: one that asks for the first time,
// and has chosen none by OpenMP's own function, takes over what was chosen.
inline int max_threads() {
  thread_local constinit bool asked = false;
  if (!asked) [[unlikely]] {
    asked = true;
    const int chosen = chosen_threads.load(std::memory_order_relaxed);
    if (chosen > 0 && omp_get_max_threads() == first_max_threads) omp_set_num_threads(chosen);
  }
  return omp_get_max_threads();
}

// Calls body(begin, end) for equal parts of [0, size), one for each thread, of which there are at most as many as
// grains. Parts begin at multiples of 64, or of the grain where that is less, so that threads do not share cache lines.
// Ranges of at most `grain`, and calls from inside another region, stay on the calling thread. What body computes for
// an index must not depend on the part it lies in: then results do not depend on the number of threads. The first
// exception is rethrown on the calling thread.
template <class Body>
void parallel_for(int64_t size, int64_t grain, const Body& body) {
  if (size <= 0) return;
  grain = std::max<int64_t>(grain, 1);
  const int64_t grains = (size + grain - 1) / grain;
  if (grains == 1) return body(int64_t{0}, size);
  const auto threads = static_cast<int>(std::min<int64_t>(grains, omp_in_parallel() ? 1 : max_threads()));
  if (threads <= 1) return body(int64_t{0}, size);
  const int64_t unit = std::min<int64_t>(grain, 64), units = (size + unit - 1) / unit;
  std::exception_ptr error;
#pragma omp parallel num_threads(threads)
  {
    const int64_t id = omp_get_thread_num(), count = omp_get_num_threads();
    const int64_t begin = units * id / count * unit;
    const int64_t end = std::min(size, units * (id + 1) / count * unit);
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
