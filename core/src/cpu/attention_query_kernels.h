// Attention of a single query, as generation asks for it token by token: here the lanes of a vector go along the depth
// of keys and the width of values, which are read once, in order.
#pragma once

#include "cpu/attention_kernels.h"

namespace mote::cpu {

// Queries of a call up to which they go one by one.
inline constexpr int64_t kFewQueries = 4;

template <class T>
struct ForwardQuery {
  int64_t query = 0;
  const T* q = nullptr;  // [depth], times scale / log 2
  T* out = nullptr;      // [width], becomes the weighted sum of values
  T sum = 0;             // becomes the sum of weights, and `maximum` the exponent, in base 2, that they are relative to
  T maximum = 0;
};

// Without dropout.
void attention_forward(const Head<float>& head, ForwardQuery<float>& query);
void attention_forward(const Head<double>& head, ForwardQuery<double>& query);

}  // namespace mote::cpu
