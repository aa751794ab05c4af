// The geometry of kernels that walk along one dimension and keep something for each of its lines: lines whose elements
// lie next to each other are taken in blocks, so that memory is read row by row.
#pragma once

#include "cpu/strided_loop.h"

namespace mote::cpu {

inline constexpr int64_t kLinesAtOnce = 256;

// Calls block(first, steps, lines) for the lines along `dim` of two views of one shape, at most kLinesAtOnce of them:
// `first` points to the first line's first elements, `steps` are the bytes to the same of the next line. Parallel.
template <class Block>
void for_lines(const View& a, const View& b, int64_t dim, int64_t length, const Block& block) {
  const View starts_a = starts_along(a, dim), starts_b = starts_along(b, dim);
  const StridedLoop<2> loop({&starts_a, &starts_b});
  const int64_t grain = std::max<int64_t>(1, kGrain / std::max<int64_t>(1, length));
  loop.run_parallel(grain, [&](const auto& at, const auto& steps, int64_t count) {
    for (int64_t i = 0; i < count; i += kLinesAtOnce) {
      const std::array<char*, 2> first = {at[0] + i * steps[0], at[1] + i * steps[1]};
      block(first, steps, std::min(kLinesAtOnce, count - i));
    }
  });
}

}  // namespace mote::cpu
