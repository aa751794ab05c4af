// Products of small float32 matrices, where a library's setting up would take longer than the product.
#pragma once

#include <cstdint>

namespace mote::cpu {

struct SmallProduct {
  const float* a;  // [rows, depth], any strides
  int64_t a_row_stride, a_depth_stride;
  const float* b;  // [depth, columns], dense rows
  int64_t b_stride;
  float* c;  // [rows, columns], dense rows
  int64_t c_stride;
};

// c = a b (+ c where accumulate). False, and nothing is done, where the columns are no whole number of vectors.
bool multiply_small(int64_t rows, int64_t columns, int64_t depth, const SmallProduct& product, bool accumulate);

}  // namespace mote::cpu
