// One matrix product on one thread, of operands of any strides. Callers hold a OneThread meanwhile.
#pragma once

#include <omp.h>

#include <cstdint>

#include "cpu/gemm.h"
#include "mote/dtype.h"

namespace mote::cpu {

// Keeps both libraries on the calling thread; where the threads are used is decided here.
class OneThread {
 public:
  OneThread() : before_(omp_get_max_threads()) {
    if (before_ != 1) omp_set_num_threads(1);
  }
  ~OneThread() {
    if (before_ != 1) omp_set_num_threads(before_);
  }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

// C [n, m] = A [n, k] B [k, m] (+ C where accumulate).
template <class T>
void multiply_tile(int64_t n, int64_t m, int64_t k, const Matrix<const T>& a, const Matrix<const T>& b,
                   const Matrix<T>& c, bool accumulate);

// The same into rows of the compute type, c_lead apart.
template <class C, class T>
void multiply_dense(int64_t n, int64_t m, int64_t k, const Matrix<const T>& a, const Matrix<const T>& b, C* c,
                    int c_lead, bool accumulate);

}  // namespace mote::cpu
